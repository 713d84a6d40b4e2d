"""`update(…).returning()` and `delete().returning()`: the rows that a write has changed, as instances."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vivace.orm.exceptions import unknown_field
from vivace.orm.expressions.conditions import Shape
from vivace.orm.query import cache
from vivace.orm.query.deletion import is_simple
from vivace.orm.query.hydrate import Decode, Node, instances_decoder

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet

R = TypeVar("R")
M = TypeVar("M", covariant=True)


class Change(Coroutine[Any, Any, R], Generic[R, M]):
    """A write that happens when it is awaited: a coroutine, so that tasks can be made of it, with one thing more."""

    __slots__ = ("_returning", "_work")

    def __init__(
        self, work: Coroutine[Any, Any, R], returning: Callable[[Sequence[str]], Coroutine[Any, Any, list[M]]]
    ) -> None:
        self._work, self._returning = work, returning

    def returning(self, *fields: str) -> Coroutine[Any, Any, list[M]]:
        """Await this instead to get the changed rows: instances with these fields and the key, or with all.

        Updated rows are as they are now, deleted ones as they were. One statement where the database has UPDATE …
        RETURNING (PostgreSQL, SQLite); otherwise the rows are locked, changed and read in one transaction.
        """
        self._work.close()
        return self._returning(fields)

    def __await__(self) -> Generator[Any, Any, R]:
        return self._work.__await__()

    def send(self, value: Any) -> Any:
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()


async def update_returning(
    queryset: QuerySet[Any], assignments: Shape, values: Sequence[Any], fields: Sequence[str]
) -> list[Any]:
    """Does an UPDATE and gives the rows as they are then."""
    model, database = queryset.model, queryset._write_db
    attnames = _attnames(model, fields)
    if queryset._is_none or not assignments:
        return []
    if database.dialect.update_returning:
        shape = (*queryset._shape, ("update", assignments, attnames))
        plan, arguments, _ = cache.shapes.bound(model, shape, (*queryset._values, *values), database.dialect)
        rows = await database.fetch_plan(plan, arguments)
        return _decoder(model, attnames, database.dialect.name)(rows, database, True)
    async with database.atomic():
        chosen = await _locked(queryset, database)
        shape = (*chosen._shape, ("update", assignments))
        plan, arguments, _ = cache.shapes.bound(model, shape, (*chosen._values, *values), database.dialect)
        await database.execute_plan(plan, arguments)
        return list(await chosen.only(*attnames))


async def update_tables_returning(
    queryset: QuerySet[Any], values: Mapping[str, Any], fields: Sequence[str]
) -> list[Any]:
    """`update_returning` of rows that are in several tables."""
    attnames = _attnames(queryset.model, fields)
    if queryset._is_none or not values:
        return []
    database = queryset._write_db
    async with database.atomic():
        chosen = await _locked(queryset, database)
        await chosen.update(**values)
        return list(await chosen.only(*attnames))


async def delete_returning(queryset: QuerySet[Any], fields: Sequence[str]) -> list[Any]:
    """Deletes rows and what hangs on them, and gives the rows as they were."""
    attnames = _attnames(queryset.model, fields)
    if queryset._is_none:
        return []
    model, database = queryset.model, queryset._write_db
    if database.dialect.delete_returning and is_simple(model):
        shape = (*queryset.order_by()._shape, ("delete", attnames))
        plan, arguments, _ = cache.shapes.bound(model, shape, queryset._values, database.dialect)
        return _decoder(model, attnames, database.dialect.name)(
            await database.fetch_plan(plan, arguments), database, True
        )
    async with database.atomic():
        chosen = await _locked(queryset, database)
        rows = await chosen.only(*attnames)
        await chosen.delete()
    return list(rows)


async def _locked(queryset: QuerySet[Any], database: Database) -> QuerySet[Any]:
    """The rows by key, locked: what is changed is what is read, whatever others do meanwhile."""
    keys = await queryset.order_by().using(database).values_list("pk", flat=True)
    chosen = _rows(queryset.model).using(database).filter(pk__in=tuple(keys))
    await chosen.order_by("pk").values_list("pk").select_for_update()
    return chosen


def _rows(model: type[Model]) -> QuerySet[Any]:
    queryset: QuerySet[Any] = model._meta.default_manager.queryset_class(model)
    return queryset.order_by()


def _attnames(model: type[Model], fields: Sequence[str]) -> tuple[str, ...]:
    """The attributes to read, in the model's order, the key among them."""
    meta = model._meta
    for name in fields:
        if name != "pk" and (name not in meta.forward or not getattr(meta.forward[name], "concrete", False)):
            raise unknown_field(meta.object_name, name, [field.name for field in meta.concrete_fields])
    return tuple(
        field.attname
        for field in meta.concrete_fields
        if not fields or field.primary_key or {field.name, field.attname} & set(fields)
    )


@lru_cache(maxsize=1024)
def _decoder(model: type[Model], attnames: tuple[str, ...], dialect: str) -> Decode:
    fields = [model._meta.by_attname[name] for name in attnames]
    return instances_decoder(Node(model, fields, 0), [], len(fields), dialect)
