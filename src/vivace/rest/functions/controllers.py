"""`@get`, `@post` …: methods of a class that answer requests, for `APIRouter.controller`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vivace.rest.functions.router import OPERATION

Function = TypeVar("Function", bound=Callable[..., Any])


def _method(method: str | None, path: str, options: dict[str, Any]) -> Callable[[Function], Function]:
    def decorator(function: Function) -> Function:
        known = getattr(function, OPERATION, ())
        setattr(function, OPERATION, (*known, (path, () if method is None else (method,), options)))
        return function

    return decorator


def get(path: str = "", **options: Any) -> Callable[[Function], Function]:
    """The method answers GET; options as for `APIRouter.api_route`."""
    return _method("GET", path, options)


def post(path: str = "", **options: Any) -> Callable[[Function], Function]:
    """The method answers POST; options as for `APIRouter.api_route`."""
    return _method("POST", path, options)


def put(path: str = "", **options: Any) -> Callable[[Function], Function]:
    """The method answers PUT; options as for `APIRouter.api_route`."""
    return _method("PUT", path, options)


def patch(path: str = "", **options: Any) -> Callable[[Function], Function]:
    """The method answers PATCH; options as for `APIRouter.api_route`."""
    return _method("PATCH", path, options)


def delete(path: str = "", **options: Any) -> Callable[[Function], Function]:
    """The method answers DELETE; options as for `APIRouter.api_route`."""
    return _method("DELETE", path, options)


def websocket(path: str = "", **options: Any) -> Callable[[Function], Function]:
    """The method answers WebSockets; the options are `name` and `dependencies`."""
    return _method(None, path, options)
