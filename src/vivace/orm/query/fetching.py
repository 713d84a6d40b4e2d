"""The methods of a queryset that read: awaited for rows, or for what is computed from them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vivace.databases import Plan
from vivace.databases.backends.base import MISSED
from vivace.orm import binding
from vivace.orm.expressions.base import Expression
from vivace.orm.expressions.conditions import PLAIN, Combinable, Shape
from vivace.orm.query import cache, names
from vivace.orm.query.chaining import ChainedQuery, freeze_named, named_expressions
from vivace.orm.query.combining import CombinableQuery
from vivace.orm.query.core import Query, core_statement
from vivace.orm.query.explaining import explain_prefix
from vivace.orm.query.hydrate import Decode
from vivace.orm.query.prefetch import prefetch
from vivace.orm.query.uniqueness import unique_sets

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

M = TypeVar("M", covariant=True)

# get() reads no more than this to say how many there are.
MAX_GET_RESULTS = 21


class FetchedQuery(CombinableQuery[M]):
    """What is awaited to read. Nothing here changes rows."""

    __slots__ = ()

    _filters_plainly = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._filters_plainly = cls.filter is ChainedQuery.filter

    async def _one(self) -> M:
        rows = await self
        if not rows:
            raise IndexError("The queryset has no row at this place")
        return rows[0]

    async def _fetch(self) -> list[M]:
        if self._result is None:
            self._result = [] if self._is_empty else await self._rows(*self._full_shape())
        return self._result

    async def _rows(self, shape: Shape, values: Sequence[Any]) -> list[M]:
        database = binding.resolve(self._database, self.model)
        plan, arguments, decode = cache.shapes.bound(self.model, shape, values, database.dialect)
        rows = database.fetch_plan_at_once(plan, arguments)
        result = decode(await database.fetch_plan(plan, arguments) if rows is MISSED else rows, database, True)
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
        database = binding.resolve(self._database, self.model)
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
        if self._known is not None:
            _set_known(result, self._known)
        if self._prefetch and result:
            await prefetch(result, self._prefetch, database)
        return result

    async def _ask(self, terminal: Shape, values: Sequence[Any] = ()) -> Any:
        shape, own = self._full_shape()
        database = binding.resolve(self._database, self.model)
        plan, arguments, decode = cache.shapes.bound(self.model, (*shape, terminal), (*own, *values), database.dialect)
        return decode(await database.fetch_plan(plan, arguments), database, False)[0]

    async def get(self, *conditions: Combinable, **lookups: Any) -> M:
        """The one row. Raises DoesNotExist or MultipleObjectsReturned."""
        asked = None if conditions else self._plain_get(lookups)
        if asked is not None:
            rows = await self._rows(*asked)
        else:
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

    def _plain_get(self, lookups: Mapping[str, Any]) -> tuple[Shape, Sequence[Any]] | None:
        """The shape and values of `filter(**lookups)` with a `get` behind it, without the querysets between.

        None where there is more to it: in a slice, in an empty queryset, with values that shape the SQL, and where a
        class has a `filter` of its own.
        """
        values = tuple(lookups.values())
        if self._high is not None or self._low or self._is_none or not self._filters_plainly or not values:
            return None
        if not all([value.__class__ in PLAIN for value in values]):  # noqa: C419 - a generator costs twice as much
            return None
        asked = tuple(lookups)
        names.check(self.model, self._shape, asked)
        return (*self._shape, ("filter", asked), ("get",)), (*self._values, *values)

    async def first(self) -> M | None:
        """The first row, by key if nothing is ordered, or None."""
        ordered = self if self._is_sliced else self._ordered_for("first", "pk")
        rows = await ordered._sliced(slice(0, 1))
        return rows[0] if rows else None

    async def last(self) -> M | None:
        """The last row, by key if nothing is ordered, or None."""
        ordered = self.reverse() if self.ordered else self._ordered_for("last", "-pk")
        rows = await ordered._sliced(slice(0, 1))
        return rows[0] if rows else None

    def _ordered_for(self, method: str, key: str) -> Self:
        if self.ordered:
            return self
        if self._is_grouped and any(operation[0] == "values" for operation in self._shape):
            raise TypeError(
                f"Cannot use QuerySet.{method}() on an unordered queryset performing aggregation. Add an ordering with "
                "order_by()."
            )
        return self.order_by(key)

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
        if self._is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with in_bulk().")
        if self._has_values:
            raise TypeError("in_bulk() cannot be used with values() or values_list().")
        meta = self.model._meta
        field: Any = meta.pk if field_name == "pk" else meta.get_field(field_name)
        if (field.name,) not in unique_sets(self.model) and ("distinct", (field_name,)) not in self._shape:
            raise ValueError(f"in_bulk()'s field_name must be a unique field but {field_name!r} isn't.")
        rows = self if id_list is None else self.filter(**{f"{field_name}__in": tuple(id_list)})
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
        if self._has_values:
            raise TypeError("Cannot call QuerySet.contains() after .values() or .values_list().")
        if not hasattr(obj, "_meta"):
            raise TypeError("'obj' must be a model instance.")
        if obj._meta.concrete_model is not self.model._meta.concrete_model:
            return False
        if obj.pk is None:
            raise ValueError("QuerySet.contains() cannot be used on unsaved objects.")
        if self._result is not None:
            return obj in self._result
        return await self.filter(pk=obj.pk).exists()

    async def aggregate(self, *expressions: Expression, **named: Any) -> dict[str, Any]:
        """Values computed over all rows, by name."""
        values: list[Any] = []
        frozen = freeze_named(named_expressions(expressions, named), values)
        if not frozen:
            return {}
        queryset = self._sliced(slice(0, 0)) if self._is_none else self
        result: dict[str, Any] = await queryset._ask(("aggregate", frozen), values)
        return result

    async def explain(self, *, format: str | None = None, **options: Any) -> str:
        """How the database would run this, in its own words.

        `format` is "json", "text", "xml" or "yaml" on PostgreSQL, "json", "traditional" or "tree" on MySQL; options
        such as `analyze=True` (which runs the query) and `buffers=True` are PostgreSQL's, `analyze` MySQL's, too.
        Raises ValueError for others. Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#explain
        """
        shape, values = self._full_shape()
        database = self.db
        prefix = explain_prefix(database.dialect, format, options)
        asked, arguments, _ = cache.shapes.bound(self.model, shape, values, database.dialect)
        # Run for measuring, a statement may do whatever it does.
        plan = Plan(prefix + asked.sql, reads=not options.get("analyze"), returns_rows=True)
        rows = await database.fetch_plan(plan, arguments)
        return "\n".join(" ".join(str(part) for part in row) for row in rows)

    def to_core(self) -> Any:
        """The SQLAlchemy Core statement with its values: for `database.fetch_all()`, or to build on.

        Its columns have the names of the table's columns and of the annotations.
        """
        shape, values = self._shape_of_statement()
        return core_statement(self.model, shape, values, self.db.dialect)

    @property
    def query(self) -> Query:
        """The SELECT, to be looked at: `str(queryset.query)`, `queryset.query.sql_with_params()`."""
        return Query(self.to_core(), self.db.dialect)

    # Django's names for the same, so that code moves without a change

    aget, afirst, alast, aearliest, alatest, ain_bulk = get, first, last, earliest, latest, in_bulk
    acount, aexists, acontains, aaggregate, aexplain, aiterator = count, exists, contains, aggregate, explain, iterator

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


def _set_known(result: list[Any], known: tuple[str, Any]) -> None:
    slot, instance = known
    for row in result:
        if hasattr(row, "_meta"):
            setattr(row, slot, instance)
