"""The shapes of ASGI 3, as type aliases that the whole toolkit shares (names as in `starlette.types`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from vivace.web.requests import Request
    from vivace.web.responses import Response
    from vivace.web.websockets import WebSocket

AppType = TypeVar("AppType")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]

Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

StatelessLifespan = Callable[[AppType], AbstractAsyncContextManager[None]]
StatefulLifespan = Callable[[AppType], AbstractAsyncContextManager[Mapping[str, Any]]]
Lifespan = StatelessLifespan[AppType] | StatefulLifespan[AppType]

HTTPExceptionHandler: TypeAlias = Callable[["Request", Exception], "Response | Awaitable[Response]"]
WebSocketExceptionHandler: TypeAlias = Callable[["WebSocket", Exception], Awaitable[None]]
ExceptionHandler: TypeAlias = HTTPExceptionHandler | WebSocketExceptionHandler
