"""What is done with a row when the row that its foreign key points to is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.orm.exceptions import ModelDefinitionError


class OnDelete:
    """What happens to a row when the row it points to is deleted."""

    def __init__(self, name: str, value: Any = None, *, in_database: bool = False) -> None:
        self.name, self.value, self.in_database = name, value, in_database

    def __repr__(self) -> str:
        return self.name


CASCADE = OnDelete("CASCADE")
"""Delete it too."""
PROTECT = OnDelete("PROTECT")
"""Refuse with ProtectedError."""
RESTRICT = OnDelete("RESTRICT")
"""Refuse with RestrictedError, unless the row is being deleted by a cascade as well."""
SET_NULL = OnDelete("SET_NULL")
"""Point to nothing."""
SET_DEFAULT = OnDelete("SET_DEFAULT")
"""Point to the field's default."""
DO_NOTHING = OnDelete("DO_NOTHING")
"""Leave it to the database, which refuses unless something else is arranged there."""
DB_CASCADE = OnDelete("DB_CASCADE", in_database=True)
"""The database deletes it too: in one statement, without signals and without a look at what hangs on it."""
DB_SET_NULL = OnDelete("DB_SET_NULL", in_database=True)
"""The database makes it point to nothing."""
DB_SET_DEFAULT = OnDelete("DB_SET_DEFAULT", in_database=True)
"""The database makes it point to the column's `db_default`."""


def SET(value: Any) -> OnDelete:  # noqa: N802 - Django's name
    """Point to `value`, or to what `value()` returns."""
    return OnDelete("SET", value)


def check_on_delete(on_delete: object, options: Mapping[str, Any], *, db_constraint: bool) -> None:
    """Raises ModelDefinitionError when `on_delete` cannot be done with the other options of the key."""
    if not isinstance(on_delete, OnDelete):
        raise ModelDefinitionError(
            "on_delete is one of models.CASCADE, PROTECT, RESTRICT, SET_NULL, SET_DEFAULT, SET(...), DO_NOTHING, "
            f"DB_CASCADE, DB_SET_NULL, DB_SET_DEFAULT, got {on_delete!r}"
        )
    if on_delete in (SET_NULL, DB_SET_NULL) and not options.get("null"):
        raise ModelDefinitionError(f"on_delete={on_delete!r} needs null=True")
    if on_delete is SET_DEFAULT and "default" not in options:
        raise ModelDefinitionError("on_delete=SET_DEFAULT needs a default")
    if on_delete is DB_SET_DEFAULT and "db_default" not in options:
        raise ModelDefinitionError("on_delete=DB_SET_DEFAULT needs a db_default")
    if on_delete.in_database and not db_constraint:
        raise ModelDefinitionError(f"on_delete={on_delete!r} is part of the constraint that db_constraint=False omits")
