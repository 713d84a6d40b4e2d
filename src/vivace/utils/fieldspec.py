"""What a field knows, said once on the model and read by serializers, forms, admin, OpenAPI and migrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

Choice = tuple[Any, str]


class _NoDefault(Enum):
    NO_DEFAULT = "no default"

    def __repr__(self) -> str:
        return "NO_DEFAULT"

    def __bool__(self) -> bool:
        return False


NO_DEFAULT: Final = _NoDefault.NO_DEFAULT
"""The field has no default; None is a default like any other."""

Kind = Literal[
    "string",
    "text",
    "integer",
    "bigint",
    "smallint",
    "float",
    "decimal",
    "boolean",
    "date",
    "datetime",
    "time",
    "duration",
    "uuid",
    "json",
    "binary",
    "email",
    "url",
    "slug",
    "ip_address",
    "file",
    "image",
    "file_path",
    "array",
    "hstore",
    "range",
    "composite",
    "foreign_key",
    "one_to_one",
    "many_to_many",
]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field's name, type, limits and words, free of any layer's classes.

    `kind` says what the value is in the world, `python_type` how Python holds it (for a relation: the key's type).
    `default` may be a callable. `choices` are flat `(value, label)` pairs. `related` is "label.Model" or None.
    `db_default` is true when the database has a default for the column, which it does not tell.
    `auto` is true when the database or the field itself fills in the value (automatic keys, `auto_now`).
    """

    name: str
    kind: Kind
    python_type: type[Any]
    null: bool = False
    blank: bool = False
    default: Any = NO_DEFAULT
    choices: Sequence[Choice] | None = None
    max_length: int | None = None
    max_digits: int | None = None
    decimal_places: int | None = None
    min_value: Any = None
    max_value: Any = None
    validators: Sequence[Callable[[Any], None]] = ()
    label: str = ""
    help_text: str = ""
    editable: bool = True
    unique: bool = False
    primary_key: bool = False
    secret: bool = False
    auto: bool = False
    db_default: bool = False
    related: str | None = None

    @property
    def has_default(self) -> bool:
        """Whether a missing value is filled in."""
        return self.default is not NO_DEFAULT or self.db_default
