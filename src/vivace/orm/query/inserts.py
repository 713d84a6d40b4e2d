"""INSERT of a row of which some values are expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.orm._written_cy import mark_saved
from vivace.orm.query import cache
from vivace.orm.query.changes import freeze_assigned
from vivace.orm.query.writes import write_converter
from vivace.orm.saved import remember, take_returned

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


async def insert_computed(instance: Model, values: Mapping[str, Any], database: Database) -> bool:
    """Inserts the row; returns whether what the database made of it could be read back by the same statement.

    Otherwise only its key is known, and the instance wants to be refreshed.
    """
    meta = instance._meta
    bound: list[Any] = []
    assigned = tuple((name, freeze_assigned(value, bound)) for name, value in values.items())
    everything = tuple(meta.by_attname)
    shape = (("insert", assigned, everything),)
    plan, arguments, _ = cache.shapes.bound(meta.model, shape, bound, database.dialect)
    if plan.returns_rows:
        rows = await database.fetch_plan(plan, arguments)
        mark_saved((instance,), (), ((),), database, everything, rows)
        return True
    pk = meta.pk
    key = await database.insert_plan(plan, arguments)
    if pk.attname in values:
        key = write_converter(pk, database.dialect.name)(values[pk.attname])
    else:
        take_returned(instance, {pk.attname: key}, database)
    instance._origin = None
    remember(instance, {pk.attname: key}, database)
    return False
