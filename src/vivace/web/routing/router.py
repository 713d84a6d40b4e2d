"""What holds routes: `Router`, and `Mount` and `Host`, which are routes that hold a router or any ASGI application."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from vivace.utils.route_path import get_route_path
from vivace.web._utils import parse_host_header
from vivace.web.concurrency import forget_calls
from vivace.web.datastructures import URL, Headers, URLPath
from vivace.web.exceptions import HTTPException
from vivace.web.middleware import Middleware, wrap
from vivace.web.middleware.body_limit import RequestBodyLimitMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, RedirectResponse, Response
from vivace.web.routing._matcher_cy import Table
from vivace.web.routing.decorators import RouteDecorators
from vivace.web.routing.lifespan import as_lifespan, enter_mounted_state, mounted_lifespans, no_lifespan, with_handlers
from vivace.web.routing.mounted_names import offer_own_names
from vivace.web.routing.paths import InvalidRouteError, compile_path, quote_meaning, read_params, replace_params
from vivace.web.routing.routelist import RouteList
from vivace.web.routing.routes import (
    ALLOWED_METHODS_KEY,
    BaseRoute,
    Match,
    NoMatchFound,
    PathRoute,
    PrefixRoute,
    Route,
    WebSocketRoute,
    flatten,
)
from vivace.web.types import ASGIApp, Lifespan, Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketClose

_VIVACE = f"{Path(__file__).parents[2]}/"


class Mount(PrefixRoute):
    """Hands everything below `path` to an application of its own: `app`, or a router of these `routes`.

    The lifespan of the application runs inside that of the one around it. `lifespan=False` leaves it out (you run it
    yourself), `lifespan=True` runs it for a plain function too, which is not assumed to know the protocol.
    """

    def __init__(
        self,
        path: str,
        app: ASGIApp | None = None,
        routes: Sequence[BaseRoute] | None = None,
        name: str | None = None,
        *,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
        lifespan: bool | None = None,
    ) -> None:
        super().__init__(path)
        if app is None and routes is None:
            raise InvalidRouteError(f"Mount({path!r}): Either 'app=...', or 'routes=' must be specified")
        self._base_app: ASGIApp = Router(routes=routes) if app is None else app
        self.app = wrap(self._base_app, middleware)
        if max_body_size is not None:
            self.app = RequestBodyLimitMiddleware(self.app, max_body_size=max_body_size)
        self.name = name
        self._lifespan = lifespan

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of what is mounted here; none when it is not ours."""
        return getattr(self._base_app, "routes", None) or []

    @property
    def lifespan_app(self) -> ASGIApp | None:
        """The application whose lifespan is to run, if any."""
        return _lifespan_app(self._base_app, self._lifespan)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if self.name is not None and name == self.name and "path" in path_params:
            own = {**path_params, "path": ""}
            prefix, rest = replace_params(self.path_format, self.param_convertors, own, write_as=quote_meaning)
            if not rest:
                file = path_params["path"].lstrip("/")
                # Static files may be published under other names than they have: with a hash of their content.
                rename = getattr(self._base_app, "public_path", None)
                # As given: many write "app.css?v=2".
                return URLPath(path=prefix + (file if rename is None else rename(file)))
        child_name = _name_below(self.name, name)
        if child_name is not None and self.param_convertors.keys() <= {*path_params, "path"}:
            # A "path" parameter is that of the child: the mount's own is what the child's URL takes.
            prefix, rest = replace_params(
                self.path_format, self.param_convertors, {**path_params, "path": ""}, write_as=quote_meaning
            )
            if "path" in path_params:
                rest["path"] = path_params["path"]
            url = _find_url(self._base_app, child_name, rest)
            if url is not None:
                return URLPath(path=prefix.rstrip("/") + str(url), protocol=url.protocol)
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        enter_mounted_state(scope, self._base_app)
        offer_own_names(scope, self._base_app)
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mount) and self.path == other.path and self.app == other.app

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name or ''!r}, app={self.app!r})"


class Host(BaseRoute):
    """Hands every request for a host ("{tenant}.example.org", the port is not looked at) to an application."""

    def __init__(self, host: str, app: ASGIApp, name: str | None = None, *, lifespan: bool | None = None) -> None:
        if host.startswith("/"):
            raise InvalidRouteError(f"Host must not start with '/', got {host!r}; a path belongs into a Mount.")
        self.host = host
        self.app = app
        self.name = name
        self.host_regex, self.host_format, self.param_convertors = compile_path(host)
        self._lifespan = lifespan

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application; none when it is not ours."""
        return getattr(self.app, "routes", None) or []

    @property
    def lifespan_app(self) -> ASGIApp | None:
        """The application whose lifespan is to run, if any."""
        return _lifespan_app(self.app, self._lifespan)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] not in ("http", "websocket"):
            return Match.NONE, {}
        parsed = parse_host_header(Headers(scope=scope).get("host"))
        if parsed is None:
            return Match.NONE, {}
        params = read_params(self.host_regex, self.param_convertors, parsed.host.lower())
        if params is None:
            return Match.NONE, {}
        return Match.FULL, {"path_params": {**scope.get("path_params", {}), **params}, "endpoint": self.app}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if self.name is not None and name == self.name and "path" in path_params:
            own = {key: value for key, value in path_params.items() if key != "path"}
            host, rest = replace_params(self.host_format, self.param_convertors, own)
            if not rest:
                return URLPath(path=path_params["path"], host=host)
        child_name = _name_below(self.name, name)
        if child_name is not None:
            host, rest = replace_params(self.host_format, self.param_convertors, path_params)
            url = _find_url(self.app, child_name, rest)
            if url is not None:
                return URLPath(path=str(url), protocol=url.protocol, host=host)
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        enter_mounted_state(scope, self.app)
        offer_own_names(scope, self.app)
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and self.host == other.host and self.app == other.app

    def __hash__(self) -> int:
        return hash(self.host)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(host={self.host!r}, name={self.name or ''!r}, app={self.app!r})"


class Router(RouteDecorators):
    """An ASGI application that hands each request to the first of its routes that fits.

    Of a path whose methods do not fit, the first route answers 405; a path that only lacks a slash at its end, or has
    one too many, is redirected unless `redirect_slashes` is off; what nothing fits goes to `default`, which is 404.
    Routes may be added and removed at any time; the table they are compiled into is made again at the next request.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute] | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan[Any] | None = None,
        *,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
        on_startup: Sequence[Callable[[], Any]] | None = None,
        on_shutdown: Sequence[Callable[[], Any]] | None = None,
    ) -> None:
        self.routes = [] if routes is None else routes
        self.redirect_slashes = redirect_slashes
        self.default: ASGIApp = self.not_found if default is None else default
        self.on_startup = list(on_startup or ())
        self.on_shutdown = list(on_shutdown or ())
        self.lifespan_context: Lifespan[Any] = as_lifespan(lifespan)
        self.middleware_stack = wrap(self.app, middleware)
        if max_body_size is not None:
            self.middleware_stack = RequestBodyLimitMiddleware(self.middleware_stack, max_body_size=max_body_size)
        # `app` itself, when nothing stands around it: then the routes can be asked without it.
        is_plain = type(self).app is Router.app and not middleware and max_body_size is None
        self._plain_stack = self.middleware_stack if is_plain else None

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, in the order in which they are tried."""
        return self._routes

    @routes.setter
    def routes(self, routes: Sequence[BaseRoute]) -> None:
        self._routes: list[BaseRoute] = RouteList(routes, on_change=self._forget_tables)
        self._forget_tables()

    def _forget_tables(self) -> None:
        self._tables: dict[str, Table] = {}
        self._names: tuple[dict[str, list[tuple[int, BaseRoute]]], list[tuple[int, BaseRoute]]] | None = None

    def _compile(self, scope_type: str) -> Table:
        if scope_type not in ("http", "websocket"):
            raise RuntimeError(f"A Router answers http, websocket and lifespan, not {scope_type!r}.")
        table = self._tables[scope_type] = Table(scope_type, self._routes)
        return table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stack = self.middleware_stack
        await (self._answer if stack is self._plain_stack else stack)(scope, receive, send)

    def _entrance(self) -> ASGIApp:
        """See `vivace.web.middleware.entrance`: what answers, where neither middleware nor a subclass has a say."""
        is_plain = type(self).__call__ is Router.__call__ and self.middleware_stack is self._plain_stack
        return self._answer if is_plain else self

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The router inside its own middleware."""
        await self._answer(scope, receive, send)

    def _answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if "router" not in scope:
            scope["router"] = self
        table = self._tables.get(scope["type"])
        if table is None:
            if scope["type"] == "lifespan":
                return self.lifespan(scope, receive, send)
            table = self._compile(scope["type"])
        return table.answer(scope, receive, send) or self._answer_mismatch(scope, receive, send, table)

    async def _answer_mismatch(self, scope: Scope, receive: Receive, send: Send, table: Table) -> None:
        """No route fits wholly: 405, a redirect, or 404."""
        if partial := table.attempts(scope):
            route, _, child_scope = partial[0]
            scope["route"] = route
            scope.update(child_scope)
            # RFC 9110 15.5.6: Allow lists the methods of the resource, and several routes may share its path.
            scope[ALLOWED_METHODS_KEY] = {
                method for one, _, _ in partial for method in getattr(one, "methods", ()) or ()
            }
            await route.handle(scope, receive, send)
            return
        redirect = self._redirect_slash(scope, table)
        await (redirect or self.default)(scope, receive, send)

    def _redirect_slash(self, scope: Scope, table: Table) -> Response | None:
        path = scope["path"]
        route_path = get_route_path(scope)
        if not self.redirect_slashes or scope["type"] != "http" or route_path == "/":
            return None
        redirect_scope = {**scope, "path": path.rstrip("/") if route_path.endswith("/") else path + "/"}
        if table.attempts(redirect_scope):
            return RedirectResponse(url=str(URL(scope=redirect_scope)))
        return None

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What answers when nothing fits: 404, by the exception handlers of the application when there is one."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        elif "app" in scope:
            raise HTTPException(status_code=404)
        else:
            await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route called `name` ("mount:name" inside a named Mount); NoMatchFound names the nearest."""
        url = self.find_url_path(name, path_params)
        if url is None:
            raise NoMatchFound(name, path_params, list(names_of(self._routes)))
        return url

    def find_url_path(self, name: str, path_params: dict[str, Any]) -> URLPath | None:
        """As `url_path_for`, with None for no such route."""
        for route in self._named(name):
            try:
                return route.url_path_for(name, **path_params)
            except NoMatchFound:
                continue
        return None

    def _named(self, name: str) -> list[BaseRoute]:
        """The routes that may know this name, in order: those called so, and those that hold routes of their own."""
        if self._names is None:
            self._names = {}, []
            for position, route in enumerate(flatten(self._routes)):
                if isinstance(route, PathRoute) and type(route).url_path_for is PathRoute.url_path_for:
                    self._names[0].setdefault(route.name, []).append((position, route))
                else:
                    self._names[1].append((position, route))
        called_so, holders = self._names
        return [route for _, route in sorted(called_so.get(name, []) + holders, key=itemgetter(0))]

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs start-up and shutdown: this router's own around those of the applications mounted in it."""
        started = False
        await receive()
        try:
            async with self._own_lifespan()(scope.get("app")) as state:
                if state is not None:
                    if "state" not in scope:
                        raise RuntimeError('The server does not support "state" in the lifespan scope.')
                    scope["state"].update(state)
                async with mounted_lifespans(self._mounted_apps(), scope):
                    for scope_type in ("http", "websocket"):
                        self._compile(scope_type)
                    # Servers may run requests in copies of this context: each is a new one all the same.
                    forget_calls()
                    await send({"type": "lifespan.startup.complete"})
                    started = True
                    await receive()
        except BaseException as error:
            failed = "lifespan.shutdown.failed" if started else "lifespan.startup.failed"
            await send({"type": failed, "message": _traceback_of(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @property
    def has_lifespan(self) -> bool:
        """Whether start-up or shutdown has anything to do here or in what is mounted here."""
        return self._own_lifespan() is not no_lifespan or bool(self._mounted_apps())

    def _own_lifespan(self) -> Lifespan[Any]:
        if self.on_startup or self.on_shutdown:
            return with_handlers(self.lifespan_context, self.on_startup, self.on_shutdown)
        return self.lifespan_context

    def _mounted_apps(self) -> list[ASGIApp]:
        apps = [getattr(route, "lifespan_app", None) for route in flatten(self._routes)]
        # One application may be mounted at several paths.
        return list({id(app): app for app in apps if app is not None}.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Router) and self.routes == other.routes

    __hash__ = None  # type: ignore[assignment]  # its routes may change

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Adds `Mount(path, app)`."""
        self.routes.append(Mount(path, app=app, name=name))

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Adds `Host(host, app)`."""
        self.routes.append(Host(host, app=app, name=name))

    def add_route(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response] | Response],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Adds `Route(path, endpoint, …)`."""
        self.routes.append(
            Route(path, endpoint=endpoint, methods=methods, name=name, include_in_schema=include_in_schema)
        )

    def add_websocket_route(
        self, path: str, endpoint: Callable[[WebSocket], Awaitable[None]], name: str | None = None
    ) -> None:
        """Adds `WebSocketRoute(path, endpoint)`."""
        self.routes.append(WebSocketRoute(path, endpoint=endpoint, name=name))

    def add_event_handler(self, event_type: str, func: Callable[[], Any]) -> None:
        """Calls `func` at "startup" or "shutdown", after the lifespan has opened and before it closes."""
        if event_type not in ("startup", "shutdown"):
            raise ValueError(f'Events are "startup" and "shutdown", got {event_type!r}.')
        (self.on_startup if event_type == "startup" else self.on_shutdown).append(func)


def _name_below(prefix: str | None, name: str) -> str | None:
    """The name within a mount of this name; a mount without one adds nothing to the names of its routes."""
    if prefix is None:
        return name
    return name[len(prefix) + 1 :] if name.startswith(prefix + ":") else None


def _find_url(app: Any, name: str, path_params: dict[str, Any]) -> URLPath | None:
    router = getattr(app, "router", app)
    if isinstance(router, Router):
        return router.find_url_path(name, path_params)
    for route in getattr(app, "routes", None) or []:
        try:
            found: URLPath = route.url_path_for(name, **path_params)
        except Exception as error:
            # Routes of Starlette's have one of their own.
            if type(error).__name__ != NoMatchFound.__name__:
                raise
            continue
        return found
    return None


def names_of(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Every name that `url_path_for` knows, as it must be written."""
    for route in flatten(routes):
        name = getattr(route, "name", None)
        if name is not None:
            yield name
        prefix = f"{name}:" if name else ""
        yield from (prefix + below for below in names_of(getattr(route, "routes", None) or []))


def _lifespan_app(app: Any, wanted: bool | None) -> ASGIApp | None:
    if wanted is None:
        wanted = app.has_lifespan if isinstance(app, Router) else _may_have_lifespan(app)
    lifespan_app: ASGIApp | None = app if wanted else None
    return lifespan_app


def _may_have_lifespan(app: Any) -> bool:
    # A function may wait for ever for the messages that it knows; whoever made a class of it has read the protocol.
    return not (inspect.isroutine(app) or isinstance(app, BaseRoute | Response))


def _traceback_of(error: BaseException) -> str:
    """The traceback from the first frame that is the application's: ours around it say nothing."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename != contextlib.__file__ and not filename.startswith(_VIVACE):
            break
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))
