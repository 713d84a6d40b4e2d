"""What a route takes and answers, in plain words: what the OpenAPI document and typed clients are written from.

A route that knows has it as `route.operation` (see `vivace.rest.functions`). Types are Python's: what msgspec knows, a
pydantic model, `UploadFile`. Constraints are in the type, as `Annotated[int, msgspec.Meta(gt=0)]`. Nothing here imports
the ORM, msgspec or pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

Place = Literal["path", "query", "header", "cookie"]


class NoDefault(Enum):
    """What stands for "there is no default"."""

    NO_DEFAULT = "no default"


NO_DEFAULT = NoDefault.NO_DEFAULT


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter outside the body, under the name it has in the request ("X-Token", not `x_token`)."""

    name: str
    in_: Place
    type: Any
    required: bool
    default: Any = NO_DEFAULT
    description: str | None = None
    deprecated: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """`title`, `examples` (a list), `openapi_examples` (OpenAPI's mapping), `json_schema_extra`, where given."""


@dataclass(frozen=True, slots=True)
class BodyField:
    """One field of a form, or one of several values of a JSON body."""

    name: str
    type: Any
    required: bool
    default: Any = NO_DEFAULT
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: of one `type`, or an object with `fields` (then `type` is None)."""

    media_types: tuple[str, ...]
    required: bool
    type: Any = None
    fields: tuple[BodyField, ...] = ()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseDescription:
    """One response; `type` is None for an empty one.

    `item_type` is that of each line or event of a stream, `extra` what a route said itself in OpenAPI's words
    (`responses={404: {"description": …, "content": …}}`), which is added to what is made from the rest.
    """

    status: str
    description: str
    type: Any = None
    media_type: str | None = None
    item_type: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecurityRequirement:
    """A security scheme by name, OpenAPI's definition of it, and the scopes that this operation needs."""

    name: str
    definition: Mapping[str, Any]
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route does. `path` is as in OpenAPI (`/items/{id}`), relative to where its router is mounted."""

    path: str
    methods: tuple[str, ...]
    """In upper case, without the HEAD that comes with GET."""
    operation_id: str
    """As given, else made of the function's name; unique only in its router."""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    responses: tuple[ResponseDescription, ...] = ()
    security: tuple[SecurityRequirement, ...] = ()
    """All of them are needed, except that schemes with `auto_error` off may be left out (see `optional_security`)."""
    optional_security: bool = False
    tags: Sequence[str] = ()
    summary: str | None = None
    description: str | None = None
    deprecated: bool = False
    callbacks: Sequence[Any] = ()
    """Routes that describe what the API calls back."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """`openapi_extra`: OpenAPI's own words, which win."""
