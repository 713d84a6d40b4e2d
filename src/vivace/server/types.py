"""The ASGI 3 types, as the server needs them (the toolkit's own are in `vivace.web.types`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
# An application of whichever interface, before `interfaces.adapt` has made it ASGI 3.
Application = Callable[..., Any]
