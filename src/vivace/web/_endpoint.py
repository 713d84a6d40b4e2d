"""Which endpoint a request would reach, for a middleware that stands before the routes and has to know it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vivace.web.routing import Match
from vivace.web.routing.routes import PathRoute, flatten
from vivace.web.types import ASGIApp, Scope


def endpoints_ahead(app: ASGIApp, scope: Scope) -> Iterator[Any]:
    """The endpoints that the routes below `app` lead this request to: those of mounts, then that of the route.

    Nothing for a request that no route takes wholly, so that it is not mistaken for one of another path or method.
    """
    if "endpoint" in scope:
        yield scope["endpoint"]  # the routes above have matched already
    below: Any = app
    scope = {**scope, "path_params": dict(scope.get("path_params", {}))}
    while (routes := _routes_of(below)) is not None:
        for route in flatten(routes):
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                break
        else:
            return
        scope.update(child_scope)
        below = child_scope.get("endpoint")
        yield below
        if isinstance(route, PathRoute):
            return


def _routes_of(app: Any) -> list[Any] | None:
    """The routes of an application, of a router's own `app`, or of what such are wrapped in."""
    seen = 0
    while app is not None and seen < 100:
        owner = getattr(app, "__self__", app)
        routes = getattr(owner, "routes", None)
        if isinstance(routes, list):
            return routes
        app, seen = getattr(owner, "app", None), seen + 1
    return None
