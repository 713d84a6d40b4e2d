"""A route: the path, the methods and the code that answers. What holds routes is in `router`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, ClassVar

from vivace.utils.route_path import get_route_path
from vivace.utils.suggest import did_you_mean
from vivace.web._exception_handler import answer_exception, wrap_app_handling_exceptions
from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.datastructures import URLPath
from vivace.web.exceptions import HTTPException
from vivace.web.middleware import Middleware, wrap
from vivace.web.middleware.body_limit import RequestBodyLimitMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.responses._base import sending
from vivace.web.routing.paths import InvalidRouteError, compile_path, quote_meaning, read_params, replace_params
from vivace.web.types import ASGIApp, Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketClose

# Set by the router when a path exists and the method does not: what all its routes for that path allow.
ALLOWED_METHODS_KEY = "vivace.allowed_methods"

# Set by a mount with parameters in its path: the root path with their names, where `root_path` has their values.
ROUTE_ROOT_KEY = "vivace.route_root"


class NoMatchFound(Exception):
    """No route has this name and takes exactly these parameters.

    `names` are the names there are; the message gives the one that is nearest.
    """

    def __init__(self, name: str, path_params: dict[str, Any], names: Sequence[str] | None = None) -> None:
        message = f'No route exists for name "{name}" and params "{", ".join(path_params)}".'
        if names is not None:
            message += f" {did_you_mean(name, set(names), listed_as='Names')}"
        super().__init__(message)
        self.name = name
        self.path_params = path_params


class Match(Enum):
    """How well a route fits a request: not, the path without the method, or wholly."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


def request_response(func: Callable[[Request], Awaitable[Response] | Response]) -> ASGIApp:
    """The ASGI application of `func(request) -> response`; a plain function runs in the thread pool.

    Its exceptions are answered here, inside the middleware of its route, so that this middleware sees a response.
    """
    is_async = is_async_callable(func)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            try:
                response: Any = await func(request) if is_async else await run_in_threadpool(func, request)  # type: ignore[misc]
            except Exception as exception:  # noqa: BLE001 (re-raised when no handler wants it)
                await answer_exception(request, exception, scope, receive, send)
                return
            if not callable(response):
                raise TypeError(
                    f"{get_name(func)}() for {scope.get('path')!r} returned {type(response).__name__}, not a response. "
                    "Return a Response, for example JSONResponse(...)."
                )
            await sending(response, scope, receive, send)
        finally:
            if request._form is not None:  # its files, which the handler may have left open
                await request.close()

    return app


def websocket_session(func: Callable[[WebSocket], Awaitable[None]]) -> ASGIApp:
    """The ASGI application of `async func(websocket)`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = WebSocket(scope, receive, send)

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            await func(session)

        await wrap_app_handling_exceptions(run, session)(scope, receive, send)

    return app


def get_name(endpoint: Callable[..., Any]) -> str:
    """The name a route gets from its endpoint when none is given."""
    return getattr(endpoint, "__name__", type(endpoint).__name__)


def _is_function(endpoint: Callable[..., Any]) -> bool:
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return inspect.isfunction(endpoint) or inspect.ismethod(endpoint)


def _check_arguments(path: str, endpoint: Callable[..., Any], parameters: Collection[str]) -> None:
    """Raises InvalidRouteError for a function that cannot be called with a request alone.

    Only what is certain: a partial may bring arguments, and a decorator's wrapper is judged by its own signature.
    """
    is_plain = inspect.isfunction(endpoint) or inspect.ismethod(endpoint)
    if not is_plain or hasattr(endpoint, "__signature__"):  # a signature that somebody claims for it
        return
    arguments = list(inspect.signature(endpoint, follow_wrapped=False).parameters.values())
    positional = [one for one in arguments if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    extra = [one for one in arguments if one not in positional[:1] and one.default is one.empty]
    names = [one.name for one in extra if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if not names or names == ["receive", "send"]:  # (scope, receive, send): a placeholder that nobody requests
        return
    hints = [f'request.path_params["{name}"]' for name in names if name in parameters]
    advice = f"; read {', '.join(hints)} in it" if hints else ""
    raise InvalidRouteError(
        f"{get_name(endpoint)}() at {path!r} also wants {', '.join(names)}, but a handler is called with the request "
        f"only{advice}."
    )


class BaseRoute:
    """What a router holds. A subclass of your own needs `matches`, `handle` and, to be reversible, `url_path_for`."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """How well this route fits, and what to put into the scope if it is taken."""
        raise NotImplementedError

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route called `name` with these parameters; NoMatchFound when it is not here."""
        raise NotImplementedError

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request that `matches`."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A route alone is an ASGI application too: it answers what matches, and 404 to the rest."""
        match, child_scope = self.matches(scope)
        if match is not Match.NONE:
            scope.update(child_scope)
            await self.handle(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)


class RouteGroup(BaseRoute):
    """Several routes that stand in a list as one; a router takes them in at its place, in their order.

    Unlike those of a `Mount`, they have their whole paths, and what none of them matches goes on to the routes after.
    """

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes, which may be groups as well."""
        raise NotImplementedError

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        _, match, child_scope = self._best(scope)
        return match, child_scope

    def _best(self, scope: Scope) -> tuple[BaseRoute | None, Match, Scope]:
        partial: tuple[BaseRoute | None, Match, Scope] = None, Match.NONE, {}
        for route in self.routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return route, match, child_scope
            if match is Match.PARTIAL and partial[0] is None:
                partial = route, match, child_scope
        return partial

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        for route in self.routes:
            try:
                return route.url_path_for(name, **path_params)
            except NoMatchFound:
                continue
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Outside a router, which asks the routes themselves.
        route, _, _ = self._best(scope)
        if route is None:
            raise LookupError(f"no route of this group matches {scope.get('path')!r}")
        await route.handle(scope, receive, send)


def flatten(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes with those of each group in its place."""
    for route in routes:
        if isinstance(route, RouteGroup):
            yield from flatten(route.routes)
        else:
            yield route


class PathRoute(BaseRoute):
    """What `Route` and `WebSocketRoute` share: one path, one endpoint, one name."""

    scope_type: ClassVar[str]
    app: ASGIApp

    def __init__(self, path: str, endpoint: Callable[..., Any], name: str | None) -> None:
        if not path.startswith("/"):
            raise InvalidRouteError(f"Routed paths must start with '/', got {path!r}; try {'/' + path!r}.")
        if not callable(endpoint):
            raise InvalidRouteError(f"The endpoint of {path!r} must be callable, got {endpoint!r}.")
        self.path = path
        self.endpoint = endpoint
        self.name = get_name(endpoint) if name is None else name
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != self.scope_type:
            return Match.NONE, {}
        params = read_params(self.path_regex, self.param_convertors, get_route_path(scope))
        if params is None:
            return Match.NONE, {}
        return self.match_method(scope), self.child_scope(scope, params)

    def match_method(self, scope: Scope) -> Match:
        """The match of a request whose path is known to fit."""
        return Match.FULL

    def child_scope(self, scope: Scope, params: dict[str, Any]) -> Scope:
        """What a request with these parameters finds in its scope."""
        outer = scope.get("path_params")
        return {"endpoint": self.endpoint, "path_params": {**outer, **params} if outer else params}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if name != self.name or path_params.keys() != self.param_convertors.keys():
            raise NoMatchFound(name, path_params)
        path, _ = replace_params(self.path_format, self.param_convertors, path_params, write_as=quote_meaning)
        return URLPath(path=path, protocol="http" if self.scope_type == "http" else "websocket")


class PrefixRoute(BaseRoute):
    """What `Mount` matches by: everything below a path, with the rest of the path left to what is below."""

    app: ASGIApp

    def __init__(self, path: str) -> None:
        if path and not path.startswith("/"):
            raise InvalidRouteError(f"Routed paths must start with '/', got {path!r}; try {'/' + path!r}.")
        self.path = path.rstrip("/")
        self.path_regex, self.path_format, self.param_convertors = compile_path(self.path + "/{path:path}")
        self.is_literal = len(self.param_convertors) == 1

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] not in ("http", "websocket"):
            return Match.NONE, {}
        return self.match_path(scope, get_route_path(scope))

    def match_path(self, scope: Scope, route_path: str) -> tuple[Match, Scope]:
        """The match of an HTTP request or a WebSocket, given the path below the router's own root."""
        params: dict[str, Any] | None
        if self.is_literal:
            # What the pattern says, said faster: the part for `{path:path}` is of one line.
            matched = self.path
            if not route_path.startswith(matched + "/") or "\n" in route_path[len(matched) :]:
                return Match.NONE, {}
            params = {}
        else:
            params = read_params(self.path_regex, self.param_convertors, route_path)
            if params is None:
                return Match.NONE, {}
            matched = route_path[: -len("/" + params.pop("path"))]
        root_path = scope.get("root_path", "")
        child_scope = {
            "path_params": {**scope.get("path_params", {}), **params},
            # The root of the outermost application: `url_for` counts from there, whatever is mounted in what.
            "app_root_path": scope.get("app_root_path", root_path),
            "root_path": root_path + matched,
            "endpoint": self.app,
        }
        if ROUTE_ROOT_KEY in scope or not self.is_literal:
            own = self.path_format.removesuffix("/{path}")
            child_scope[ROUTE_ROOT_KEY] = scope.get(ROUTE_ROOT_KEY, root_path) + own
        return Match.FULL, child_scope


class Route(PathRoute):
    """Answers HTTP requests for a path.

    `endpoint` is a function `(request) -> response`, async or plain, which answers GET unless `methods` says more, or
    an ASGI application (an `HTTPEndpoint` class, for one), which gets every method unless `methods` says less. GET
    brings HEAD. `middleware` and `max_body_size` are for this route only.
    """

    scope_type = "http"

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
    ) -> None:
        super().__init__(path, endpoint, name)
        if isinstance(methods, str):
            raise InvalidRouteError(f"methods of {path!r} must be a list, got {methods!r}; try [{methods!r}].")
        self.include_in_schema = include_in_schema
        if _is_function(endpoint):
            _check_arguments(path, endpoint, self.param_convertors)
            self.app = request_response(endpoint)
            methods = ["GET"] if methods is None else methods
        else:
            self.app = endpoint
        self.app = wrap(self.app, middleware)
        if max_body_size is not None:
            self.app = RequestBodyLimitMiddleware(self.app, max_body_size=max_body_size)
        self.methods = None if methods is None else {method.upper() for method in methods}
        if self.methods and "GET" in self.methods:
            self.methods.add("HEAD")

    def match_method(self, scope: Scope) -> Match:
        return Match.PARTIAL if self.methods and scope["method"] not in self.methods else Match.FULL

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed: set[str] | None = scope.pop(ALLOWED_METHODS_KEY, None) or self.methods
        if not self.methods or scope["method"] in self.methods:
            await self.app(scope, receive, send)
            return
        headers = {"Allow": ", ".join(sorted(allowed or ()))}
        if "app" in scope:  # inside an application its exception handlers decide what a 405 looks like
            raise HTTPException(status_code=405, headers=headers)
        await PlainTextResponse("Method Not Allowed", status_code=405, headers=headers)(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Route)
            and self.path == other.path
            and self.endpoint == other.endpoint
            and self.methods == other.methods
        )

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r}, methods={sorted(self.methods or [])!r})"


class WebSocketRoute(PathRoute):
    """Answers WebSockets at a path; `endpoint` is `async (websocket) -> None` or an ASGI application."""

    scope_type = "websocket"

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        name: str | None = None,
        middleware: Sequence[Middleware] | None = None,
    ) -> None:
        super().__init__(path, endpoint, name)
        self.app = wrap(websocket_session(endpoint) if _is_function(endpoint) else endpoint, middleware)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocketRoute) and self.path == other.path and self.endpoint == other.endpoint

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r})"
