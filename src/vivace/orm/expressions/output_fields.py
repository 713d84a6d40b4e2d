"""Output fields as parts of shapes: a field compared by what it is, not by its identity."""

from __future__ import annotations

from typing import Any

from vivace.orm.fields.base import Field

# What has no part in a value's way to the database and back.
_IMMATERIAL = frozenset(
    {
        "_choices",
        "_frozen",
        "_given_name",
        "_validators",
        "_verbose_name",
        "attname",
        "column",
        "creation_counter",
        "db_column",
        "db_comment",
        "db_default",
        "db_index",
        "db_tablespace",
        "default",
        "editable",
        "error_messages",
        "help_text",
        "model",
        "name",
        "primary_key",
        "secret",
        "unique",
        "unique_for_date",
        "unique_for_month",
        "unique_for_year",
        "verbose_name",
    }
)


class FrozenField:
    """A field in a shape. Equal to others of the same class and options; it has no hash when an option has none."""

    __slots__ = ("field", "key")

    def __init__(self, field: Field[Any]) -> None:
        self.field = field
        self.key = (
            type(field),
            *(
                (name, FrozenField(value) if isinstance(value, Field) else value)
                for name, value in vars(field).items()
                if name not in _IMMATERIAL
            ),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenField) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return repr(self.field)


def freeze_field(field: Field[Any] | None) -> FrozenField | None:
    """An output field as part of a shape, made once for each field."""
    if field is None:
        return None
    known: FrozenField | None = field.__dict__.get("_frozen")
    # A copy of a field has that of the field it was copied from.
    if known is None or known.field is not field:
        known = field.__dict__["_frozen"] = FrozenField(field)
    return known


def field_of(frozen: FrozenField | None) -> Field[Any] | None:
    """The field that `freeze_field` froze, or an equal one."""
    return None if frozen is None else frozen.field
