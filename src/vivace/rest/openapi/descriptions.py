"""What can be said about an operation by hand; names and arguments are `drf_spectacular.utils`'.

https://drf-spectacular.readthedocs.io/en/latest/drf_spectacular.html#module-drf_spectacular.utils
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from vivace.rest.fields.base import empty
from vivace.rest.openapi.schemas import Schema

Location = Literal["query", "path", "header", "cookie"]


@dataclass(frozen=True)
class OpenApiExample:
    """An example of a parameter, a body or an answer.

    It is shown where `media_type` and `status_codes` fit: JSON and 200 or 201, unless said otherwise. One value stands
    for a list of them where the answer is a list, and is put into the envelope of a page.
    """

    name: str
    value: Any = empty
    external_value: str = ""
    summary: str = ""
    description: str = ""
    request_only: bool = False
    response_only: bool = False
    parameter_only: tuple[str, Location] | None = None
    media_type: str | None = None
    status_codes: Sequence[str | int] | None = None

    def describe(self) -> Schema:
        """The Example Object."""
        found: Schema = {} if self.value is empty else {"value": self.value}
        told = {
            "externalValue": self.external_value,
            "summary": self.summary,
            "description": self.description,
        }
        return {**found, **{name: text for name, text in told.items() if text}}


@dataclass(frozen=True)
class OpenApiParameter:
    """A parameter that the code does not show, or more about one that it does; `exclude=True` takes one away.

    With `response=True`, or with status codes, it is a header of the answer.
    """

    QUERY: ClassVar[Literal["query"]] = "query"
    PATH: ClassVar[Literal["path"]] = "path"
    HEADER: ClassVar[Literal["header"]] = "header"
    COOKIE: ClassVar[Literal["cookie"]] = "cookie"

    name: str
    type: Any = str
    location: Location = "query"
    required: bool = False
    description: str = ""
    enum: Sequence[Any] | None = None
    pattern: str | None = None
    deprecated: bool = False
    style: str | None = None
    explode: bool | None = None
    default: Any = None
    allow_blank: bool = True
    many: bool | None = None
    examples: Sequence[OpenApiExample] = ()
    extensions: Mapping[str, Any] | None = None
    exclude: bool = False
    response: bool | Sequence[int | str] = False

    def __post_init__(self) -> None:
        if self.location not in ("query", "path", "header", "cookie"):
            raise ValueError(
                f"OpenApiParameter({self.name!r}): location is query, path, header or cookie, got {self.location!r}"
            )


@dataclass(frozen=True)
class OpenApiResponse:
    """An answer with its description and examples."""

    response: Any = None
    description: str = ""
    examples: Sequence[OpenApiExample] = ()


@dataclass(frozen=True)
class OpenApiRequest:
    """A body with the encoding of its form fields and examples."""

    request: Any = None
    encoding: Mapping[str, Mapping[str, Any]] | None = None
    examples: Sequence[OpenApiExample] = ()


@dataclass(frozen=True)
class OpenApiCallback:
    """A request that this API sends to an address which it was given, described from its sender's side.

    `decorator` is an `extend_schema(request=…, responses=…)`, or a mapping of methods to such.
    """

    name: str
    path: str
    decorator: Any


@dataclass(frozen=True)
class OpenApiWebhook:
    """A request that this API sends when something happens, described as an `OpenApiCallback`'s."""

    name: str
    decorator: Any


@dataclass(frozen=True)
class PolymorphicProxySerializer:
    """One of several serializers, told apart by the value of a field.

    `serializers` are a list (each one's field `resource_type_field_name` has its value as default or only choice), a
    mapping of values to serializers, or a function that gives either. Without a field name any of them may come.
    """

    component_name: str
    serializers: Sequence[Any] | Mapping[str, Any] | Callable[[], Sequence[Any] | Mapping[str, Any]]
    resource_type_field_name: str | None
    many: bool | None = None

    def choices(self) -> Sequence[Any] | Mapping[str, Any]:
        """The serializers."""
        return self.serializers() if callable(self.serializers) else self.serializers


@dataclass(frozen=True)
class Override:
    """What one `@extend_schema` says; `None` and `empty` say nothing."""

    operation_id: str | None = None
    parameters: Sequence[Any] = ()
    request: Any = empty
    responses: Any = empty
    auth: Sequence[str] | None = None
    description: str | None = None
    summary: str | None = None
    deprecated: bool | None = None
    tags: Sequence[str] | None = None
    filters: bool | None = None
    exclude: bool | None = None
    operation: Mapping[str, Any] | None = None
    methods: Sequence[str] | None = None
    versions: Sequence[str] | None = None
    examples: Sequence[OpenApiExample] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    callbacks: Sequence[OpenApiCallback] = ()
    external_docs: Mapping[str, str] | str | None = None

    def applies(self, method: str, version: str | None) -> bool:
        """Whether it speaks of this method in this version of the API."""
        named = self.methods is None or method in self.methods
        return named and (self.versions is None or version in self.versions)

    def over(self, other: Override) -> Override:
        """Both together; where both say something, this one's word counts."""
        told: dict[str, Any] = {}
        for name in SINGLE:
            own = getattr(self, name)
            told[name] = getattr(other, name) if own is None or own is empty else own
        return Override(
            parameters=[*other.parameters, *self.parameters],
            examples=[*other.examples, *self.examples],
            extensions={**other.extensions, **self.extensions},
            callbacks=[*other.callbacks, *self.callbacks],
            **told,
        )


SINGLE = (
    "operation_id", "request", "responses", "auth", "description", "summary", "deprecated", "tags", "filters",
    "exclude", "operation", "external_docs",
)  # fmt: skip
