"""The types of ASGI 3, and the error of a client that has left, as the leaves need them that speak it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientDisconnected(OSError):
    """Raised by `send` once the client is gone (ASGI 2.4); an application may let it pass, it is not logged."""
