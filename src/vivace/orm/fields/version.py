"""`VersionField`: optimistic locking."""

from __future__ import annotations

from typing import Any

from vivace.orm.fields.numbers import BigIntegerField


class VersionField(BigIntegerField[int]):
    """Counts the changes of a row, so that nobody's change is overwritten unseen.

    `save()` raises the number by one and writes only while the row still has the number that was read; otherwise it
    raises StaleObjectError. `QuerySet.update()`, `bulk_update()` and upserts raise the number too. In multi-table
    inheritance it counts the changes of all tables of the row.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"default": 1, "editable": False, **options})
