"""`Select`: one SELECT while it is being built from the operations of a queryset's shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.sql import visitors

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.binds import BIG_INTEGER, Binds
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.operand import Operand, columns_of
from vivace.orm.expressions.operands import build
from vivace.orm.fetch_modes import FetchMode
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.relation import Relation
from vivace.orm.query.compounds import Compound, settle
from vivace.orm.query.filtered import add_filtered
from vivace.orm.query.filters import Filters
from vivace.orm.query.joins import Join, Joins
from vivace.orm.query.loaded import loaded_fields
from vivace.orm.query.locks import Lock
from vivace.orm.query.ordering import Ordering
from vivace.orm.query.qualified import qualified

if TYPE_CHECKING:
    from vivace.orm.base import Model


class Select:
    """The state of one SELECT: joins, conditions, annotations, ordering, grouping."""

    def __init__(self, model: type[Model], binds: Binds, *, outer: Select | None = None) -> None:
        self.model, self.binds, self.outer = model, binds, outer
        self.joins = Joins(model, aliased=outer is not None)
        self.annotations: dict[str, Operand] = {}
        self.filtered_shapes: dict[str, Shape] = {}
        self.hidden: set[str] = set()
        """Annotations that are not selected: of `alias()`, or left out by `values()`."""
        self.aliases: set[str] = set()
        self.where: list[ColumnElement[bool]] = []
        self.having: list[ColumnElement[bool]] = []
        self.qualify: list[ColumnElement[bool]] = []
        """Conditions on window functions, which are true or false only when the rows are there."""
        self.has_windows = False
        self.ordering = Ordering(self)
        self.filters = Filters(self)
        self.distinct: tuple[str, ...] | None = None
        self.values: tuple[str, ...] | None = None
        self.values_form = "dict"
        """ "dict", "tuple" or "flat"."""
        self.group_by: list[ColumnElement[Any]] | None = None
        self.grouped_by_key = False
        self.related_joins: list[Join] = []
        """Joined tables whose rows are selected whole, by select_related()."""
        self.only: tuple[str, ...] | None = None
        self.deferred: set[str] = set()
        self.related: list[str] | None = None
        self.operations: Sequence[Shape] = ()
        """What has been applied, for a SELECT that is like this one."""
        self.compound: Compound | None = None
        self.lock: Lock | None = None
        self.fetch_mode: FetchMode | None = None
        self.each: tuple[Any, ...] | None = None
        """A slice for each value of something: its name, and the numbers of the rows before and behind the slice."""
        self.limit: ColumnElement[Any] | None = None
        self.offset: ColumnElement[Any] | None = None

    def apply(self, operations: Sequence[Shape]) -> None:
        """Replays the operations of a shape."""
        self.operations = (*self.operations, *operations)
        for operation in operations:
            _OPERATIONS[operation[0]](self, *operation[1:])
            if operation[0] not in ("sticky", "fetch_mode"):
                self.filters.shared = frozenset()

    def inherit(self, select: Select) -> None:
        """Takes over the names that `select` gave, for a subquery about one row of it."""
        self.annotations |= select.annotations
        self.filtered_shapes |= select.filtered_shapes
        for name, shape in select.filtered_shapes.items():
            add_filtered(self, name, shape)

    # Names and expressions

    def operand_of(self, name: str, *, reuse: set[Join] | None = None) -> Operand:
        """The column, annotation or transform that `name` stands for."""
        return self.filters.operand(name, reuse)

    def condition(self, condition: Shape) -> tuple[ColumnElement[bool], bool, tuple[ColumnElement[Any], ...]]:
        """A condition inside an expression, whether an aggregate is in it, and what stands beside that."""
        return self.filters.inside(condition)

    def subselect(self, shape: Shape) -> tuple[Any, Operand]:
        """A queryset as a subquery of one column, and what is known about that column."""
        inner = self._inner(shape)
        columns = inner.value_operands() if inner.values is not None else [inner.operand_of("pk")]
        if len(columns) != 1:
            raise FieldError(f'A subquery has one column, this one has {len(columns)}: say which with .values("field")')
        return inner.statement(columns_of(columns[0].element)), columns[0]

    def subselect_exists(self, shape: Shape) -> ColumnElement[bool]:
        """Whether a queryset has rows."""
        inner = self._inner(shape)
        if inner.limit is None and inner.offset is None:
            inner.ordering.clear()
        clause: ColumnElement[bool] = inner.statement([sqlalchemy.literal_column("1")]).exists()
        return clause

    def _inner(self, shape: Shape) -> Select:
        _, model, operations = shape
        inner = Select(model, self.binds, outer=self)
        inner.apply(operations)
        if inner.compound is not None:
            if inner.values is None:
                inner._values(("pk",) if inner.compound.first.values is None else ())
            settle(inner, Select.value_elements)
        return inner

    def value_operands(self) -> list[Operand]:
        """What `values()` asks for: the named fields and annotations, or all."""
        names = self.value_names()
        return [self.annotations[name] if name in self.annotations else self.operand_of(name) for name in names]

    def value_elements(self) -> list[ColumnElement[Any]]:
        """The SQL of `value_operands`."""
        return [operand.element for operand in self.value_operands()]

    def row_names(self, width: int) -> dict[str, tuple[int, Operand]]:
        """What the names of a row's `width` columns are, and where they stand."""
        if self.values is not None:
            return {
                name: (index, operand)
                for index, (name, operand) in enumerate(zip(self.value_names(), self.value_operands(), strict=True))
            }
        named: dict[str, tuple[int, Operand]] = {}
        for index, field in enumerate(self.loaded_fields()):
            operand = self.operand_of(field.attname)
            named |= dict.fromkeys((field.attname, field.name), (index, operand))
            if field.primary_key:
                named["pk"] = (index, operand)
        shown = [name for name in self.annotations if name not in self.hidden]
        return named | {name: (width - len(shown) + at, self.annotations[name]) for at, name in enumerate(shown)}

    def value_names(self) -> list[str]:
        """The keys of the dicts that `values()` makes."""
        if self.values:
            return [*self.values, *(name for name in self.annotations if name not in self.values and self._shown(name))]
        columns = [field.attname for field in self.model._meta.concrete_fields]
        return [*columns, *(name for name in self.annotations if name not in self.hidden)]

    def _shown(self, name: str) -> bool:
        # An annotation made before values() is shown only if named there, one made after it always.
        return name not in self.hidden

    # Operations

    def _filter(self, lookups: Sequence[Shape]) -> None:
        self.filters.add(("Q()", "and", False, tuple(lookups)))

    def _sticky(self, lookups: Sequence[Shape]) -> None:
        self.filters.add(("Q()", "and", False, tuple(lookups)), keep_joins=True)

    def _exclude(self, lookups: Sequence[Shape]) -> None:
        self.filters.add(("Q()", "and", True, tuple(lookups)))

    def _where(self, negated: bool, condition: Shape) -> None:
        self.filters.add(("Q()", "and", True, (condition,)) if negated else condition)

    def _annotate(self, annotations: Sequence[tuple[str, Shape]], *, shown: bool = True) -> None:
        aggregates = False
        for name, shape in annotations:
            if shape[0] == "filtered":
                self.filtered_shapes[name] = shape
                add_filtered(self, name, shape)
                continue
            operand = build(shape, self)
            self.annotations[name] = operand
            if not shown:
                self.hidden.add(name)
                self.aliases.add(name)
            else:
                self.hidden.discard(name)
                self.aliases.discard(name)
            aggregates = aggregates or operand.aggregate
        if aggregates:
            self._group()

    def _alias(self, annotations: Sequence[tuple[str, Shape]]) -> None:
        self._annotate(annotations, shown=False)

    def _group(self) -> None:
        if self.values is not None:
            # As in Django, each aggregate behind values() groups anew by what is selected then.
            self.grouped_by_key = False
            operands = [
                self.annotations[name] if name in self.annotations else self.operand_of(name)
                for name in self.value_names()
            ]
            self.group_by = [each for operand in operands for each in operand.groups_by]
        elif self.group_by is None:
            self.group_by = columns_of(self.operand_of("pk").element)
            self.grouped_by_key = True

    def _combine(self, kind: str, keeps_all: bool, queries: Sequence[Shape]) -> None:
        parts = []
        for _, model, operations in queries:
            part = Select(model, self.binds, outer=self.outer)
            part.apply(operations)
            parts.append(part)
        self.compound = Compound(kind, keeps_all, parts)
        self.ordering.clear()

    def _lock(self, *options: Any) -> None:
        self.lock = Lock(*options)

    def _values(self, names: tuple[str, ...], form: str = "dict") -> None:
        self.values, self.values_form = names, form
        if self.compound is not None:
            self.compound.take_values(names, form)
            self.values = self.values or tuple(self.compound.first.value_names())
            return
        for name in names:
            if name in self.aliases:
                raise FieldError(f"Cannot select the '{name}' alias. Use annotate() to promote it.")
        if names:
            self.hidden |= {name for name in self.annotations if name not in names}
            self.hidden -= set(names)
        for name in names:
            if name not in self.annotations:
                self.operand_of(name)

    def _order(self, items: tuple[Any, ...]) -> None:
        self.ordering.set(items)

    def _reverse(self) -> None:
        self.ordering.reverse()

    def _tables(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.joins.add_table(name)

    def _distinct(self, names: tuple[str, ...]) -> None:
        self.distinct = names

    def _related(self, names: tuple[str, ...] | None) -> None:
        if names is None:
            self.related = None
        else:
            self.related = [*(self.related or ()), *names]

    def _only(self, names: tuple[str, ...]) -> None:
        self.only, self.deferred = names, set()

    def _defer(self, names: tuple[str, ...]) -> None:
        if self.only is not None:
            self.only = tuple(name for name in self.only if name not in names)
        else:
            self.deferred |= set(names)

    def _fetch_mode(self, mode: FetchMode) -> None:
        self.fetch_mode = mode

    def _each(self, partition: str, low: int | None, high: int | None) -> None:
        self.each = (partition, *(None if slot is None else self._whole_number(slot) for slot in (low, high)))

    def _whole_number(self, slot: int) -> ColumnElement[Any]:
        return self.binds.add(slot, int, BIG_INTEGER)

    def _slice(self, limit: int | None, offset: int | None) -> None:
        self.limit = None if limit is None else self._whole_number(limit)
        self.offset = None if offset is None else self._whole_number(offset)

    # The statement

    @property
    def is_grouped(self) -> bool:
        """Whether rows stand for groups."""
        return self.group_by is not None

    def loaded_fields(self, model: type[Model] | None = None, path: tuple[str, ...] = ()) -> list[Any]:
        """The fields to select of the model, or of the one that `path` leads to, by `only()` and `defer()`."""
        return loaded_fields(model or self.model, path, only=self.only, deferred=self.deferred, related=self.related)

    def statement(self, columns: Sequence[ColumnElement[Any]]) -> Any:
        """The SELECT of these columns."""
        if self.qualify:
            return qualified(self, columns)
        order = self.ordering.clauses()
        statement = self.rows(columns)
        if self.distinct is not None:
            statement = self._with_distinct(statement)
        if order:
            statement = statement.order_by(*order)
        if self.limit is not None:
            statement = statement.limit(self.limit)
        if self.offset is not None:
            statement = statement.offset(self.offset)
        return statement if self.lock is None else self.lock.on(statement, self)

    def rows(self, columns: Sequence[ColumnElement[Any]], more: Sequence[ColumnElement[Any]] = ()) -> Any:
        """The SELECT of these columns as far as it says which rows there are, before DISTINCT, ORDER BY and LIMIT.

        Rows are not grouped by what `more` selects.
        """
        statement = sqlalchemy.select(*columns, *more).select_from(self.joins.source())
        if self.outer is not None:
            statement = statement.correlate(*self._outer_tables())
        if self.where:
            statement = statement.where(*self.where)
        if self.group_by is not None:
            statement = statement.group_by(*self.group_clauses(columns))
        if self.having:
            statement = statement.having(*self.having)
        return statement

    def _outer_tables(self) -> list[Any]:
        tables: list[Any] = []
        outer = self.outer
        while outer is not None:
            tables += [outer.joins.root.table, *(join.table for join in outer.joins.all)]
            outer = outer.outer
        return tables

    def group_clauses(self, columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """What stands behind GROUP BY when these columns are selected."""
        assert self.group_by is not None
        clauses = list(self.group_by)
        computed = {id(operand.element): operand for operand in self.annotations.values()}
        dependent = [self.joins.root.table] if self.grouped_by_key else []
        if self.grouped_by_key:
            # A table's columns depend on its key, so that naming the key is enough.
            for join in self.related_joins:
                clauses.append(join.table.c[join.model._meta.pk.column])
                dependent.append(join.table)
        if self.binds.dialect == "mysql":
            # In HAVING, it knows no column that is neither selected nor named here, though it depends on the key.
            named: list[Any] = [each for clause in self.having for each in visitors.iterate(clause)]
            clauses += [each for each in named if any(getattr(each, "table", None) is table for table in dependent)]
        plain: list[ColumnElement[Any]] = []
        for column in columns:
            element = column.element if isinstance(column, sqlalchemy.Label) else column
            operand = computed.get(id(element))
            plain += [element] if operand is None else operand.groups_by
        for element in [*plain, *self.ordering.plain_elements(), *self.filters.plain_in_having]:
            is_constant = getattr(element, "is_literal", False)
            if not is_constant and not any(getattr(element, "table", None) is table for table in dependent):
                clauses.append(element)
        unique: list[ColumnElement[Any]] = []
        for clause in clauses:
            if not any(clause is known for known in unique):
                unique.append(clause)
        return unique

    def _with_distinct(self, statement: Any) -> Any:
        if self.distinct:
            if self.binds.dialect != "postgresql":
                raise FieldError("distinct(…) by fields is PostgreSQL's DISTINCT ON; this database has no such thing")
            return statement.ext(distinct_on(*(self.operand_of(name).element for name in self.distinct)))
        return statement.distinct()

    def columns_for_distinct(self, columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """What DISTINCT must select besides `columns`: all that is ordered by."""
        if self.distinct is None or self.distinct:
            return []
        return [
            element
            for element in self.ordering.elements()
            if not any(element is column or element.compare(column) for column in columns)
        ]


_OPERATIONS: dict[str, Callable[..., None]] = {
    "alias": Select._alias,
    "annotate": Select._annotate,
    "combine": Select._combine,
    "defer": Select._defer,
    "distinct": Select._distinct,
    "each": Select._each,
    "exclude": Select._exclude,
    "fetch_mode": Select._fetch_mode,
    "filter": Select._filter,
    "lock": Select._lock,
    "only": Select._only,
    "order": Select._order,
    "related": Select._related,
    "reverse": Select._reverse,
    "slice": Select._slice,
    "sticky": Select._sticky,
    "tables": Select._tables,
    "values": Select._values,
    "where": Select._where,
}


def related_path(model: type[Model], path: str) -> list[ForeignKey[Any] | Relation]:
    """The relations to one along `select_related("author__publisher")`. Raises FieldError for what is none."""
    steps: list[ForeignKey[Any] | Relation] = []
    for name in path.split("__"):
        meta = model._meta
        found: Any = meta.forward.get(name)
        if not isinstance(found, ForeignKey) or name == found.attname:
            found = next((each for each in meta.related_objects if each.accessor == name and each.one_to_one), None)
        if found is None:
            choices = [key.name for key in meta.foreign_keys]
            choices += [str(each.accessor) for each in meta.related_objects if each.one_to_one]
            raise FieldError(
                f'select_related("{path}"): {meta.object_name} has no foreign key "{name}". '
                f"Foreign keys: {', '.join(choices) or 'none'}. Relations to many are for prefetch_related()."
            )
        steps.append(found)
        model = found.field.model if isinstance(found, Relation) else found.related_model
    return steps
