# cython: annotation_typing=False, auto_pickle=False
"""Records: views on the rows that a driver gives. Nothing is copied unless a column has to be converted."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any

from sqlalchemy import ColumnElement

from vivace.utils.suggest import did_you_mean

# One for each distinct list of column names: a few hundred in an application, but they must not fill memory.
_MAX_SHAPES = 2048

Processor = Callable[[Any], Any]


class RecordShape:
    """What all records of one result share: the column names, where each is, and how values are converted."""

    __slots__ = ("attributes", "decoders", "elements", "names", "positions", "processors")

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
        # What `row.name` may find: the methods win over columns of their name.
        self.attributes = {name: i for name, i in self.positions.items() if name not in _METHODS}
        self.processors: tuple[tuple[int, Processor], ...] | None = None
        if processors is not None and any(processors):
            self.processors = tuple([(i, processor) for i, processor in enumerate(processors) if processor is not None])
        self.elements: dict[Any, int] = dict(elements or ())
        # What makes these rows into objects of a type (typed/row_types.py).
        self.decoders: dict[Any, Any] = {}

    def named(self, names: tuple[str, ...]) -> RecordShape:
        """The shape of a result with these column names."""
        return self

    def record(self, values: Sequence[Any]) -> Record:
        """The record of one driver row."""
        record: Record = Record.__new__(Record)
        record._shape = self
        record._values = values if self.processors is None else self.converted(values)
        return record

    def records(self, rows: Iterable[Sequence[Any]]) -> list[Record]:
        """The records of many driver rows."""
        return [self.record(row) for row in rows]

    def converted(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The values of one driver row, each converted by its column's type."""
        changed = list(values)
        if self.processors is not None:
            for position, processor in self.processors:
                changed[position] = processor(changed[position])
        return tuple(changed)

    def first_value(self, value: Any) -> Any:
        """A value of the first column, converted."""
        if self.processors is not None and self.processors[0][0] == 0:
            return self.processors[0][1](value)
        return value


class LooseShape(RecordShape):
    """Of `text()` whose columns have types by name: only the result tells where they are."""

    def __init__(self, processors: Mapping[str, Processor | None]) -> None:
        super().__init__(())
        self._by_name = processors
        self._found: dict[tuple[str, ...], RecordShape] = {}

    def named(self, names: tuple[str, ...]) -> RecordShape:
        shape = self._found.get(names)
        if shape is None:
            shape = RecordShape(names, [self._by_name.get(name) for name in names])
            # The same text gives other columns only when its tables change.
            self._found = {names: shape}
        return shape


# Also all that has two underscores on both sides, but that is no name for a column.
_METHODS = frozenset({"keys", "values", "_mapping", "_fields", "_asdict", "_tuple", "__class__", "__dict__"})

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
    the first is found by name. It has no methods `count` and `index`, so that columns may have these names, and `get()`
    and `items()` only while no column has theirs; a column that is called "keys" or "values" is read with
    `row["keys"]`.
    """

    __slots__ = ("_shape", "_values")

    # Uncompiled it is made by RecordShape.record() too, which sets both.
    _shape: RecordShape
    _values: Sequence[Any]

    @property
    def _mapping(self) -> Mapping[str, Any]:
        return RecordMapping(self)  # type: ignore[return-value]  # registered below; a compiled class cannot inherit it

    @property
    def _fields(self) -> tuple[str, ...]:
        return self._shape.names

    def _asdict(self) -> dict[str, Any]:
        names = self._shape.names
        if len(self._shape.positions) == len(names):
            return dict(zip(names, self._values, strict=False))
        return {name: self._values[position] for name, position in self._shape.positions.items()}

    def _tuple(self) -> tuple[Any, ...]:
        return tuple(self._values)

    def __getitem__(self, key: Any) -> Any:
        if type(key) is str:
            position = self._shape.positions.get(key)
            if position is None:
                raise KeyError(self._unknown(key))
            return self._values[position]
        if type(key) is int:
            return self._values[key]
        if isinstance(key, ColumnElement):
            return self._values[self._position_of(key)]
        if isinstance(key, str):  # also `quoted_name`, SQLAlchemy's own kind of string
            return self[str(key)]
        return self._values[key]

    def __getattribute__(self, name: str) -> Any:
        # Only compiled: a column is found before anything raises an AttributeError, which takes three times as long.
        position = self._shape.attributes.get(name)
        if position is None:
            return object.__getattribute__(self, name)
        return self._values[position]

    def __getattr__(self, name: str) -> Any:
        position = self._shape.positions.get(name)
        if position is not None:
            return self._values[position]
        if name == "get" or name == "items":
            return getattr(RecordMapping(self), name)
        raise AttributeError(self._unknown(name))

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
        return len(self._shape.names)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        values = _values_of(other)
        return NotImplemented if values is None else self._tuple() == values

    def __lt__(self, other: object) -> bool:
        values = _values_of(other)
        return NotImplemented if values is None else self._tuple() < values

    def __le__(self, other: object) -> bool:
        values = _values_of(other)
        return NotImplemented if values is None else self._tuple() <= values

    def __gt__(self, other: object) -> bool:
        values = _values_of(other)
        return NotImplemented if values is None else self._tuple() > values

    def __ge__(self, other: object) -> bool:
        values = _values_of(other)
        return NotImplemented if values is None else self._tuple() >= values

    def __hash__(self) -> int:
        return hash(self._tuple())

    def __repr__(self) -> str:
        shown = ", ".join([f"{name}={value!r}" for name, value in zip(self._shape.names, self._values, strict=False)])
        return f"Record({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self._shape.names, self._tuple())


Sequence.register(Record)
if __file__.endswith(".py"):
    # Python finds the attributes of its own objects sooner than this method would, and calls __getattr__ for columns.
    del Record.__getattribute__


def _values_of(other: object) -> tuple[Any, ...] | None:
    if isinstance(other, Record):
        record: Record = other
        return record._tuple()
    return other if isinstance(other, tuple) else None


def _unpickle(names: tuple[str, ...], values: tuple[Any, ...]) -> Record:
    return shape_of(names).record(values)


class RecordMapping:
    """A record seen as a mapping from column name to value: its `_mapping`."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            raise KeyError(key)
        return self._record[key]

    def __contains__(self, key: Any) -> bool:
        if isinstance(key, str):
            return key in self._record._shape.positions
        try:
            self[key]
        except (KeyError, TypeError):
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._record._shape.names)

    def __len__(self) -> int:
        return len(self._record)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a column, `default` when there is no such column."""
        if key in self:
            return self[key]
        return default

    def keys(self) -> KeysView[str]:
        """The column names."""
        shape = self._record._shape
        if len(shape.positions) == len(shape.names):
            return shape.positions.keys()
        return KeysView(self)

    def values(self) -> ValuesView[Any]:
        """The values, also those of columns whose name an earlier one has."""
        return _RecordValues(self)

    def items(self) -> ItemsView[str, Any]:
        """Pairs of name and value."""
        return ItemsView(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RecordMapping):
            return self._record._asdict() == other._record._asdict()
        return self._record._asdict() == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as of any mapping

    def __repr__(self) -> str:
        return repr(self._record._asdict())


Mapping.register(RecordMapping)


class _RecordValues(ValuesView[Any]):
    def __iter__(self) -> Iterator[Any]:
        mapping: Any = self._mapping  # type: ignore[attr-defined]  # typeshed hides what ValuesView documents
        return iter(mapping._record)
