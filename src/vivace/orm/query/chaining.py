"""The methods of a queryset that give another one: conditions, what is selected, order, slices."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.base import Expression, F, as_expression, has_aggregate
from vivace.orm.expressions.columns import Column
from vivace.orm.expressions.conditions import PLAIN, Combinable, Q, Shape, freeze_lookups
from vivace.orm.fetch_modes import FetchMode
from vivace.orm.query import names
from vivace.orm.query.prefetch import Prefetch
from vivace.orm.query.state import QueryState
from vivace.orm.query.uniqueness import ordered_field, unique_sets

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet

M = TypeVar("M", covariant=True)
T = TypeVar("T")
T2 = TypeVar("T2")
T3 = TypeVar("T3")


class ChainedQuery(QueryState[M]):
    """What is chained before a queryset is awaited. Every method returns a new queryset."""

    __slots__ = ()

    # Conditions

    def filter(self, *conditions: Combinable, **lookups: Any) -> Self:
        """Only rows that meet all of these."""
        self._refuse_slice("filter")
        if conditions:
            return self._where(False, Q(*conditions, **lookups))
        return self._lookups("filter", lookups)

    def exclude(self, *conditions: Combinable, **lookups: Any) -> Self:
        """Only rows that do not meet all of these."""
        self._refuse_slice("filter")
        if conditions:
            return self._where(True, Q(*conditions, **lookups))
        return self._lookups("exclude", lookups)

    def _sticky_filter(self, **lookups: Any) -> Self:
        """A filter whose joins of relations to many the next filter shares, so that `book.readers.filter(loan__days=3)`
        means the loans of this book."""
        return self._lookups("sticky", lookups)

    def _lookups(self, kind: str, lookups: Mapping[str, Any]) -> Self:
        if not lookups:
            return self._clone()
        found = tuple(lookups.values())
        if all([value.__class__ in PLAIN for value in found]):  # noqa: C419 - a generator costs twice as much
            shape: Shape = tuple(lookups)
            names.check(self.model, self._shape, shape)
            return self._with((kind, shape), found)
        values: list[Any] = []
        shape = freeze_lookups(lookups, values)
        names.check(self.model, self._shape, tuple(lookups))
        return self._with((kind, shape), values)

    def _where(self, negated: bool, condition: Q) -> Self:
        if not condition:
            return self._clone()
        values: list[Any] = []
        shape = condition.freeze(values)
        names.check_condition(self.model, self._shape, condition)
        return self._with(("where", negated, shape), values)

    def complex_filter(self, filter_obj: Q | Mapping[str, Any]) -> Self:
        """`filter` by a Q or by a mapping of lookups."""
        return self.filter(filter_obj) if isinstance(filter_obj, Q) else self.filter(**filter_obj)

    def none(self) -> Self:
        """No rows, without asking the database."""
        made = self._clone()
        made._is_none = True
        return made

    def all(self) -> Self:
        """The same rows, fetched anew."""
        if self._result is not None and self._known is not None:
            return self
        return self._clone()

    # What is selected

    def annotate(self, *expressions: Expression, **named: Any) -> Self:
        """Adds a computed attribute to each row."""
        return self._annotated("annotate", expressions, named)

    def alias(self, *expressions: Expression, **named: Any) -> Self:
        """Names an expression for use in later calls, without selecting it."""
        return self._annotated("alias", expressions, named)

    def _annotated(self, kind: str, expressions: Sequence[Expression], named: Mapping[str, Any]) -> Self:
        values: list[Any] = []
        frozen = freeze_named(named_expressions(expressions, named), values)
        for name, _ in frozen:
            names.check_alias(self.model, name)
        return self._with((kind, frozen), values) if frozen else self._clone()

    def values(self, *fields: str | Expression, **expressions: Any) -> QuerySet[dict[str, Any]]:
        """Dicts instead of instances."""
        return self._as_values("dict", fields, expressions)

    @overload
    def values_list(self, field: Column[T], /, *, flat: Literal[True]) -> QuerySet[T]: ...
    @overload
    def values_list(self, field: str | Expression = ..., /, *, flat: Literal[True]) -> QuerySet[Any]: ...
    @overload
    def values_list(self, first: Column[T], /) -> QuerySet[tuple[T]]: ...
    @overload
    def values_list(self, first: Column[T], second: Column[T2], /) -> QuerySet[tuple[T, T2]]: ...
    @overload
    def values_list(self, first: Column[T], second: Column[T2], third: Column[T3], /) -> QuerySet[tuple[T, T2, T3]]: ...
    @overload
    def values_list(self, *fields: str | Expression, named: Literal[True]) -> QuerySet[Any]: ...
    @overload
    def values_list(self, *fields: str | Expression) -> QuerySet[tuple[Any, ...]]: ...
    @overload
    def values_list(self, *fields: str | Expression, flat: bool = ..., named: bool = ...) -> QuerySet[Any]: ...

    def values_list(self, *fields: str | Expression, flat: bool = False, named: bool = False) -> QuerySet[Any]:
        """Tuples instead of instances; with `flat`, the values of the one field; with `named`, named tuples.

        Of typed expressions, up to three, type checkers know the types: `values_list(Book.title, Book.pages)`.
        """
        if flat and named:
            raise TypeError("'flat' and 'named' can't be used together.")
        if flat and len(fields) > 1:
            raise TypeError("'flat' is not valid when values_list is called with more than one field.")
        if flat and not fields:
            fields = ("pk",)
        return self._as_values("flat" if flat else "named" if named else "tuple", fields, {})

    def _as_values(self, form: str, fields: Sequence[str | Expression], named: Mapping[str, Any]) -> QuerySet[Any]:
        made: Any = self
        wanted: list[str] = []
        for number, field in enumerate(fields, start=1):
            if isinstance(field, str):
                wanted.append(field)
                continue
            if isinstance(field, F) and type(field) in (F, Column):
                wanted.append(field._path)
                continue
            alias = _alias_of(field, number)
            made = made.annotate(**{alias: field})
            wanted.append(alias)
        if named:
            made = made.annotate(**named)
            wanted += named
        values: QuerySet[Any] = made._with(("values", tuple(wanted), form))
        return values

    def only(self, *fields: str) -> Self:
        """Loads only these fields (and the key); reading another one says that it is not loaded."""
        return self._with(("only", fields))

    def defer(self, *fields: str | None) -> Self:
        """Leaves these fields out; `defer(None)` takes back all of it."""
        if fields == (None,):
            return self._without("defer", "only")
        return self._with(("defer", fields))

    def _without(self, *kinds: str) -> Self:
        made = self._clone()
        made._shape = tuple(operation for operation in self._shape if operation[0] not in kinds)
        return made

    def select_related(self, *fields: str | None) -> Self:
        """Loads related objects by a join: the named foreign keys, or all that are not null."""
        if fields == (None,):
            return self._without("related")
        return self._with(("related", fields))

    def prefetch_related(self, *lookups: str | Prefetch | None) -> Self:
        """Loads related objects by one more query for each relation; `prefetch_related(None)` takes back all."""
        made = self._clone()
        if lookups == (None,):
            made._prefetch = ()
        else:
            for lookup in lookups:
                if lookup is not None and not isinstance(lookup, str | Prefetch):
                    raise TypeError(f"prefetch_related() takes names and Prefetch objects, got {lookup!r}")
            made._prefetch = (*self._prefetch, *(lookup for lookup in lookups if lookup is not None))
        return made

    def select_for_update(
        self, nowait: bool = False, skip_locked: bool = False, of: Sequence[str] = (), no_key: bool = False
    ) -> Self:
        """Locks the rows until the transaction ends; outside of one, reading them raises TransactionManagementError.

        Rows that others have locked are waited for, unless `nowait` (then OperationalError is raised) or `skip_locked`.
        `of` names what is locked when there are joins: "self" and relations of `select_related`. `no_key` (PostgreSQL)
        lets others insert rows that point to these. SQLite ignores all of it: a transaction there has the database to
        itself. Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#select-for-update
        """
        if nowait and skip_locked:
            raise ValueError("The nowait option cannot be used with skip_locked.")
        return self._with(("lock", nowait, skip_locked, (of,) if isinstance(of, str) else tuple(of), no_key))

    def fetch_mode(self, mode: FetchMode) -> Self:
        """What awaiting something that the query left out does: FETCH_PEERS (the default), FETCH_ONE or FETCH_RAISE."""
        if not isinstance(mode, FetchMode):
            raise TypeError(f"fetch_mode() takes FETCH_ONE, FETCH_PEERS or FETCH_RAISE, got {mode!r}")
        return self._with(("fetch_mode", mode))

    def using(self, alias: Database | str | None) -> Self:
        """The same rows of another database, given itself or by its alias."""
        made = self._clone()
        made._database = alias
        return made

    # Order

    def order_by(self, *fields: str | Expression) -> Self:
        """Orders by these and nothing else: names, "-name", "?", or expressions."""
        self._refuse_slice("reorder")
        values: list[Any] = []
        items = tuple(_order_item(self.model, self._shape, field, values) for field in fields)
        return self._with(("order", items), values)

    def reverse(self) -> Self:
        """The other way round."""
        self._refuse_slice("reverse")
        return self._with(("reverse",))

    def distinct(self, *fields: str) -> Self:
        """Each row once; with names (PostgreSQL), the first row for each combination of them."""
        self._refuse_slice("make distinct")
        return self._with(("distinct", fields))

    @property
    def ordered(self) -> bool:
        """Whether the rows come in an order that was asked for."""
        ordered: bool | None = None
        for operation in self._shape:
            if operation[0] == "order":
                ordered = bool(operation[1])
            elif operation[0] == "combine":
                ordered = False
        return ordered if ordered is not None else bool(self.model._meta.ordering) and not self._is_grouped

    @property
    def totally_ordered(self) -> bool:
        """Whether the order leaves no two rows equal, because it has the key or other unique columns in it.

        Source: https://docs.djangoproject.com/en/dev/ref/models/querysets/#totally-ordered (Django 6.1)
        """
        if not self.ordered:
            return False
        asked = [operation[1] for operation in self._shape if operation[0] == "order"]
        meta = self.model._meta
        columns: set[str] = set()
        for item in asked[-1] if asked else meta.ordering:
            name = ordered_field(item)
            field = meta.pk if name == "pk" else meta.forward.get(name or "")
            # Of a foreign key's name the order is the related model's own.
            if field is not None and (not field.is_relation or name == field.attname):
                columns.add(field.name)
        return any(columns.issuperset(unique) for unique in unique_sets(self.model))

    @property
    def _is_grouped(self) -> bool:
        return any(
            operation[0] in ("annotate", "alias") and any(has_aggregate(shape) for _, shape in operation[1])
            for operation in self._shape
        )

    @overload
    def __getitem__(self, key: slice) -> Self: ...
    @overload
    def __getitem__(self, key: int) -> Awaitable[M]: ...
    def __getitem__(self, key: slice | int) -> Any:
        """A slice is a queryset; `await books[0]` is a row, or IndexError."""
        if isinstance(key, slice):
            return self._sliced(key)
        if key.__class__ is not int:
            raise TypeError(f"A queryset is indexed by numbers and slices, got {key!r}")
        if key < 0:
            raise ValueError("Negative indexing is not supported: reverse() the queryset and count from its start")
        return self._sliced(slice(key, key + 1))._one()

    def _sliced(self, key: slice) -> Self:
        if key.step is not None:
            raise ValueError("A slice of a queryset has no step: await it and slice the list")
        start, stop = key.start or 0, key.stop
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError("Negative indexing is not supported: reverse() the queryset and count from its start")
        made = self._clone()
        if self._result is not None:
            made._result = self._result[key]
        made._low = self._low + start
        if stop is not None:
            made._high = self._low + stop if self._high is None else min(self._high, self._low + stop)
        if made._high is not None:
            made._low = min(made._low, made._high)
        return made

    async def _one(self) -> M:
        """The row of a slice of one; see `fetching`."""
        raise NotImplementedError


def named_expressions(expressions: Sequence[Expression], named: Mapping[str, Any]) -> dict[str, Any]:
    """The expressions by name, or by their `default_alias`. Raises TypeError for a name given twice."""
    combined: dict[str, Any] = {}
    for expression in expressions:
        name = expression.default_alias
        if name in named or name in combined:
            raise TypeError(f"The name {name!r} is given twice")
        combined[name] = expression
    return combined | dict(named)


def freeze_named(named: Mapping[str, Any], values: list[Any]) -> tuple[tuple[str, Shape], ...]:
    """The names with the shapes of their expressions, whose values are appended to `values`."""
    return tuple((name, as_expression(expression).freeze(values)) for name, expression in named.items())


def _alias_of(field: Expression, number: int) -> str:
    try:
        return field.default_alias
    except TypeError:
        return f"{type(field).__name__.lower()}{number}"


def _order_item(model: type[Model], shape: Shape, field: Any, values: list[Any]) -> Any:
    if isinstance(field, str):
        names.check_ordering(model, shape, field)
        return field
    if isinstance(field, Expression | Q):
        return field.freeze(values)
    raise FieldError(f"order_by() takes names and expressions, got {field!r}")
