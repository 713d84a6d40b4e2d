"""Deleting rows and what hangs on them, in few statements: what `on_delete` says, done in the right order.

The database repeats CASCADE and SET NULL for rows that other programs delete; here it is done explicitly, so that
PROTECT and RESTRICT see everything that would go, and so that the numbers returned are true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import ProtectedError, RestrictedError
from vivace.orm.fields.related import (
    CASCADE,
    DO_NOTHING,
    PROTECT,
    RESTRICT,
    SET_DEFAULT,
    SET_NULL,
    ForeignKey,
    Relation,
)
from vivace.orm.query import cache

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet

RowsOf = Callable[[type["Model"]], "QuerySet[Any]"]

# So many of the rows that forbid a deletion are put into the error.
MAX_SHOWN = 100


async def delete_queryset(queryset: QuerySet[Any], rows: RowsOf) -> tuple[int, dict[str, int]]:
    """Deletes a queryset's rows: by one statement when nothing points to them. `rows(model)` is all of a model's."""
    database = queryset.db
    if _pointing(queryset.model):
        async with database.atomic():
            keys = await queryset.order_by().using(database).values_list("pk", flat=True)
            return await _delete(queryset.model, keys, database, rows)
    return _counted({queryset.model: await run_delete(queryset.order_by(), database)})


async def delete_instances(instances: Sequence[Model], database: Database, rows: RowsOf) -> tuple[int, dict[str, int]]:
    """Deletes the rows of instances, all of one model. `rows(model)` is all of a model's rows."""
    model = instances[0]._meta.model
    keys = [instance.pk for instance in instances]
    if _pointing(model):
        async with database.atomic():
            return await _delete(model, keys, database, rows)
    queryset = rows(model).using(database).filter(pk__in=keys)
    return _counted({model: await run_delete(queryset, database)})


async def run_delete(queryset: QuerySet[Any], database: Database) -> int:
    """One DELETE statement; on_delete is the caller's business."""
    shape = (*queryset._shape, ("delete",))
    plan, arguments, _ = cache.shapes.bound(queryset.model, shape, queryset._values, database.dialect)
    return await database.execute_plan(plan, arguments)


def _counted(counts: dict[type[Model], int]) -> tuple[int, dict[str, int]]:
    by_label = {model._meta.label: count for model, count in counts.items() if count}
    return sum(by_label.values()), by_label


def _pointing(model: type[Model]) -> list[tuple[Relation, ForeignKey[Any]]]:
    """The foreign keys that point to a model and want something done."""
    return [
        (relation, relation.field)
        for relation in model._meta.all_related_objects
        if isinstance(relation.field, ForeignKey) and relation.on_delete is not DO_NOTHING
    ]


async def _delete(
    model: type[Model], keys: Iterable[Any], database: Database, rows: RowsOf
) -> tuple[int, dict[str, int]]:
    collector = _Collector(database, rows)
    await collector.collect(model, list(keys))
    collector.refuse_restricted()
    return await collector.run()


class _Collector:
    """What is to be deleted or changed, found first and done then."""

    def __init__(self, database: Database, rows: RowsOf) -> None:
        self.database, self._rows_of = database, rows
        self.keys: dict[type[Model], dict[Any, None]] = {}
        self.simple: list[tuple[ForeignKey[Any], list[Any]]] = []
        """Rows that nothing points to are deleted by their foreign key, without being read."""
        self.changes: list[tuple[ForeignKey[Any], list[Any], Any]] = []
        self.restricted: list[tuple[Relation, list[Any]]] = []

    def _rows(self, model: type[Model]) -> QuerySet[Any]:
        return self._rows_of(model).using(self.database).order_by()

    async def collect(self, model: type[Model], keys: list[Any]) -> None:
        """Takes in rows of a model by key, and all that hangs on them."""
        known = self.keys.setdefault(model, {})
        new = [key for key in keys if key not in known]
        if not new:
            return
        known.update(dict.fromkeys(new))
        for relation, field in _pointing(model):
            await self._follow(relation, field, await self._targets(model, field, new))

    async def _targets(self, model: type[Model], field: ForeignKey[Any], keys: list[Any]) -> list[Any]:
        target = field.target_field
        if target.primary_key:
            return keys
        return await self._rows(model).filter(pk__in=keys).values_list(target.name, flat=True)

    async def _follow(self, relation: Relation, field: ForeignKey[Any], targets: list[Any]) -> None:
        rows = self._rows(field.model).filter(**{f"{field.attname}__in": targets})
        action = relation.on_delete
        if action is CASCADE:
            if _pointing(field.model):
                await self.collect(field.model, await rows.values_list("pk", flat=True))
            else:
                self.simple.append((field, targets))
        elif action is PROTECT:
            protecting = await rows[:MAX_SHOWN]
            if protecting:
                raise ProtectedError(_refusal(relation, protecting), protecting)
        elif action is RESTRICT:
            self.restricted.append((relation, await rows))
        elif action is SET_NULL:
            self.changes.append((field, targets, None))
        elif action is SET_DEFAULT:
            self.changes.append((field, targets, field.get_default()))
        elif action is not None:
            value = action.value() if callable(action.value) else action.value
            self.changes.append((field, targets, value))

    def refuse_restricted(self) -> None:
        """Raises RestrictedError for rows that restrict and would stay."""
        for relation, rows in self.restricted:
            model = relation.field.model
            gone = self.keys.get(model, {})
            simply = [(field.attname, set(targets)) for field, targets in self.simple if field.model is model]
            staying = [
                row
                for row in rows
                if row.pk not in gone and not any(getattr(row, attname) in targets for attname, targets in simply)
            ]
            if staying:
                raise RestrictedError(_refusal(relation, staying), staying)

    async def run(self) -> tuple[int, dict[str, int]]:
        """Changes and deletes, those that point before those pointed to."""
        counts: dict[type[Model], int] = {}
        for field, targets, value in self.changes:
            rows = self._rows(field.model).filter(**{f"{field.attname}__in": targets})
            await rows.update(**{field.name: value})
        for field, targets in self.simple:
            rows = self._rows(field.model).filter(**{f"{field.attname}__in": targets})
            counts[field.model] = counts.get(field.model, 0) + await run_delete(rows, self.database)
        for model in self._ordered():
            keys = tuple(self.keys[model])
            found = await run_delete(self._rows(model).filter(pk__in=keys), self.database)
            # SQLite does not count rows that its own cascade within the table took first.
            points_to_itself = any(field.model is model for _, field in _pointing(model))
            counts[model] = len(keys) if found and points_to_itself else found
        return _counted(counts)

    def _ordered(self) -> list[type[Model]]:
        """The models, each behind those that point to it, as far as there are no circles."""
        ordered: list[type[Model]] = []
        visited: set[type[Model]] = set()

        def visit(model: type[Model]) -> None:
            if model in visited or model not in self.keys:
                return
            visited.add(model)
            for _, field in _pointing(model):
                visit(field.model)
            ordered.append(model)

        for model in self.keys:
            visit(model)
        return ordered


def _refusal(relation: Relation, rows: Sequence[Any]) -> str:
    target, source = relation.model._meta, relation.field.model._meta
    shown = ", ".join(repr(row) for row in rows[:3]) + ("…" if len(rows) > 3 else "")
    return (
        f"Cannot delete some instances of model '{target.object_name}' because they are referenced through the foreign "
        f"key '{source.object_name}.{relation.field.name}' (on_delete={relation.on_delete!r}): {shown}"
    )
