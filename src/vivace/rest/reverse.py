"""Addresses of routes, as `rest_framework.reverse`: absolute when the request is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from vivace.web.datastructures import URL
from vivace.web.requests import Request
from vivace.web.routing import BaseRoute, Match, NoMatchFound


def reverse(
    viewname: str, kwargs: Mapping[str, Any] | None = None, request: Request | None = None, **extra: Any
) -> str:
    """The absolute address of the route called `viewname`, in the request's version of the API when it has one.

    Raises NoMatchFound, or LookupError without a request.
    """
    if request is None:
        raise LookupError(f"reverse({viewname!r}) needs request=, to know the application and its host")
    scheme = getattr(request, "versioning_scheme", None)
    if scheme is not None:
        try:
            return str(scheme.reverse(viewname, kwargs, request, **extra))
        except NoMatchFound:
            pass  # a route that has no versions
    return str(request.url_for(viewname, **{**(kwargs or {}), **extra}))


def match(viewname: str, address: str, request: Request) -> Mapping[str, Any]:
    """The path parameters that `address` has for the route called `viewname`; empty when it leads elsewhere.

    A full URL must be on the request's own host.
    """
    try:
        target = urlsplit(address)
    except ValueError:  # an unfinished IPv6 address
        return {}
    if target.netloc and target.netloc != URL(str(request.base_url)).netloc:
        return {}
    provider = request.scope.get("router") or request.scope.get("app")
    root_path = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    scope = {**request.scope, "path": target.path, "root_path": root_path, "method": "GET", "path_params": {}}
    scope.pop("app_root_path", None)
    return _find(getattr(provider, "routes", ()), viewname, scope) or {}


def _find(routes: Iterable[BaseRoute], name: str, scope: dict[str, Any]) -> Mapping[str, Any] | None:
    for route in routes:
        result, child_scope = route.matches(scope)
        if result is Match.NONE:
            continue
        inner = {**scope, **child_scope}
        route_name = getattr(route, "name", None)
        if route_name == name:
            params: Mapping[str, Any] = inner["path_params"]
            return params
        below = getattr(route, "routes", None)
        if below:
            prefix = f"{route_name}:" if route_name else ""
            if name.startswith(prefix) and (found := _find(below, name.removeprefix(prefix), inner)) is not None:
                return found
    return None
