"""`TypedRoute` and `TypedWebSocketRoute`: a path, a function with typed arguments, and what the route says of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vivace.rest.functions.answers import AnswerOptions
from vivace.rest.functions.endpoints import HTTPEndpoint, WebSocketEndpoint
from vivace.rest.functions.markers import DependsMarker
from vivace.rest.functions.plan import Overrides, PlanOptions
from vivace.rest.operations import NO_DEFAULT, Operation
from vivace.web.middleware import Middleware
from vivace.web.responses import Response
from vivace.web.routing import BaseRoute, Route, WebSocketRoute, compile_path

Responses = Mapping[int | str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a decorator says about one function; a router that takes it in adds its own."""

    path: str
    func: Callable[..., Any]
    methods: tuple[str, ...] = ("GET",)
    own: type[Any] | None = None
    name: str | None = None
    response_model: Any = NO_DEFAULT
    answer: AnswerOptions = field(default_factory=AnswerOptions)
    dependencies: tuple[DependsMarker, ...] = ()
    tags: tuple[Any, ...] = ()
    summary: str | None = None
    description: str | None = None
    response_description: str = "Successful Response"
    responses: Responses = field(default_factory=dict)
    deprecated: bool = False
    operation_id: str | None = None
    include_in_schema: bool = True
    callbacks: tuple[BaseRoute, ...] = ()
    openapi_extra: Mapping[str, Any] = field(default_factory=dict)
    generate_unique_id_function: Callable[[Any], str] | None = None
    strict_content_type: bool | None = None
    max_body_size: int | None = None
    form_limits: Mapping[str, Any] = field(default_factory=dict)
    middleware: Sequence[Middleware] | None = None

    def inside(self, outer: Surroundings) -> Declaration:
        """The same with what a router says about all of its functions."""
        response_class = self.answer.response_class or outer.response_class
        return replace(
            self,
            path=outer.prefix + self.path,
            dependencies=(*outer.dependencies, *self.dependencies),
            tags=(*outer.tags, *(tag for tag in self.tags if tag not in outer.tags)),
            responses={**outer.responses, **self.responses},
            callbacks=(*outer.callbacks, *self.callbacks),
            deprecated=self.deprecated or outer.deprecated,
            include_in_schema=self.include_in_schema and outer.include_in_schema,
            answer=replace(self.answer, response_class=response_class),
            generate_unique_id_function=self.generate_unique_id_function or outer.generate_unique_id_function,
            strict_content_type=_first(self.strict_content_type, outer.strict_content_type),
            max_body_size=_first(self.max_body_size, outer.max_body_size),
            form_limits={**outer.form_limits, **self.form_limits},
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a router says about all functions in it."""

    prefix: str = ""
    tags: tuple[Any, ...] = ()
    dependencies: tuple[DependsMarker, ...] = ()
    responses: Responses = field(default_factory=dict)
    callbacks: tuple[BaseRoute, ...] = ()
    deprecated: bool = False
    include_in_schema: bool = True
    response_class: type[Response] | None = None
    generate_unique_id_function: Callable[[Any], str] | None = None
    strict_content_type: bool | None = None
    max_body_size: int | None = None
    form_limits: Mapping[str, Any] = field(default_factory=dict)


class TypedRoute(Route):
    """Answers HTTP requests for a path with a typed function.

    Raises InvalidFunctionError for a function that cannot answer, except where an annotation names what is defined
    later: then the first request does.
    """

    endpoint: HTTPEndpoint

    def __init__(self, declaration: Declaration, overrides: Overrides) -> None:
        self.declaration = declaration
        options = PlanOptions(
            _names_in(declaration.path), declaration.strict_content_type is not False, declaration.form_limits
        )
        endpoint = HTTPEndpoint(
            declaration.func,
            declaration.dependencies,
            options,
            overrides,
            declaration.own,
            response_type=declaration.response_model,
            answer=declaration.answer,
        )
        super().__init__(
            declaration.path,
            endpoint,
            methods=declaration.methods,
            name=declaration.name,
            include_in_schema=declaration.include_in_schema,
            middleware=declaration.middleware,
            max_body_size=declaration.max_body_size,
        )

    def check(self) -> None:
        """Makes the plan now, unless it names what is defined later. Raises InvalidFunctionError."""
        with contextlib.suppress(NameError):
            _ = self.endpoint.plan, self.endpoint.answer

    @property
    def operation(self) -> Operation | None:
        """What the route takes and answers; None for one that is not in the OpenAPI document."""
        from vivace.rest.functions.describing import operation_of

        return operation_of(self) if self.include_in_schema else None


class TypedWebSocketRoute(WebSocketRoute):
    """Answers WebSockets at a path with a typed function."""

    endpoint: WebSocketEndpoint

    def __init__(self, declaration: Declaration, overrides: Overrides) -> None:
        self.declaration = declaration
        options = PlanOptions(_names_in(declaration.path), is_websocket=True)
        endpoint = WebSocketEndpoint(declaration.func, declaration.dependencies, options, overrides, declaration.own)
        super().__init__(declaration.path, endpoint, name=declaration.name, middleware=declaration.middleware)

    def check(self) -> None:
        """Makes the plan now, unless it names what is defined later. Raises InvalidFunctionError."""
        with contextlib.suppress(NameError):
            _ = self.endpoint.plan


def _names_in(path: str) -> frozenset[str]:
    return frozenset(compile_path(path)[2])


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def as_tuple(values: Collection[Any] | None) -> tuple[Any, ...]:
    """The values of an argument that may be None."""
    return () if values is None else tuple(values)
