# cython: annotation_typing=False, auto_pickle=False
"""Rows become typed objects: the loop over rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vivace.databases.errors import DataError
from vivace.databases.typed.converters import Conversion, Refused, as_it_is


class Column:
    """Where a field's value is in the row, and how it becomes what the field says."""

    __slots__ = ("convert", "exact", "field", "key", "name", "nullable", "position", "process", "shown", "takes_all")

    def __init__(
        self,
        conversion: Conversion,
        *,
        position: int,
        name: str,
        key: str,
        field: str,
        process: Callable[[Any], Any] | None,
    ) -> None:
        self.position = position
        self.name = name
        # What `make` calls it, and what people do.
        self.key = key
        self.field = field
        # What SQLAlchemy's column type makes of the driver's value.
        self.process = process
        self.shown = conversion.shown
        self.exact = conversion.exact
        self.convert = conversion.convert
        self.nullable = conversion.nullable
        self.takes_all = process is None and conversion.convert is as_it_is

    def keeps(self, raw: Any) -> bool:
        """Whether the driver's value is the field's as it is, which is the usual case and takes no call then."""
        if self.process is not None:
            return False
        return type(raw) is self.exact or self.takes_all or (raw is None and self.nullable)

    def value(self, raw: Any, number: int) -> Any:
        """What the field gets for the driver's value in row `number`."""
        value = raw if self.process is None else self.process(raw)
        if type(value) is self.exact:
            return value
        if value is None:
            if self.nullable:
                return None
            raise DataError(
                f"Row {number}: the column {self.name!r} is NULL, but {self.field or 'into'} is {self.shown}. "
                f"Make it {self.shown} | None, or leave such rows out"
            )
        try:
            return self.convert(value)
        except Refused as refusal:
            target = f"{self.field}, {_article(self.shown)}" if self.field else _article(self.shown)
            reason = f": {refusal}" if str(refusal) else ""
            raise DataError(
                f"Row {number}: the column {self.name!r} has {_article(type(value).__name__)}, which cannot become "
                f"{target}{reason}"
            ) from None


def _article(name: str) -> str:
    return f"an {name}" if name[:1] in "aeiouAEIO" else f"a {name}"


class RowDecoder:
    """Makes one kind of object of one kind of row.

    `named`: `make` gets a dict of the fields, and without `make` that is the object. Otherwise `make` gets the values
    one by one, and without `make` the first is the object.
    """

    __slots__ = ("columns", "make", "named")

    def __init__(self, columns: Sequence[Column], make: Callable[..., Any] | None, *, named: bool) -> None:
        self.columns = list(columns)
        self.make = make
        self.named = named

    def rows(self, rows: Iterable[Sequence[Any]], first: int = 1) -> list[Any]:
        """The objects of many rows, of which the first has the number `first` in error messages."""
        made: list[Any] = []
        number = first
        for row in rows:
            made.append(self.row(row, number))
            number += 1
        return made

    def row(self, row: Sequence[Any], number: int = 1) -> Any:
        """The object of one row. Raises `DataError` for a value that a field does not take."""
        if self.named:
            return self._of_fields(row, number)
        values: list[Any] = []
        for column in self.columns:
            raw = row[column.position]
            values.append(raw if column.keeps(raw) else column.value(raw, number))
        return values[0] if self.make is None else self.make(*values)

    def _of_fields(self, row: Sequence[Any], number: int) -> Any:
        fields: dict[str, Any] = {}
        for column in self.columns:
            raw = row[column.position]
            fields[column.key] = raw if column.keeps(raw) else column.value(raw, number)
        if self.make is None:
            return fields
        try:
            return self.make(fields)
        except Refused as refusal:
            raise DataError(f"Row {number}: {refusal}") from None
