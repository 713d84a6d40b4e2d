"""`QuerySet`: an immutable description of rows, awaited to get them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

from vivace.databases import Plan
from vivace.orm import binding
from vivace.orm.exceptions import FieldError
from vivace.orm.query import bulk, cache, names, upsert
from vivace.orm.query.compiler import statement_of
from vivace.orm.query.conditions import PLAIN, Combinable, Q, Shape, freeze_lookups
from vivace.orm.query.expressions import Expression, F, OrderBy, as_expression
from vivace.orm.query.hydrate import Decode
from vivace.orm.query.prefetch import Prefetch, prefetch
from vivace.orm.relations.deletion import delete_queryset

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

M = TypeVar("M", bound="Model", covariant=True)

# get() reads no more than this to say how many there are.
MAX_GET_RESULTS = 21


class QuerySet(Generic[M]):
    """Rows of a model, not fetched until awaited. Every method returns a new queryset or must be awaited itself."""

    __slots__ = (
        "_database",
        "_high",
        "_is_none",
        "_known",
        "_low",
        "_prefetch",
        "_result",
        "_shape",
        "_values",
        "model",
    )

    manager_class: ClassVar[Any]
    """`Manager`; set by `vivace.orm.manager`, which imports this module."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self._shape: Shape = ()
        self._values: tuple[Any, ...] = ()
        self._low = 0
        self._high: int | None = None
        self._database: Database | None = None
        self._prefetch: tuple[str | Prefetch, ...] = ()
        self._result: list[Any] | None = None
        self._is_none = False
        self._known: tuple[str, Any] | None = None

    def _clone(self) -> Self:
        made = object.__new__(type(self))
        made.model = self.model
        made._shape = self._shape
        made._values = self._values
        made._low = self._low
        made._high = self._high
        made._database = self._database
        made._prefetch = self._prefetch
        made._result = None
        made._is_none = self._is_none
        made._known = self._known
        return made

    def _with(self, operation: Shape, values: Iterable[Any] = ()) -> Self:
        made = self._clone()
        made._shape = (*self._shape, operation)
        made._values = (*self._values, *values)
        return made

    def __getstate__(self) -> dict[str, Any]:
        # Connections stay in their process; wherever this is unpickled, the database is chosen anew.
        return {name: getattr(self, name) for name in QuerySet.__slots__ if name != "_database"} | {"_database": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def db(self) -> Database:
        """The database that the rows come from."""
        return binding.resolve(self._database)

    @property
    def _is_sliced(self) -> bool:
        return self._low > 0 or self._high is not None

    def _refuse_slice(self, what: str) -> None:
        if self._is_sliced:
            raise TypeError(f"Cannot {what} a query once a slice has been taken.")

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
        frozen = _freeze_named(_named(expressions, named), values)
        for name, _ in frozen:
            names.check_alias(self.model, name)
        return self._with((kind, frozen), values) if frozen else self._clone()

    def values(self, *fields: str | Expression, **expressions: Any) -> QuerySet[Any]:
        """Dicts instead of instances."""
        return self._as_values("dict", fields, expressions)

    def values_list(self, *fields: str | Expression, flat: bool = False) -> QuerySet[Any]:
        """Tuples instead of instances; with `flat`, the values of the one field."""
        if flat and len(fields) > 1:
            raise TypeError("'flat' is not valid when values_list is called with more than one field.")
        if flat and not fields:
            fields = ("pk",)
        return self._as_values("flat" if flat else "tuple", fields, {})

    def _as_values(self, form: str, fields: Sequence[str | Expression], named: Mapping[str, Any]) -> QuerySet[Any]:
        made: QuerySet[Any] = self
        wanted: list[str] = []
        for number, field in enumerate(fields, start=1):
            if isinstance(field, str):
                wanted.append(field)
                continue
            alias = _alias_of(field, number)
            made = made.annotate(**{alias: field})
            wanted.append(alias)
        if named:
            made = made.annotate(**named)
            wanted += named
        return made._with(("values", tuple(wanted), form))

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

    def using(self, database: Database | None) -> Self:
        """The same rows of another database."""
        made = self._clone()
        made._database = database
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
        grouped = False
        ordered: bool | None = None
        for operation in self._shape:
            if operation[0] == "order":
                ordered = bool(operation[1])
            elif operation[0] == "annotate":
                grouped = grouped or any(shape[0] == "aggregate" for _, shape in operation[1])
        return ordered if ordered is not None else bool(self.model._meta.ordering) and not grouped

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
            return made
        made._low = self._low + start
        if stop is not None:
            made._high = self._low + stop if self._high is None else min(self._high, self._low + stop)
        if made._high is not None:
            made._low = min(made._low, made._high)
        return made

    async def _one(self) -> M:
        rows = await self
        if not rows:
            raise IndexError("The queryset has no row at this place")
        return rows[0]

    # Fetching

    def _full_shape(self) -> tuple[Shape, tuple[Any, ...]]:
        if not self._is_sliced:
            return self._shape, self._values
        limit = () if self._high is None else (self._high - self._low,)
        offset = (self._low,) if self._low else ()
        return (*self._shape, ("slice", bool(limit), bool(offset))), (*self._values, *limit, *offset)

    def freeze(self, values: list[Any]) -> Shape:
        """This queryset as a subquery; see `vivace.orm.query.expressions`."""
        shape, own = self._full_shape()
        if self._is_none:
            shape = (*shape, ("where", True, ("q", "and", False, (("pk__isnull", "flag", False),))))
        values.extend(own)
        return ("queryset", self.model, shape)

    @property
    def _is_empty(self) -> bool:
        return self._is_none or (self._high is not None and self._high <= self._low)

    async def _fetch(self) -> list[M]:
        if self._result is None:
            self._result = [] if self._is_empty else await self._rows()
        return self._result

    async def _rows(self) -> list[M]:
        shape, values = self._full_shape()
        database = binding.resolve(self._database)
        plan, arguments, decode = cache.shapes.bound(self.model, shape, values, database.dialect)
        rows = await database.fetch_plan(plan, arguments)
        result = decode(rows, database, True)
        if self._known is not None:
            _set_known(result, self._known)
        if self._prefetch and result:
            await prefetch(result, self._prefetch, database)
        return result

    def __await__(self) -> Generator[Any, None, list[M]]:
        return self._fetch().__await__()

    async def __aiter__(self) -> AsyncIterator[M]:
        for row in await self:
            yield row

    async def iterator(self, chunk_size: int = 2000) -> AsyncIterator[M]:
        """Rows one by one as they come, `chunk_size` at a time in memory, none of them kept."""
        if chunk_size < 1:
            raise ValueError(f"chunk_size is at least 1, got {chunk_size}")
        if self._is_empty:
            return
        shape, values = self._full_shape()
        database = binding.resolve(self._database)
        plan, arguments, decode = cache.shapes.bound(self.model, shape, values, database.dialect)
        chunk: list[Any] = []
        async for row in database.iterate_plan(plan, arguments, chunk_size=chunk_size):
            chunk.append(row)
            if len(chunk) == chunk_size:
                for instance in await self._decoded(decode, chunk, database):
                    yield instance
                chunk = []
        for instance in await self._decoded(decode, chunk, database):
            yield instance

    async def _decoded(self, decode: Decode, rows: list[Any], database: Database) -> list[Any]:
        result = decode(rows, database, False)
        if self._prefetch and result:
            await prefetch(result, self._prefetch, database)
        return result

    async def _ask(self, terminal: Shape, values: Sequence[Any] = ()) -> Any:
        shape, own = self._full_shape()
        database = binding.resolve(self._database)
        plan, arguments, decode = cache.shapes.bound(self.model, (*shape, terminal), (*own, *values), database.dialect)
        return decode(await database.fetch_plan(plan, arguments), database, False)[0]

    async def get(self, *conditions: Combinable, **lookups: Any) -> M:
        """The one row. Raises DoesNotExist or MultipleObjectsReturned."""
        found = self.filter(*conditions, **lookups) if conditions or lookups else self._clone()
        if not found._is_sliced:
            found._shape = (*found._shape, ("get",))
        rows = await found
        if len(rows) == 1:
            return rows[0]
        model: Any = self.model
        if not rows:
            raise model.DoesNotExist(f"{model.__name__} matching query does not exist.")
        count = str(len(rows)) if len(rows) < MAX_GET_RESULTS else f"more than {MAX_GET_RESULTS - 1}"
        raise model.MultipleObjectsReturned(f"get() returned more than one {model.__name__} -- it returned {count}!")

    async def first(self) -> M | None:
        """The first row, by key if nothing is ordered, or None."""
        ordered = self if self.ordered or self._is_sliced else self.order_by("pk")
        rows = await ordered._sliced(slice(0, 1))
        return rows[0] if rows else None

    async def last(self) -> M | None:
        """The last row, by key if nothing is ordered, or None."""
        ordered = self.reverse() if self.ordered else self.order_by("-pk")
        rows = await ordered._sliced(slice(0, 1))
        return rows[0] if rows else None

    async def earliest(self, *fields: str) -> M:
        """The first row by these fields (or `Meta.get_latest_by`). Raises DoesNotExist."""
        return await self._extreme(fields, reverse=False)

    async def latest(self, *fields: str) -> M:
        """The last row by these fields (or `Meta.get_latest_by`). Raises DoesNotExist."""
        return await self._extreme(fields, reverse=True)

    async def _extreme(self, fields: tuple[str, ...], *, reverse: bool) -> M:
        by = self.model._meta.get_latest_by
        wanted = fields or ((by,) if isinstance(by, str) else tuple(by or ()))
        if not wanted:
            raise ValueError("earliest() and latest() need fields, or Meta.get_latest_by")
        ordered = self.order_by(*wanted)
        return await (ordered.reverse() if reverse else ordered)._sliced(slice(0, 1)).get()

    async def in_bulk(self, id_list: Iterable[Any] | None = None, *, field_name: str = "pk") -> dict[Any, M]:
        """Rows by key (or by another unique field)."""
        self._refuse_slice("use in_bulk() with")
        meta = self.model._meta
        field: Any = meta.pk if field_name == "pk" else meta.get_field(field_name)
        if not (field.primary_key or field.unique or (field.name,) in meta.unique_together):
            raise ValueError(f"in_bulk()'s field_name must be a unique field but {field_name!r} isn't.")
        rows: QuerySet[M] = self if id_list is None else self.filter(**{f"{field_name}__in": tuple(id_list)})
        return {getattr(row, field.attname): row for row in await rows}

    async def count(self) -> int:
        """How many rows there are."""
        if self._result is not None:
            return len(self._result)
        return 0 if self._is_empty else int(await self._ask(("count",)))

    async def exists(self) -> bool:
        """Whether there are any rows."""
        if self._result is not None:
            return bool(self._result)
        return False if self._is_empty else bool(await self._ask(("exists",)))

    async def contains(self, obj: Model) -> bool:
        """Whether this object is among the rows."""
        if obj._meta is not self.model._meta:
            return False
        if obj.pk is None:
            raise ValueError("QuerySet.contains() cannot be used on unsaved objects.")
        if self._result is not None:
            return obj in self._result
        return await self.filter(pk=obj.pk).exists()

    async def aggregate(self, *expressions: Expression, **named: Any) -> dict[str, Any]:
        """Values computed over all rows, by name."""
        values: list[Any] = []
        frozen = _freeze_named(_named(expressions, named), values)
        if not frozen:
            return {}
        queryset = self.filter(pk__in=()) if self._is_empty and not self._is_sliced else self
        result: dict[str, Any] = await queryset._ask(("aggregate", frozen), values)
        return result

    async def explain(self, *, analyze: bool = False) -> str:
        """How the database would run this, in its own words; `analyze` really runs it (PostgreSQL)."""
        shape, values = self._full_shape()
        database = self.db
        asked, arguments, _ = cache.shapes.bound(self.model, shape, values, database.dialect)
        prefix = "EXPLAIN ANALYZE " if analyze else "EXPLAIN "
        if database.dialect.name == "sqlite":
            prefix = "EXPLAIN QUERY PLAN "
        plan = Plan(prefix + asked.sql, reads=not analyze, returns_rows=True)
        rows = await database.fetch_plan(plan, arguments)
        return "\n".join(" ".join(str(part) for part in row) for row in rows)

    def to_core(self) -> Any:
        """The SQLAlchemy Core statement, its parameters without values."""
        shape, _ = self._full_shape()
        return statement_of(self.model, shape, self.db.dialect)[0]

    # Writing

    async def create(self, **values: Any) -> M:
        """A new row, saved."""
        instance: Any = self.model(**values)
        await instance.save(force_insert=True, using=self._database)
        return instance  # type: ignore[no-any-return]

    async def get_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> tuple[M, bool]:
        """The row that matches, or a new one of the lookups and `defaults`; and whether it is new."""
        return await upsert.get_or_create(self, defaults or {}, lookups)

    async def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[M, bool]:
        """The row that matches, updated by `defaults`, or a new one; and whether it is new."""
        return await upsert.update_or_create(self, defaults or {}, create_defaults, lookups)

    async def bulk_create(
        self,
        objs: Iterable[Model],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[M]:
        """Inserts many objects in few statements; keys are filled in unless conflicts are ignored."""
        return await bulk.bulk_create(
            self,
            list(objs),
            batch_size=batch_size,
            ignore_conflicts=ignore_conflicts,
            update_conflicts=update_conflicts,
            update_fields=update_fields,
            unique_fields=unique_fields,
        )

    async def bulk_update(self, objs: Iterable[Model], fields: Collection[str], batch_size: int | None = None) -> int:
        """Writes these fields of many objects; returns how many rows were there."""
        return await bulk.bulk_update(self, list(objs), fields, batch_size)

    async def update(self, **values: Any) -> int:
        """Sets columns of all rows; returns how many rows matched."""
        self._refuse_slice("update")
        if not values:
            return 0
        if self._is_none:
            return 0
        bound: list[Any] = []
        frozen = tuple((name, _freeze_assigned(value, bound)) for name, value in values.items())
        database = binding.resolve(self._database)
        shape, given = (*self._shape, ("update", frozen)), (*self._values, *bound)
        plan, arguments, _ = cache.shapes.bound(self.model, shape, given, database.dialect)
        return await database.execute_plan(plan, arguments)

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Deletes all rows and what hangs on them by `on_delete`; returns how many, in all and by model."""
        self._refuse_slice("delete")
        if any(operation[0] == "values" for operation in self._shape):
            raise TypeError("Cannot call delete() after .values() or .values_list()")
        return (0, {}) if self._is_none else await delete_queryset(self, QuerySet)

    # Django's names for the same, so that code moves without a change

    aget, afirst, alast, aearliest, alatest, ain_bulk = get, first, last, earliest, latest, in_bulk
    acount, aexists, acontains, aaggregate, aexplain, aiterator = count, exists, contains, aggregate, explain, iterator
    acreate, aget_or_create, aupdate_or_create = create, get_or_create, update_or_create
    abulk_create, abulk_update, aupdate, adelete = bulk_create, bulk_update, update, delete

    # Misuse, explained

    def __iter__(self) -> Iterator[M]:
        if self._result is None:
            raise TypeError(
                f"These {self.model.__name__} rows are not loaded: use `async for`, `await` the queryset, or "
                "prefetch_related()"
            )
        return iter(self._result)

    def __len__(self) -> int:
        if self._result is None:
            raise TypeError("A queryset has no len() before it is loaded: use `await queryset.count()`")
        return len(self._result)

    def __bool__(self) -> bool:
        if self._result is None:
            raise TypeError("A queryset is neither true nor false before it is loaded: use `await queryset.exists()`")
        return bool(self._result)

    def __repr__(self) -> str:
        state = "not loaded" if self._result is None else repr(self._result[:21])
        return f"<QuerySet of {self.model.__name__}: {state}>"

    @classmethod
    def as_manager(cls) -> Any:
        """A manager with this queryset's methods: `objects = BookQuerySet.as_manager()`."""
        return cls.manager_class.from_queryset(cls)()


def _set_known(result: list[Any], known: tuple[str, Any]) -> None:
    slot, instance = known
    for row in result:
        if hasattr(row, "_meta"):
            setattr(row, slot, instance)


def _named(expressions: Sequence[Expression], named: Mapping[str, Any]) -> dict[str, Any]:
    combined: dict[str, Any] = {}
    for expression in expressions:
        name = expression.default_alias
        if name in named or name in combined:
            raise TypeError(f"The name {name!r} is given twice")
        combined[name] = expression
    return combined | dict(named)


def _freeze_named(named: Mapping[str, Any], values: list[Any]) -> tuple[tuple[str, Shape], ...]:
    return tuple((name, as_expression(expression).freeze(values)) for name, expression in named.items())


def _freeze_assigned(value: Any, values: list[Any]) -> Shape:
    if value is None:
        return ("none", None)
    if hasattr(value, "freeze"):
        frozen: Shape = value.freeze(values)
        return frozen
    values.append(value)
    return ("value", None, None)


def _alias_of(field: Expression, number: int) -> str:
    if isinstance(field, F):
        return f"{field.name}_{number}" if not field.name.isidentifier() else f"{field.name}__value{number}"
    try:
        return field.default_alias
    except TypeError:
        return f"{type(field).__name__.lower()}{number}"


def _order_item(model: type[Model], shape: Shape, field: Any, values: list[Any]) -> Any:
    if isinstance(field, str):
        names.check_ordering(model, shape, field)
        return field
    if isinstance(field, OrderBy | Expression):
        return field.freeze(values)
    raise FieldError(f"order_by() takes names and expressions, got {field!r}")
