"""`DatabaseDefault`: what stands in an attribute until the database has filled it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field


class DatabaseDefault:
    """The value of a field with `db_default` in an object that is not saved yet: "what the database says".

    Saving leaves the column out of the INSERT and reads the value back.
    """

    __slots__ = ("field",)

    def __init__(self, field: Field[Any]) -> None:
        self.field = field

    @property
    def expression(self) -> Any:
        """What `db_default` was given: a value, or an expression."""
        return self.field.db_default

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatabaseDefault) and other.field is self.field

    def __hash__(self) -> int:
        return hash((DatabaseDefault, id(self.field)))

    def __copy__(self) -> DatabaseDefault:
        return self

    def __deepcopy__(self, memo: object) -> DatabaseDefault:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_of_model, (self.field.model, self.field.name))

    def __repr__(self) -> str:
        return f"<DatabaseDefault: {self.expression!r}>"


def _of_model(model: type[Model], name: str) -> DatabaseDefault:
    return DatabaseDefault(model._meta.forward[name])
