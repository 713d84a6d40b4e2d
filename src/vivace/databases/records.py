"""The rows that `fetch_all`, `fetch_one` and `iterate` give: `Record`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any

from sqlalchemy import ColumnElement

from vivace.utils.suggest import did_you_mean

# One for each distinct list of column names: a few hundred in an application, but they must not fill memory.
_MAX_SHAPES = 2048

Processor = Callable[[Any], Any]


class RecordShape:
    """What all records of one result share: the column names, where each is, and how values are converted."""

    __slots__ = ("elements", "names", "positions", "processors")

    def __init__(
        self,
        names: tuple[str, ...],
        processors: Sequence[Processor | None] | None = None,
        elements: Mapping[Any, int] | None = None,
    ) -> None:
        self.names = names
        self.positions: dict[str, int] = {}
        for position, name in enumerate(names):
            self.positions.setdefault(name, position)
        self.processors = None
        if processors is not None and any(processors):
            self.processors = tuple((i, processor) for i, processor in enumerate(processors) if processor is not None)
        self.elements: Mapping[Any, int] = elements or {}

    def record(self, values: Sequence[Any]) -> Record:
        """The record of one driver row."""
        if self.processors is not None:
            converted = list(values)
            for position, processor in self.processors:
                converted[position] = processor(converted[position])
            values = converted
        return Record(self, tuple(values))

    def first_value(self, value: Any) -> Any:
        """A value of the first column, converted."""
        if self.processors is not None and self.processors[0][0] == 0:
            return self.processors[0][1](value)
        return value

    def records(self, rows: Iterable[Sequence[Any]]) -> list[Record]:
        """The records of many driver rows."""
        record = self.record
        return [record(row) for row in rows]


_shapes: dict[tuple[str, ...], RecordShape] = {}


def shape_of(names: tuple[str, ...]) -> RecordShape:
    """The shared shape of a result without converters."""
    shape = _shapes.get(names)
    if shape is None:
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        shape = _shapes[names] = RecordShape(names)
    return shape


class Record:
    """One row: `row.title`, `row["title"]`, `row[0]`, `row[books.c.title]`, `dict(row)`.

    A sequence of its values, equal to a tuple of them; `keys()` makes `dict(row)` work. Of columns with the same name
    the first is found by name. It has no methods `count` and `index`, so that columns may have these names; a column
    that is called "keys" or "values" is read with `row["keys"]`.
    """

    __slots__ = ("_shape", "_values")

    def __init__(self, shape: RecordShape, values: tuple[Any, ...]) -> None:
        self._shape = shape
        self._values = values

    @property
    def _mapping(self) -> Mapping[str, Any]:
        return RecordMapping(self)

    def _asdict(self) -> dict[str, Any]:
        return dict(RecordMapping(self))

    @property
    def _fields(self) -> tuple[str, ...]:
        return self._shape.names

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            position = self._shape.positions.get(key)
            if position is None:
                raise KeyError(self._unknown(key))
            return self._values[position]
        if isinstance(key, ColumnElement):
            return self._values[self._position_of(key)]
        return self._values[key]

    def __getattr__(self, name: str) -> Any:
        position = self._shape.positions.get(name)
        if position is None:
            raise AttributeError(self._unknown(name))
        return self._values[position]

    def _position_of(self, element: ColumnElement[Any]) -> int:
        position = self._shape.elements.get(element)
        if position is None:
            name = getattr(element, "key", None) or getattr(element, "name", None)
            position = self._shape.positions.get(str(name))
        if position is None:
            raise KeyError(self._unknown(str(element)))
        return position

    def _unknown(self, name: str) -> str:
        return f"The row has no column {name!r}. " + did_you_mean(name, self._shape.names, listed_as="Columns")

    def keys(self) -> KeysView[str]:
        """The column names."""
        return RecordMapping(self).keys()

    def values(self) -> ValuesView[Any]:
        """The values, in the order of the columns."""
        return RecordMapping(self).values()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self._values == other._values
        if isinstance(other, tuple):
            return self._values == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._shape.names, self._values, strict=False))
        return f"Record({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self._shape.names, self._values)


Sequence.register(Record)


def _unpickle(names: tuple[str, ...], values: tuple[Any, ...]) -> Record:
    return Record(shape_of(names), values)


class RecordMapping(Mapping[str, Any]):
    """A record seen as a mapping from column name to value: its `_mapping`."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            raise KeyError(key)
        return self._record[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._record._shape.names)

    def __len__(self) -> int:
        return len(self._record)

    def values(self) -> ValuesView[Any]:
        """The values, also those of columns whose name an earlier one has."""
        return _RecordValues(self)

    def __repr__(self) -> str:
        return repr(dict(self))


class _RecordValues(ValuesView[Any]):
    _mapping: RecordMapping

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping._record)
