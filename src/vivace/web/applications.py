"""The application: routes, middleware, exception handlers and a lifespan, put together (Starlette's names)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, ParamSpec, Self, TypeVar

from vivace.web._tracked_send_cy import tracked
from vivace.web.datastructures import State, URLPath
from vivace.web.middleware import Middleware, _MiddlewareFactory, wrap
from vivace.web.middleware.base import BaseHTTPMiddleware
from vivace.web.middleware.body_limit import RequestBodyLimitMiddleware
from vivace.web.middleware.errors import ServerErrorMiddleware
from vivace.web.middleware.exceptions import ExceptionMiddleware
from vivace.web.requests import Request
from vivace.web.responses import Response
from vivace.web.routing import BaseRoute, Router
from vivace.web.routing.decorators import Function, RouteDecorators
from vivace.web.types import ASGIApp, ExceptionHandler, Lifespan, Receive, Scope, Send
from vivace.web.websockets import WebSocket

AppType = TypeVar("AppType", bound="Application")
P = ParamSpec("P")


class Application(RouteDecorators):
    """An ASGI application.

    A request passes `ServerErrorMiddleware`, then `middleware` in the order given, then `ExceptionMiddleware`, then the
    routes. The chain is built once, at start-up or at the first request; routes can be added later, middleware cannot.

    * `debug`: show tracebacks to the client. Never in production.
    * `exception_handlers`: a status code or an exception class to `(request, exc) -> response`, async or plain; 500 or
      `Exception` is for what nothing else has answered.
    * `lifespan`: `(app) -> async context manager`, open while the application is up; a mapping that it yields is the
      state of every request. The lifespans of mounted applications run inside it. `on_startup` and `on_shutdown` are
      lists of functions, for those who like that better; both may be used.
    * `max_body_size`: 413 for a request body of more bytes.
    """

    def __init__(
        self,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan[Self] | None = None,
        *,
        max_body_size: int | None = None,
        on_startup: Sequence[Callable[[], Any]] | None = None,
        on_shutdown: Sequence[Callable[[], Any]] | None = None,
    ) -> None:
        self.debug = debug
        self.state = State()
        self.router = Router(routes, lifespan=lifespan, on_startup=on_startup, on_shutdown=on_shutdown)
        self.max_body_size = max_body_size
        self.exception_handlers: dict[Any, ExceptionHandler] = dict(exception_handlers or {})
        self.user_middleware = list(middleware or ())
        self.middleware_stack: ASGIApp | None = None

    def build_middleware_stack(self) -> ASGIApp:
        """The router inside all its layers; called once."""
        last_resort = None
        handlers: dict[Any, ExceptionHandler] = {}
        for key, handler in self.exception_handlers.items():
            if key in (500, Exception):
                last_resort = handler
            else:
                handlers[key] = handler
        layers = [Middleware(ServerErrorMiddleware, handler=last_resort, debug=self.debug)]
        if self.max_body_size is not None:
            layers.append(Middleware(RequestBodyLimitMiddleware, max_body_size=self.max_body_size))
        layers += [*self.user_middleware, Middleware(ExceptionMiddleware, handlers=handlers, debug=self.debug)]
        return wrap(self.router, layers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        stack = self.middleware_stack
        if type(stack) is not ServerErrorMiddleware or scope["type"] != "http":
            await stack(scope, receive, send)
            return
        # What the outermost layer would do, without a coroutine for it: 0.2 us.
        send = tracked(send)
        try:
            await stack.app(scope, receive, send)
        except Exception as exception:
            await stack.answer(exception, scope, receive, send)
            raise

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, in the order in which they are tried; the list may be changed."""
        return self.router.routes

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route called `name`; NoMatchFound names the nearest."""
        return self.router.url_path_for(name, **path_params)

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Hands everything below `path` to `app`."""
        self.router.mount(path, app=app, name=name)

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Hands every request for `host` to `app`."""
        self.router.host(host, app=app, name=name)

    def add_middleware(self, middleware_class: _MiddlewareFactory[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Adds a layer outside those there are; RuntimeError once the application has started."""
        if self.middleware_stack is not None:
            raise RuntimeError("Cannot add middleware after an application has started")
        self.user_middleware.insert(0, Middleware(middleware_class, *args, **kwargs))

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Answers this status code, or this exception class and its subclasses, with `handler`."""
        self.exception_handlers[exc_class_or_status_code] = handler

    def add_event_handler(self, event_type: str, func: Callable[[], Any]) -> None:
        """Calls `func` at "startup" or "shutdown"."""
        self.router.add_event_handler(event_type, func)

    def add_route(
        self,
        path: str,
        route: Callable[[Request], Awaitable[Response] | Response],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Adds a route for HTTP requests."""
        self.router.add_route(path, route, methods=methods, name=name, include_in_schema=include_in_schema)

    def add_websocket_route(
        self, path: str, route: Callable[[WebSocket], Awaitable[None]], name: str | None = None
    ) -> None:
        """Adds a route for WebSockets."""
        self.router.add_websocket_route(path, route, name=name)

    # Decorators, as in RouteDecorators.

    def exception_handler(self, exc_class_or_status_code: int | type[Exception]) -> Callable[[Function], Function]:
        """`@app.exception_handler(404)` over `(request, exc) -> response`."""

        def decorator(function: Function) -> Function:
            self.add_exception_handler(exc_class_or_status_code, function)
            return function

        return decorator

    def middleware(self, middleware_type: str) -> Callable[[Function], Function]:
        """`@app.middleware("http")` over `async (request, call_next) -> response`."""
        if middleware_type != "http":
            raise ValueError(f'The one type of function middleware is "http", got {middleware_type!r}.')

        def decorator(function: Function) -> Function:
            self.add_middleware(BaseHTTPMiddleware, dispatch=function)
            return function

        return decorator


# The name under which Starlette has it.
Starlette = Application
