"""A flat list of what an application answers, for `vivace routes` and the debug 404 page.

It reads routes by what they have (`path`, `routes`, `endpoint`, `methods`), so those of Starlette and of what
is built on it are listed as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vivace.web.routing import BaseRoute, flatten
from vivace.web.urls.routes import ViewRoute


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route: its whole path, methods ("GET HEAD", "WS"), name for `url_path_for`, and what it leads to.

    `location` is where that is written ("blog/views.py:12"), `middleware` what stands around it, outermost first.
    """

    path: str
    methods: str
    name: str
    endpoint: str
    location: str = field(default="", compare=False)
    middleware: tuple[str, ...] = field(default=(), compare=False)


def route_lines(
    routes: Sequence[BaseRoute], path: str = "", name: str = "", middleware: tuple[str, ...] = ()
) -> Iterator[RouteLine]:
    """The routes in the order in which they are tried, those of mounts in their place."""
    for route in flatten(routes):
        route_path = path + own_path(route)
        around = middleware + tuple(_middleware(getattr(route, "app", None)))
        route_name = getattr(route, "name", None) or ""
        full_name = f"{name}:{route_name}" if name and route_name else name or route_name
        below: Sequence[BaseRoute] = getattr(route, "routes", None) or ()
        if below:
            yield from route_lines(below, route_path, full_name, around)
        else:
            target = _target(route)
            yield RouteLine(
                route_path, _methods(route), full_name, _name_of(target), location=_location(target), middleware=around
            )


def own_path(route: Any) -> str:
    """The path of a route as it was written, without those around it; of a `Host`, the host."""
    if isinstance(route, ViewRoute):
        return route.text
    return getattr(route, "path", None) or getattr(route, "host", None) or ""


def _middleware(app: Any) -> Iterator[str]:
    while not hasattr(app, "routes") and hasattr(app, "app") and not inspect.isclass(app):
        yield type(app).__name__
        app = app.app


def _methods(route: BaseRoute) -> str:
    # A REST endpoint takes any method and decides itself, by its actions.
    actions = getattr(getattr(route, "endpoint", None), "actions", None)
    if actions:
        return " ".join(sorted(method.upper() for method in actions))
    cls = getattr(getattr(route, "endpoint", None), "cls", None)
    if isinstance(cls, type) and not getattr(route, "methods", None):
        return _methods_of_view(cls)
    methods = getattr(route, "methods", None) or getattr(getattr(route, "endpoint", None), "allowed_methods", None)
    if methods:
        return " ".join(sorted(methods))
    if hasattr(route, "methods"):
        return "any"
    return "WS" if hasattr(route, "endpoint") else "any"


def _methods_of_view(cls: type[Any]) -> str:
    """The methods that a view class has code for. OPTIONS is every view's, so it is not told, as for viewsets."""
    found = {name.upper() for name in getattr(cls, "http_method_names", ()) if name != "options" and hasattr(cls, name)}
    if "GET" in found and "head" in cls.http_method_names:
        found.add("HEAD")
    return " ".join(sorted(found)) or "any"


def _target(route: Any) -> Any:
    """What the user wrote: the function or class behind partials, views and instances."""
    target: Any = getattr(route, "endpoint", None) or getattr(route, "app", None)
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    target = getattr(target, "cls", target)
    return target if inspect.isroutine(target) or inspect.isclass(target) else type(target)


def _name_of(target: Any) -> str:
    model = vars(target).get("registered_model") if inspect.isclass(target) else None
    if model is not None:  # its viewset is made, and is in no module
        return f"{model.__module__}.{model.__qualname__} (registered)"
    return f"{target.__module__}.{target.__qualname__}"


def _location(target: Any) -> str:
    """The file and line, from the folder that we are in if it is below; empty for what is in no file."""
    target = inspect.unwrap(target)
    try:
        file = inspect.getsourcefile(target)
        line = target.__code__.co_firstlineno if hasattr(target, "__code__") else inspect.getsourcelines(target)[1]
    except (TypeError, OSError):
        return ""
    if file is None:
        return ""
    path = Path(file)
    return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{line}"
