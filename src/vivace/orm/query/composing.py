"""New shapes put together from pieces of SQL that older ones needed, too.

Most queries differ in how they combine the same few things: a condition, an ordering, a slice. The compiler writes
each such piece once, in a statement of its own; a shape of which all pieces are known is then joined as text, at a
fraction of the cost. What is not made of plain conditions on columns of the model and of relations to one, what selects
anything but whole rows, and what does not fit together goes to the compiler, which alone knows how SQL is written.
"""

from __future__ import annotations

import itertools
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.sql import operators

from vivace.orm.expressions.binds import Argument, Binds, binder_of
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.numbering import number_shape
from vivace.orm.fetch_modes import FetchMode
from vivace.orm.fields import registering
from vivace.orm.query.compiled import Compiled, plan_of
from vivace.orm.query.compiler import only_one
from vivace.orm.query.filters import conjuncts
from vivace.orm.query.rows import kept_rows
from vivace.orm.query.select import Select
from vivace.orm.query.writes import DialectKey

if TYPE_CHECKING:
    from vivace.orm.base import Model

_SELECT, _FROM, _WHERE = "SELECT ", " \nFROM ", " \nWHERE "
_PARAMETER = re.compile(r"\$(\d+)")
_ONE: list[Any] = [sqlalchemy.literal_column("1")]
_LONGEST_NAME = 40
"""Names of aliases that are longer may be cut, then they depend on the others in the statement."""
_MOST = 4096


class Piece:
    """A condition, or what stands behind the conditions, as text."""

    __slots__ = ("arguments", "is_grouped", "joins", "sql", "values")

    def __init__(
        self, sql: list[str] | str, arguments: list[Argument], joins: list[tuple[str, str]], values: int
    ) -> None:
        self.sql = sql
        """The text; where parameters have numbers, its parts around them."""
        self.arguments = arguments
        self.joins = joins
        """The joins that it needs: the name of the table, and the text."""
        self.values = values
        """How many of a queryset's values it takes."""
        self.is_grouped = False
        """Whether it stands in brackets, which the compiler leaves out when it is alone."""

    def text(self, before: int) -> str:
        """The text when so many parameters stand before it."""
        if isinstance(self.sql, str):
            return self.sql
        first, *more = self.sql
        return first + "".join([f"${number}{part}" for number, part in enumerate(more, start=before + 1)])


class Pieces:
    """The pieces known for a model on one kind of database."""

    def __init__(self, model: type[Model], dialect: Dialect) -> None:
        self._model, self._dialect = model, dialect
        self._known: dict[Any, Piece | Literal["seen", "unfit"]] = {}

    @cached_property
    def table(self) -> str:
        """The model's own table in FROM."""
        return self._source(self._model._meta.table)

    def all(self, conditions: list[Shape], tail: Shape) -> list[Piece] | None:
        """The pieces of these conditions and of what stands behind them; None when one of them is not to be had.

        A piece is made when it is asked for a second time, so that a query that is like no other costs nothing more.
        """
        known = self._known
        keys = [*conditions, tail]
        found: list[Any] = [known.get(key) for key in keys]
        if None in found:
            if len(known) > _MOST:
                known.clear()
            for key in keys:
                known.setdefault(key, "seen")
            return None
        for index, piece in enumerate(found):
            if piece == "seen":
                make = self._condition if index < len(conditions) else self._tail
                found[index] = known[keys[index]] = make(keys[index]) or "unfit"
        return None if "unfit" in found else found

    def _condition(self, condition: Shape) -> Piece | None:
        select, values = self._select((("where", False, condition),))
        if len(select.where) != 1 or isinstance(select.where[0], sqlalchemy.True_ | sqlalchemy.False_):
            return None
        before = f"{_SELECT}1{_FROM}{self._source(select.joins.source())}{_WHERE}"
        # In brackets where it needs them beside others.
        alone, grouped = select.where[0], select.where[0].self_group(against=operators.and_)
        select.where = [grouped]
        piece = self._piece(select, select.rows(_ONE), before, values)
        if piece is not None:
            piece.is_grouped = grouped is not alone
        return piece

    def _tail(self, operations: Shape) -> Piece | None:
        asks_for_one = operations[-1:] == (("get",),)
        select, values = self._select(operations[:-1] if asks_for_one else operations)
        if asks_for_one:
            only_one(select)
        return self._piece(select, select.statement(_ONE), self._sql(select.rows(_ONE)), values)

    def _select(self, operations: Shape) -> tuple[Select, int]:
        """The SELECT of some operations, and how many values they have."""
        counter = itertools.count()
        select = Select(self._model, Binds.of(self._dialect))
        select.apply(number_shape(operations, counter))
        return select, next(counter)

    def _piece(self, select: Select, statement: Any, before: str, values: int) -> Piece | None:
        """What stands in a statement behind `before`; None when it would not mean the same in another one."""
        joins = self._joins(select)
        compiled = statement.compile(dialect=self._dialect)
        sql: str = compiled.string
        # A subquery has aliases of its own, which have their numbers from the whole statement.
        if joins is None or not sql.startswith(before) or "SELECT" in sql[len(before) :]:
            return None
        sql = sql.removeprefix(before)
        arguments = select.binds.arguments(compiled)
        if not self._dialect.paramstyle.startswith("numeric"):
            return Piece(sql, arguments, joins, values)
        texts = _PARAMETER.split(sql)
        if texts[1::2] != [str(number) for number in range(1, len(arguments) + 1)]:
            return None
        return Piece(texts[::2], arguments, joins, values)

    def _joins(self, select: Select) -> list[tuple[str, str]] | None:
        """The joins to one, each by the name of its table; None when there are others, or parameters in them."""
        joins, texts = select.joins, [self.table]
        names = [join.model._meta.table.name for join in joins.all]
        if joins.has_multi or len({*names}) < len(names) or any(len(name) > _LONGEST_NAME for name in names):
            return None
        if sqlalchemy.select(*_ONE).select_from(joins.source()).compile(dialect=self._dialect).params:
            return None
        for count in range(1, len(names) + 1):
            texts.append(self._source(joins.source(count)))
            if not texts[-1].startswith(texts[-2]):
                return None
        return [(name, text.removeprefix(before)) for name, before, text in zip(names, texts, texts[1:], strict=False)]

    def _source(self, source: sqlalchemy.FromClause) -> str:
        return self._sql(sqlalchemy.select(*_ONE).select_from(source)).removeprefix(f"{_SELECT}1{_FROM}")

    def _sql(self, statement: Any) -> str:
        return str(statement.compile(dialect=self._dialect))


@lru_cache(maxsize=4096)
def _pieces(model: type[Model], key: DialectKey) -> Pieces:
    return Pieces(model, key.dialect)


registering.on_change.append(_pieces.cache_clear)


def compose(model: type[Model], shape: Shape, dialect: Dialect) -> Compiled | None:
    """The statement of a shape, or None when it is not, or not yet, one that can be put together."""
    parts = None if model._meta.parents else _parts(shape)
    if parts is None:
        return None
    known = _pieces(model, DialectKey(dialect))
    conditions, tail, fetch_mode = parts
    pieces, rows = known.all(conditions, tail), kept_rows(model, dialect, fetch_mode)
    if pieces is None or rows is None or (len(conditions) == 1 and pieces[0].is_grouped):
        return None
    joins: dict[str, str] = {}
    arguments: list[Argument] = []
    texts: list[str] = []
    values = 0
    for piece in pieces:
        for name, text in piece.joins:
            if joins.setdefault(name, text) != text:
                return None
        texts.append(piece.text(len(arguments)))
        arguments += [
            Argument(None if slot is None else slot + values, convert, is_list)
            for slot, convert, is_list in piece.arguments
        ]
        values += piece.values
    last = texts.pop()
    where = f"{_WHERE}{' AND '.join(texts)}" if texts else ""
    sql = f"{_SELECT}{rows[0]}{_FROM}{known.table}{''.join(joins.values())}{where}{last}"
    return Compiled(plan_of(sql), binder_of(arguments), rows[1])


def _parts(shape: Shape) -> tuple[list[Shape], Shape, FetchMode | None] | None:
    """The conditions that must all be true, the operations on what is left, and how related rows are fetched.

    None for a shape that has anything else.
    """
    conditions: list[Any] = []
    tail: list[Shape] = []
    fetch_mode = None
    for operation in shape:
        kind = operation[0]
        if kind in ("filter", "exclude", "where") and any(each[0] == "slice" for each in tail):
            return None  # the values of the pieces would be in another order
        if kind == "filter":
            conditions += operation[1]
        elif kind == "where" and not operation[1]:
            conditions.append(operation[2])
        elif kind in ("exclude", "where"):
            conditions.append(("Q()", "and", True, operation[1] if kind == "exclude" else operation[2:]))
        elif kind == "fetch_mode":
            fetch_mode = operation[1]
        elif kind in ("slice", "reverse", "get") or (kind == "order" and all(map(_is_name, operation[1]))):
            tail.append(operation)
        else:
            return None
    if not all(map(_is_name, conditions)):
        conditions = [part for condition in conditions for part in conjuncts(condition)]
    return (conditions, tuple(tail), fetch_mode) if all(map(_is_plain, conditions)) else None


def _is_name(item: object) -> bool:
    return isinstance(item, str)


def _is_plain(condition: Any) -> bool:
    """Whether nothing but values, nulls and flags stands in it."""
    if isinstance(condition, str):
        return True
    if condition[0] == "Q()":
        return all(map(_is_plain, condition[3]))
    return condition[1] in ("null", "flag") or condition[1:] == ("pair", "value", "value")
