"""A flat list of what a site answers, for `vivace routes` and the debug 404 page."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vivace.web.routing import BaseRoute


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route: its whole path, methods ("GET HEAD", "WS"), name for `url_path_for`, and what it leads to."""

    path: str
    methods: str
    name: str
    endpoint: str


def route_lines(routes: Sequence[BaseRoute], path: str = "", name: str = "") -> Iterator[RouteLine]:
    """The routes in the order in which they are tried, those of mounts in their place."""
    for route in routes:
        own: str = getattr(route, "path", None) or getattr(route, "host", None) or ""
        route_path = path + own
        route_name = getattr(route, "name", None) or ""
        full_name = f"{name}:{route_name}" if name and route_name else name or route_name
        below: Sequence[BaseRoute] = getattr(route, "routes", None) or ()
        if below:
            yield from route_lines(below, route_path, full_name)
        else:
            yield RouteLine(route_path, _methods(route), full_name, _endpoint(route))


def _methods(route: BaseRoute) -> str:
    # A REST endpoint takes any method and decides itself, by its actions.
    actions = getattr(getattr(route, "endpoint", None), "actions", None)
    if actions:
        return " ".join(sorted(method.upper() for method in actions))
    cls = getattr(getattr(route, "endpoint", None), "cls", None)
    if isinstance(cls, type) and not getattr(route, "methods", None):
        return _methods_of_view(cls)
    if hasattr(route, "methods"):
        return " ".join(sorted(route.methods)) if route.methods else "any"
    return "WS" if hasattr(route, "endpoint") else "any"


def _methods_of_view(cls: type[Any]) -> str:
    """The methods that a view class has code for. OPTIONS is every view's, so it is not told, as for viewsets."""
    found = {name.upper() for name in getattr(cls, "http_method_names", ()) if name != "options" and hasattr(cls, name)}
    if "GET" in found and "head" in cls.http_method_names:
        found.add("HEAD")
    return " ".join(sorted(found)) or "any"


def _endpoint(route: Any) -> str:
    target: Any = getattr(route, "endpoint", None) or getattr(route, "app", None)
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    target = getattr(target, "cls", target)
    model = vars(target).get("registered_model") if inspect.isclass(target) else None
    if model is not None:  # its viewset is made, and is in no module
        return f"{model.__module__}.{model.__qualname__} (registered)"
    if not (inspect.isroutine(target) or inspect.isclass(target)):
        target = type(target)
    return f"{target.__module__}.{target.__qualname__}"
