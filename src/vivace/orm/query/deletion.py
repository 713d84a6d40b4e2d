"""Deleting rows and what hangs on them, in few statements: what `on_delete` says, done in the right order.

The database repeats CASCADE and SET NULL for rows that other programs delete; here it is done explicitly, so that
PROTECT and RESTRICT see everything that would go, and so that the numbers returned are true. Only the keys of what is
deleted are held in memory, unless somebody listens to `pre_delete` or `post_delete`.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import ProtectedError, RestrictedError
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.on_delete import CASCADE, DO_NOTHING, PROTECT, RESTRICT, SET_DEFAULT, SET_NULL
from vivace.orm.fields.relation import Relation
from vivace.orm.query import cache
from vivace.orm.signals import post_delete, pre_delete

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet

RowsOf = Callable[[type["Model"]], "QuerySet[Any]"]
Counts = dict[type["Model"], int]

# So many of the rows that forbid a deletion are put into the error.
MAX_SHOWN = 100
# So many keys go into one statement.
BATCH = 10_000


async def delete_queryset(queryset: QuerySet[Any], rows: RowsOf) -> tuple[int, dict[str, int]]:
    """Deletes a queryset's rows: by one statement when nothing hangs on them. `rows(model)` is all of a model's."""
    database, model = queryset._write_db, queryset.model
    if is_simple(model):
        return _counted({model: await run_delete(queryset.order_by(), database)})
    async with database.atomic():
        collector = _Collector(database, rows, model, origin=queryset)
        found = queryset.order_by().using(database)
        if collector.is_watched(model):
            await collector.collect_instances(model, await found)
        else:
            await collector.collect(model, list(await found.values_list("pk", flat=True)))
        return await collector.finish()


async def delete_instances(
    instances: Sequence[Model], database: Database, rows: RowsOf, *, keep_parents: bool = False
) -> tuple[int, dict[str, int]]:
    """Deletes the rows of instances, all of one model. `rows(model)` is all of a model's rows.

    With `keep_parents`, the parts of the rows that are in the tables of parents stay.
    """
    model = instances[0]._meta.model
    if is_simple(model):
        queryset = rows(model).using(database).filter(pk__in=[instance.pk for instance in instances])
        return _counted({model: await run_delete(queryset, database)})
    async with database.atomic():
        collector = _Collector(database, rows, model, origin=instances[0], keep_parents=keep_parents)
        await collector.collect_instances(model, instances)
        return await collector.finish()


async def run_delete(queryset: QuerySet[Any], database: Database) -> int:
    """One DELETE statement; on_delete is the caller's business."""
    shape = (*queryset._shape, ("delete",))
    plan, arguments, _ = cache.shapes.bound(queryset.model, shape, queryset._values, database.dialect)
    return await database.execute_plan(plan, arguments)


def _counted(counts: Counts) -> tuple[int, dict[str, int]]:
    by_label: dict[str, int] = {}
    for model, count in counts.items():
        if count:
            by_label[model._meta.label] = by_label.get(model._meta.label, 0) + count
    return sum(by_label.values()), by_label


def _pointing(model: type[Model]) -> list[tuple[Relation, ForeignKey[Any]]]:
    """The foreign keys that point to a model's own table and want something done."""
    return [
        (relation, relation.field)
        for relation in model._meta.local_related_objects
        if isinstance(relation.field, ForeignKey)
        and relation.on_delete is not DO_NOTHING
        and not (relation.on_delete is not None and relation.on_delete.in_database)
    ]


def _generic(model: type[Model]) -> list[Any]:
    """The generic relations of a model: what is related by them is deleted with it."""
    return [field for field in model._meta.private_fields if field.hangs]


def _is_watched(model: type[Model]) -> bool:
    if not (pre_delete.receivers or post_delete.receivers) or model._meta.auto_created:
        return False
    return pre_delete.has_listeners(model) or post_delete.has_listeners(model)


def is_simple(model: type[Model], by: ForeignKey[Any] | None = None) -> bool:
    """Whether rows can go without being looked at; `by` is the key along which the deletion has come to them."""
    links = model._meta.links.values()
    return not (_pointing(model) or _generic(model) or _is_watched(model) or any(link is not by for link in links))


def _batches(keys: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(keys), BATCH):
        yield tuple(keys[start : start + BATCH])


class _Collector:
    """What is to be deleted or changed, found first and done then."""

    def __init__(
        self, database: Database, rows: RowsOf, root: type[Model], *, origin: Any, keep_parents: bool = False
    ) -> None:
        self.database, self._rows_of, self.root, self.origin = database, rows, root, origin
        self.keep_parents = keep_parents
        self.keys: dict[type[Model], dict[Any, None]] = {}
        """By the model that has the table, the keys of the rows to delete."""
        self.levels: dict[type[Model], list[list[Any]]] = {}
        """The same keys as they were found: those that are pointed to before those that point to them."""
        self.instances: dict[type[Model], list[Model]] = {}
        """The rows of which somebody wants to be told, by the model they are told as."""
        self.simple: list[tuple[type[Model], str, tuple[Any, ...]]] = []
        """Rows that nothing points to are deleted by their foreign key, without being read."""
        self.generic: list[QuerySet[Any]] = []
        self.changes: list[tuple[ForeignKey[Any], tuple[Any, ...], Any]] = []
        self.restricted: list[tuple[Relation, tuple[Any, ...]]] = []

    def is_watched(self, model: type[Model]) -> bool:
        """Whether the deletion of a model's rows is told to somebody, who needs the rows."""
        return _is_watched(model)

    def _rows(self, model: type[Model]) -> QuerySet[Any]:
        return self._rows_of(model).using(self.database).order_by()

    # Finding

    async def collect_instances(self, model: type[Model], instances: Sequence[Model]) -> None:
        """Takes in rows that are at hand, and all that hangs on them."""
        known = self.keys.get(model._meta.concrete_model, {})
        new = [instance for instance in instances if instance.pk not in known]
        if self.is_watched(model):
            self.instances.setdefault(model, []).extend(new)
        await self.collect(model, [instance.pk for instance in new])

    async def collect(self, model: type[Model], keys: list[Any]) -> None:
        """Takes in rows of a model by key, and all that hangs on them."""
        known = self.keys.setdefault(model._meta.concrete_model, {})
        new = [key for key in keys if key not in known]
        if not new:
            return
        known.update(dict.fromkeys(new))
        self.levels.setdefault(model._meta.concrete_model, []).append(new)
        for batch in _batches(new):
            await self._collect_related(model, batch)
            await self._collect_generic(model, batch)
            if not (self.keep_parents and model is self.root):
                await self._collect_parents(model, batch)

    async def _collect_related(self, model: type[Model], keys: tuple[Any, ...]) -> None:
        protecting: dict[Relation, list[Any]] = {}
        for relation, field in _pointing(model):
            if self.keep_parents and relation.parent_link:
                continue
            targets = await self._values(model, field.target_field, keys)
            if relation.on_delete is PROTECT:
                found = await self._rows(field.model).filter(**{f"{field.attname}__in": targets})[:MAX_SHOWN]
                if found:
                    protecting[relation] = found
            else:
                await self._follow(relation, field, targets)
        if protecting:
            raise ProtectedError(
                _refusal(protecting, "protected"), [row for rows in protecting.values() for row in rows]
            )

    async def _values(self, model: type[Model], field: Any, keys: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values of a field of the rows of these keys."""
        if field is model._meta.pk:
            return keys
        found = await self._rows(model).filter(pk__in=keys).values_list(field.attname, flat=True)
        return tuple(value for value in found if value is not None)

    async def _follow(self, relation: Relation, field: ForeignKey[Any], targets: tuple[Any, ...]) -> None:
        action, model = relation.on_delete, field.model
        if action is CASCADE:
            if is_simple(model, field):
                self.simple.append((model, field.attname, targets))
            else:
                await self._collect_rows(
                    field.model, self._rows(field.model).filter(**{f"{field.attname}__in": targets})
                )
        elif action is RESTRICT:
            self.restricted.append((relation, targets))
        elif action is SET_NULL:
            self.changes.append((field, targets, None))
        elif action is SET_DEFAULT:
            self.changes.append((field, targets, field.get_default()))
        elif action is not None:
            value = action.value() if callable(action.value) else action.value
            self.changes.append((field, targets, value))

    async def _collect_rows(self, model: type[Model], rows: QuerySet[Any]) -> None:
        if self.is_watched(model):
            await self.collect_instances(model, await rows)
        else:
            await self.collect(model, list(await rows.values_list("pk", flat=True)))

    async def _collect_generic(self, model: type[Model], keys: tuple[Any, ...]) -> None:
        for field in _generic(model):
            related = field.rows_of(self._rows(field.related_model), keys)
            if is_simple(field.related_model):
                self.generic.append(related)
            else:
                await self._collect_rows(field.related_model, related)

    async def _collect_parents(self, model: type[Model], keys: tuple[Any, ...]) -> None:
        for parent, link in model._meta.links.items():
            await self.collect(parent, list(await self._values(model, link, keys)))

    # Refusing

    async def _refuse_restricted(self) -> None:
        """Raises RestrictedError for rows that restrict and would stay."""
        staying: dict[Relation, list[Any]] = {}
        for relation, targets in self.restricted:
            async for key in self._staying(relation, targets):
                keys = staying.setdefault(relation, [])
                if len(keys) == MAX_SHOWN:
                    break
                keys.append(key)
        if staying:
            rows = {
                relation: await self._rows(relation.field.model).filter(pk__in=tuple(keys))
                for relation, keys in staying.items()
            }
            raise RestrictedError(_refusal(rows, "restricted"), itertools.chain(*rows.values()))

    async def _staying(self, relation: Relation, targets: tuple[Any, ...]) -> AsyncIterator[Any]:
        field, model = relation.field, relation.field.model
        gone = self.keys.get(model._meta.concrete_model, {})
        simply = [(name, set(values)) for each, name, values in self.simple if each is model]
        rows = self._rows(model).filter(**{f"{field.attname}__in": targets})
        for key, *values in await rows.values_list("pk", *(name for name, _ in simply)):
            deleted = key in gone or any(value in among for value, (_, among) in zip(values, simply, strict=True))
            if not deleted:
                yield key

    # Doing

    async def finish(self) -> tuple[int, dict[str, int]]:
        """Changes and deletes, those that point before those pointed to. Raises RestrictedError when rows forbid it."""
        await self._refuse_restricted()
        await self._tell(pre_delete, self.instances)
        counts: Counts = {}
        for field, targets, value in self.changes:
            rows = self._rows(field.model).filter(**{f"{field.attname}__in": targets})
            await rows.update(**{field.name: value})
        for queryset in self.generic:
            _add(counts, queryset.model, await run_delete(queryset, self.database))
        for model, attname, targets in self.simple:
            rows = self._rows(model).filter(**{f"{attname}__in": targets})
            _add(counts, model, await run_delete(rows, self.database))
        for model in self._ordered():
            _add(counts, self._told_as(model), await self._delete(model))
            await self._tell(
                post_delete, {each: self.instances[each] for each in self.instances if _own(each) is model}
            )
        return _counted(counts)

    async def _tell(self, signal: Any, instances: dict[type[Model], list[Model]]) -> None:
        for model, rows in instances.items():
            for instance in rows:
                await signal.asend(model, instance=instance, using=self.database, origin=self.origin)

    def _told_as(self, model: type[Model]) -> type[Model]:
        return self.root if _own(self.root) is model else model

    async def _delete(self, model: type[Model]) -> int:
        keys = list(self.keys[model])
        if self.database.dialect.name == "mysql" and model in self._above(model):
            # InnoDB's own cascade gives up after fifteen steps: it must find nothing to do.
            batches = [batch for level in reversed(self.levels.get(model, [])) for batch in _batches(level)]
        elif _holds_itself(model):
            # Where rows of a table hold one another without ON DELETE, only one statement may take them all.
            batches = [tuple(keys)]
        else:
            batches = list(_batches(keys))
        found = 0
        for batch in batches:
            found += await run_delete(self._rows(model).filter(pk__in=batch), self.database)
        # What the database's own cascade has taken first is not among the rows that the statement counts.
        return len(keys) if self._is_in_circle(model) else found

    def _ordered(self) -> list[type[Model]]:
        """The models, each behind those that point to it, as far as there are no circles."""
        ordered: list[type[Model]] = []
        visited: set[type[Model]] = set()

        def visit(model: type[Model]) -> None:
            if model in visited or model not in self.keys:
                return
            visited.add(model)
            for above in self._above(model):
                visit(above)
            ordered.append(model)

        for model in self.keys:
            visit(model)
        return ordered

    def _above(self, model: type[Model]) -> list[type[Model]]:
        return [_own(field.model) for _, field in _pointing(model)]

    def _is_in_circle(self, model: type[Model]) -> bool:
        """Whether rows of the model may point to one another, directly or through other models."""
        seen: set[type[Model]] = set()
        waiting = self._above(model)
        while waiting:
            each = waiting.pop()
            if each is model:
                return True
            if each not in seen and each in self.keys:
                seen.add(each)
                waiting += self._above(each)
        return False


def _own(model: type[Model]) -> type[Model]:
    return model._meta.concrete_model


def _add(counts: Counts, model: type[Model], count: int) -> None:
    counts[model] = counts.get(model, 0) + count


def _holds_itself(model: type[Model]) -> bool:
    return any(
        relation.on_delete not in (CASCADE, SET_NULL) and _own(field.model) is model
        for relation, field in _pointing(model)
    )


def _refusal(found: dict[Relation, list[Any]], word: str) -> str:
    target = next(iter(found)).model._meta
    keys = ", ".join(f"'{relation.field.model.__name__}.{relation.field.name}'" for relation in found)
    rows = [row for each in found.values() for row in each]
    shown = ", ".join(repr(row) for row in rows[:3]) + ("…" if len(rows) > 3 else "")
    return (
        f"Cannot delete some instances of model '{target.object_name}' because they are referenced through {word} "
        f"foreign keys: {keys}: {shown}"
    )
