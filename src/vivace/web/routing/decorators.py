"""Routes written as decorators: `@app.get("/")`, `@router.route("/")`. Starlette 1.0 dropped them; habits did not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.web.middleware import Middleware
from vivace.web.routing.routes import BaseRoute, Route, WebSocketRoute

Function = TypeVar("Function", bound=Callable[..., Any])


class RouteDecorators:
    """What an application and a router have in common for those who declare routes one by one, at their functions."""

    if TYPE_CHECKING:

        @property
        def routes(self) -> list[BaseRoute]: ...
        def add_event_handler(self, event_type: str, func: Callable[[], Any]) -> None: ...

    def route(
        self,
        path: str,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        *,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
    ) -> Callable[[Function], Function]:
        """`@app.route("/users", methods=["GET", "POST"])`; GET when nothing is said."""

        def decorator(function: Function) -> Function:
            route = Route(
                path,
                function,
                methods=methods,
                name=name,
                include_in_schema=include_in_schema,
                middleware=middleware,
                max_body_size=max_body_size,
            )
            self.routes.append(route)
            return function

        return decorator

    def get(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.get("/users/{id:int}")`; options as for `route`. HEAD comes with it."""
        return self.route(path, methods=["GET"], **options)

    def post(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.post("/users")`; options as for `route`."""
        return self.route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.put("/users/{id:int}")`; options as for `route`."""
        return self.route(path, methods=["PUT"], **options)

    def patch(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.patch("/users/{id:int}")`; options as for `route`."""
        return self.route(path, methods=["PATCH"], **options)

    def delete(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.delete("/users/{id:int}")`; options as for `route`."""
        return self.route(path, methods=["DELETE"], **options)

    def websocket_route(self, path: str, name: str | None = None) -> Callable[[Function], Function]:
        """`@app.websocket_route("/chat")`."""

        def decorator(function: Function) -> Function:
            self.routes.append(WebSocketRoute(path, function, name=name))
            return function

        return decorator

    # The name the newer toolkits use for the same.
    websocket = websocket_route

    def on_event(self, event_type: str) -> Callable[[Function], Function]:
        """`@app.on_event("startup")` or `"shutdown"` over a function without arguments."""

        def decorator(function: Function) -> Function:
            self.add_event_handler(event_type, function)
            return function

        return decorator
