"""`APIRouter`: where typed functions are declared, and routers put into one another (names as in FastAPI)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar

from vivace.rest.functions.answers import AnswerOptions
from vivace.rest.functions.markers import DependsMarker
from vivace.rest.functions.routes import Declaration, Responses, Surroundings, TypedRoute, TypedWebSocketRoute, as_tuple
from vivace.rest.operations import NO_DEFAULT
from vivace.utils.suggest import did_you_mean
from vivace.web.middleware import Middleware
from vivace.web.responses import Response
from vivace.web.routing import BaseRoute, Router
from vivace.web.types import ASGIApp, Lifespan

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type[Any])
Overrides = dict[Callable[..., Any], Callable[..., Any]]

OPERATION = "__vivace_operation__"
METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
_OPTIONS = {
    "status_code", "tags", "dependencies", "summary", "description", "response_description", "responses", "deprecated",
    "operation_id", "response_model", "response_model_include", "response_model_exclude", "response_model_by_alias",
    "response_model_exclude_unset", "response_model_exclude_defaults", "response_model_exclude_none",
    "include_in_schema", "response_class", "name", "callbacks", "openapi_extra", "generate_unique_id_function",
    "strict_content_type", "max_body_size", "form_limits", "middleware",
}  # fmt: skip


class APIRouter(Router):
    """A router of typed functions; itself an ASGI application, and part of `app.api` by `app.api.include(router)`.

        router = APIRouter(prefix="/items", tags=["items"])

        @router.get("/{id}")
        async def read(id: int, q: Annotated[str, Query()] = "") -> ItemOut: ...

    * `prefix`, `tags`, `dependencies`, `responses`, `callbacks`, `deprecated`, `include_in_schema`,
      `default_response_class`, `generate_unique_id_function`, `strict_content_type`, `form_limits`: for all functions
      in it. `max_body_size` is in bytes; that of a function goes before.
    * `dependency_overrides`: functions that are called in place of dependencies, for tests. It costs nothing while it
      is empty.
    * the others are those of `vivace.web.routing.Router`.
    """

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: Collection[str | Enum] | None = None,
        dependencies: Sequence[Any] | None = None,
        default_response_class: type[Response] | None = None,
        responses: Responses | None = None,
        callbacks: Sequence[BaseRoute] | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        generate_unique_id_function: Callable[[Any], str] | None = None,
        strict_content_type: bool | None = None,
        max_body_size: int | None = None,
        form_limits: Mapping[str, Any] | None = None,
        routes: Sequence[BaseRoute] | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan[Any] | None = None,
        middleware: Sequence[Middleware] | None = None,
    ) -> None:
        super().__init__(
            routes, redirect_slashes=redirect_slashes, default=default, lifespan=lifespan, middleware=middleware
        )
        self.dependency_overrides: Overrides = {}
        self.surroundings = Surroundings(
            _checked_prefix(prefix),
            as_tuple(tags),
            _checked_dependencies(dependencies),
            responses or {},
            as_tuple(callbacks),
            deprecated,
            include_in_schema,
            default_response_class,
            generate_unique_id_function,
            strict_content_type,
            max_body_size,
            form_limits or {},
        )

    @property
    def prefix(self) -> str:
        """What all paths in it begin with."""
        return self.surroundings.prefix

    # Functions

    def api_route(
        self, path: str, *, methods: Collection[str] = ("GET",), **options: Any
    ) -> Callable[[Function], Function]:
        """`@router.api_route("/items", methods=["GET", "POST"])`: the function answers these methods.

        Options: `response_model` (in place of the return annotation; None for none) and `response_model_include`,
        `_exclude`, `_by_alias`, `_exclude_unset`, `_exclude_defaults`, `_exclude_none`; `status_code`,
        `response_class`, `dependencies`, `name`, `middleware`, `max_body_size`, `form_limits`, `strict_content_type`;
        for the document `tags`, `summary`, `description`, `response_description`, `responses`, `deprecated`,
        `operation_id`, `include_in_schema`, `callbacks`, `openapi_extra`, `generate_unique_id_function`. Raises
        TypeError for others, InvalidFunctionError for a function that cannot answer.
        """
        if isinstance(methods, str):
            raise TypeError(f"methods={methods!r} is a list of methods, such as [{methods!r}].")

        def decorator(function: Function) -> Function:
            self.add_api_route(path, function, methods=methods, **options)
            return function

        return decorator

    def add_api_route(
        self, path: str, endpoint: Callable[..., Any], *, methods: Collection[str] = ("GET",), **options: Any
    ) -> None:
        """`api_route` in one call."""
        self._add(declare(path, endpoint, methods, options))

    def get(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.get("/items/{id}")`; options as for `api_route`. HEAD comes with it."""
        return self.api_route(path, methods=("GET",), **options)

    def post(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.post("/items", status_code=201)`; options as for `api_route`."""
        return self.api_route(path, methods=("POST",), **options)

    def put(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.put("/items/{id}")`; options as for `api_route`."""
        return self.api_route(path, methods=("PUT",), **options)

    def patch(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.patch("/items/{id}")`; options as for `api_route`."""
        return self.api_route(path, methods=("PATCH",), **options)

    def delete(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.delete("/items/{id}", status_code=204)`; options as for `api_route`."""
        return self.api_route(path, methods=("DELETE",), **options)

    def options(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.options("/items")`; options as for `api_route`."""
        return self.api_route(path, methods=("OPTIONS",), **options)

    def head(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.head("/items")`; options as for `api_route`."""
        return self.api_route(path, methods=("HEAD",), **options)

    def trace(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@router.trace("/items")`; options as for `api_route`."""
        return self.api_route(path, methods=("TRACE",), **options)

    def websocket(
        self, path: str, name: str | None = None, *, dependencies: Sequence[Any] | None = None
    ) -> Callable[[Function], Function]:
        """`@router.websocket("/chat/{room}")` over a function that takes a WebSocket, parameters and dependencies."""

        def decorator(function: Function) -> Function:
            self.add_api_websocket_route(path, function, name, dependencies=dependencies)
            return function

        return decorator

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[Any] | None = None,
    ) -> None:
        """`websocket` in one call."""
        declaration = Declaration(path, endpoint, (), name=name, dependencies=_checked_dependencies(dependencies))
        self._add(declaration)

    # Classes

    def controller(self, prefix: str = "", **options: Any) -> Callable[[Class], Class]:
        """`@router.controller("/items")` over a class whose methods have `@get(…)` and so on from `controllers`.

        Each request gets an instance of its own, made as a dependency: what `__init__` asks for, it gets. `options` are
        those of a function, for all of them, as far as they do not say otherwise themselves.
        """
        prefix = _checked_prefix(prefix)

        def decorator(cls: Class) -> Class:
            found = [
                (function, operation)
                for base in reversed(cls.__mro__)
                for name, function in vars(base).items()
                for operation in getattr(function, OPERATION, ())
                if getattr(cls, name) is function
            ]
            if not found:
                raise TypeError(f"{cls.__name__} has no method with @get(…), @post(…) … of vivace.rest.functions.")
            for function, (path, methods, own_options) in found:
                declaration = declare(prefix + path, function, methods, {**options, **own_options})
                self._add(replace(declaration, own=cls))
            return cls

        return decorator

    # Routers

    def include_router(
        self,
        router: Router,
        *,
        prefix: str = "",
        tags: Collection[str | Enum] | None = None,
        dependencies: Sequence[Any] | None = None,
        default_response_class: type[Response] | None = None,
        responses: Responses | None = None,
        callbacks: Sequence[BaseRoute] | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        generate_unique_id_function: Callable[[Any], str] | None = None,
        max_body_size: int | None = None,
        form_limits: Mapping[str, Any] | None = None,
    ) -> None:
        """Takes in the routes that another router has now, with this prefix and these options.

        Routes that are not of typed functions are taken as they are, and without a prefix: mount them for one.
        """
        outer = Surroundings(
            _checked_prefix(prefix),
            as_tuple(tags),
            _checked_dependencies(dependencies),
            responses or {},
            as_tuple(callbacks),
            deprecated,
            include_in_schema,
            default_response_class,
            generate_unique_id_function,
            None,
            max_body_size,
            form_limits or {},
        )
        if router is self:
            raise ValueError("A router cannot take itself in.")
        for route in list(router.routes):
            if isinstance(route, TypedRoute | TypedWebSocketRoute):
                self._add(route.declaration.inside(outer), is_checked=True)
            elif prefix or self.prefix:
                raise TypeError(
                    f"include_router(prefix={prefix!r}): {route!r} is no typed function; use a Mount for it."
                )
            else:
                self.routes.append(route)

    def _add(self, declaration: Declaration, *, is_checked: bool = False) -> None:
        inside = declaration.inside(self.surroundings)
        kind = TypedRoute if inside.methods else TypedWebSocketRoute
        route = kind(inside, self.dependency_overrides)
        if not is_checked:
            route.check()
        self.routes.append(route)


def declare(
    path: str, function: Callable[..., Any], methods: Collection[str], options: Mapping[str, Any]
) -> Declaration:
    """What a decorator says, checked. Raises TypeError for an option that there is not."""
    for name in options:
        if name not in _OPTIONS:
            raise TypeError(f"{name}: there is no such option. {did_you_mean(name, _OPTIONS, listed_as='Options')}")
    for method in methods:
        if method.upper() not in METHODS:
            raise ValueError(f"methods has {method!r}. {did_you_mean(method.upper(), METHODS, listed_as='Methods')}")
    given = {name: value for name, value in options.items() if value is not None}
    model = options.get("response_model", NO_DEFAULT)
    answer = AnswerOptions(
        status_code=given.pop("status_code", None),
        response_class=given.pop("response_class", None),
        **{name.removeprefix("response_model_"): given.pop(name) for name in list(given) if _is_of_answer(name)},
    )
    given["dependencies"] = _checked_dependencies(given.get("dependencies"))
    given["response_model"] = model
    for name in ("tags", "callbacks"):
        given[name] = as_tuple(given.get(name))
    return Declaration(path, function, tuple(method.upper() for method in methods), answer=answer, **given)


def _is_of_answer(option: str) -> bool:
    return option.startswith("response_model_")


def _checked_prefix(prefix: str) -> str:
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise ValueError(f'prefix={prefix!r} starts with a slash and ends without one, such as "/{prefix.strip("/")}".')
    return prefix


def _checked_dependencies(dependencies: Sequence[Any] | None) -> tuple[DependsMarker, ...]:
    for one in dependencies or ():
        if not isinstance(one, DependsMarker):
            raise TypeError(f"dependencies=[…] takes Depends(…) and Security(…), got {one!r}; try Depends({one!r}).")
    return tuple(dependencies or ())
