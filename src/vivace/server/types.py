"""The ASGI 3 types, as the server needs them (the toolkit's own are in `vivace.web.types`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from vivace.utils.asgi import Message, Receive, Scope, Send

__all__ = ["ASGIApp", "Application", "Message", "Receive", "Scope", "Send"]

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
# An application of whichever interface, before `interfaces.adapt` has made it ASGI 3.
Application = Callable[..., Any]
