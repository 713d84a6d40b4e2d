"""Querysets as SQLAlchemy statements, and as texts to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from vivace.orm.expressions.binds import Binds, Convert, Room
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.literals import literal
from vivace.orm.expressions.numbering import number_shape
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.base import Field
from vivace.orm.query.rows import row_columns
from vivace.orm.query.select import Select

if TYPE_CHECKING:
    from vivace.orm.base import Model


def core_statement(model: type[Model], shape: Shape, values: Sequence[Any], dialect: Dialect) -> Any:
    """The SQLAlchemy statement of a queryset, with its values: run it, or build on it."""
    try:
        return _statement(model, shape, BoundBinds(dialect, values))
    except OverflowError:
        return _statement(model, shape, BoundBinds(dialect, values, Room(wide=True)))


def _statement(model: type[Model], shape: Shape, binds: Binds) -> Any:
    select = Select(model, binds)
    select.apply(number_shape(shape))
    columns, _ = row_columns(select)
    more = select.columns_for_distinct(columns)
    statement = select.statement([*columns, *more])
    known = [*_shown(select, len(columns)), *[None] * len(more)]
    # What stands in the statement now: a condition on a window function has put a SELECT around it.
    named = [
        column if each is None else each.of(column, binds.dialect)
        for column, each in zip(statement.selected_columns, known, strict=True)
    ]
    return statement.with_only_columns(*named, maintain_column_froms=True)


class _Shown(NamedTuple):
    """A result column: its name, and how the driver's value is read."""

    name: str
    field: Field[Any]
    convert: Convert | None = None

    def of(self, column: Any, dialect: str) -> Any:
        """The column under this name, giving the values that the queryset gives."""
        read = _Read(column.type, self.convert or self.field.row_converter(dialect))
        return sqlalchemy.label(self.name, column, read)


def _shown(select: Select, count: int) -> list[_Shown | None]:
    """What is known of each of so many columns; None where a related model's column stays as it is."""
    while select.compound is not None:
        select = select.compound.first
    if select.values is not None:
        return [_of_operand(*each) for each in zip(select.value_names(), select.value_operands(), strict=True)]
    own = [_Shown(field.column, field) for field in select.loaded_fields()]
    more = [_of_operand(name, operand) for name, operand in select.annotations.items() if name not in select.hidden]
    return [*own, *[None] * (count - len(own) - len(more)), *more]


def _of_operand(name: str, operand: Operand) -> _Shown:
    return _Shown(name, operand.field, operand.convert)


class Query:
    """The SELECT of a queryset, to be looked at: Django's `queryset.query`, what people use of it."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        self._statement, self._dialect = statement, dialect

    def __str__(self) -> str:
        """The SQL with its values written into it: to be read, not to be run."""
        return str(self._statement.compile(dialect=self._dialect, compile_kwargs={"literal_binds": True}))

    def sql_with_params(self) -> tuple[str, tuple[Any, ...]]:
        """The SQL with the driver's placeholders, and what stands for them, in order."""
        compiled = self._statement.compile(dialect=self._dialect, compile_kwargs={"render_postcompile": True})
        return compiled.string, tuple(compiled.params[name] for name in compiled.positiontup or ())


class BoundBinds(Binds):
    """Binds of a statement that carries its values."""

    def __init__(self, dialect: Dialect, values: Sequence[Any], room: Room | None = None) -> None:
        super().__init__(dialect.name, room, is_mariadb=getattr(dialect, "is_mariadb", False))
        self._values = values

    def _parameter(self, slot: int, convert: Convert, sql_type: TypeEngine[Any]) -> Any:
        # No names of ours: statements are combined with others.
        return sqlalchemy.bindparam(None, convert(self._values[slot]), type_=_Given(sql_type), unique=True)

    def _among_places(
        self, element: sqlalchemy.ColumnElement[Any], slot: int, field: Field[Any], convert: Convert
    ) -> sqlalchemy.ColumnElement[bool]:
        given = _Given(self.type_of(field))
        values = [convert(each) for each in self._values[slot] if each is not None]
        return element.in_([sqlalchemy.bindparam(None, value, type_=given, unique=True) for value in values])


class _Read(TypeDecorator[Any]):
    """The type of a column whose values are read as the ORM reads them."""

    impl = sqlalchemy.String
    cache_ok = True

    def __init__(self, of: TypeEngine[Any], convert: Convert | None) -> None:
        super().__init__()
        self.impl_instance = self.impl = self.of = of  # type: ignore[assignment]
        self.convert = convert

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert | None:
        """From the driver's value; None stays None."""
        convert = self.convert
        return None if convert is None else lambda value: None if value is None else convert(value)


class _Given(TypeDecorator[Any]):
    """The type of a value that is already what the driver takes."""

    impl = sqlalchemy.String
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.impl_instance = self.impl = self.of = of  # type: ignore[assignment]

    def bind_processor(self, dialect: Dialect) -> None:
        """None: it is not converted a second time."""

    def literal_processor(self, dialect: Dialect) -> Any:
        """For `literal_binds`, which shows the statement as a text."""
        return lambda value: literal(value, dialect.name, self.of)
