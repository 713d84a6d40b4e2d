"""`Model.save`: INSERT or UPDATE, what changed only, and what the database made of it read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm import parts
from vivace.orm._written_cy import insert_values, mark_saved
from vivace.orm.exceptions import NotUpdated, StaleObjectError
from vivace.orm.expressions.base import F
from vivace.orm.fields.base import Field
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.instances import is_partial
from vivace.orm.persistence import database_of, refresh
from vivace.orm.query import cache, writes
from vivace.orm.query.changes import freeze_assigned
from vivace.orm.query.inserts import insert_computed
from vivace.orm.query.queryset import QuerySet
from vivace.orm.query.writes import DialectKey
from vivace.orm.saved import must_write, remember, take_related_keys, take_returned
from vivace.orm.signals import post_save, pre_save
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


class Saving:
    """What one call of `save()` asks for."""

    __slots__ = ("counts", "force_insert", "force_update", "ignore_conflicts", "raw", "update_fields")

    def __init__(
        self,
        *,
        force_insert: bool | tuple[type[Model], ...] = False,
        force_update: bool = False,
        update_fields: Iterable[str] | None = None,
        raw: bool = False,
        ignore_conflicts: bool = False,
        counts: bool = False,
    ) -> None:
        self.force_insert, self.force_update, self.raw = force_insert, force_update, raw
        self.update_fields = None if update_fields is None else frozenset(update_fields)
        self.ignore_conflicts = ignore_conflicts
        """Whether an INSERT that meets another row of the same unique value is left, and told by returning None."""
        self.counts = counts
        """Whether the version is raised though nothing else of this table changes."""
        if force_insert and (force_update or self.update_fields):
            raise ValueError("Cannot force both insert and updating in model saving.")


async def save(instance: Model, how: Saving, using: Database | str | None) -> bool | None:
    """Writes the row; returns whether it is a new one, or None when nothing was to be written."""
    take_related_keys(instance)
    database = database_of(instance, using)
    for virtual in instance._meta.private_fields:
        await virtual.before_save([instance], database)
    named = None if how.update_fields is None else _named_fields(instance, how.update_fields)
    if named == []:
        return None
    for field in instance._meta.fields_to_prepare:
        await field.before_save(instance, named, database)
    if pre_save.receivers or post_save.receivers:
        return await _save_aloud(instance, how, named, database)
    return await _save(instance, how, named, database)


async def save_raw(instance: Model, using: Database | str | None) -> None:
    """Writes stored data as it is: the row of the model's own table only, a new one or in the place of one of its key.

    Rows that it refers to, those of parents among them, are stored data of their own. Receivers are told `raw=True`.
    """
    database = database_of(instance, using)
    how = Saving(raw=True)
    if not instance._meta.links:
        await _save_aloud(instance, how, None, database)
        return
    model = instance._meta.concrete_model
    told = {"instance": instance, "raw": True, "using": database, "update_fields": None}
    await pre_save.asend(model, **told)
    part = parts.make_part(instance, model)
    created = await _save(part, how, None, database)
    parts.take_back(instance, [part], database, is_new=bool(created))
    await post_save.asend(model, created=bool(created), **told)


async def _save_aloud(instance: Model, how: Saving, named: list[Field[Any]] | None, database: Database) -> bool | None:
    """`_save` with its signals, which the tables that a many-to-many relation makes for itself do not send."""
    model, update_fields = instance._meta.model, how.update_fields
    if update_fields is None and not how.force_insert and is_partial(instance):
        # As in Django, receivers learn that not all of the row is at hand.
        loaded = instance.__dict__
        update_fields = frozenset(
            name for name, field in instance._meta.by_attname.items() if name in loaded and not field.primary_key
        )
    told = {"instance": instance, "raw": how.raw, "using": database, "update_fields": update_fields}
    is_told = not instance._meta.auto_created
    if is_told:
        await pre_save.asend(model, **told)
    created = await _save(instance, how, named, database)
    if is_told and created is not None:
        await post_save.asend(model, created=created, **told)
    return created


async def _save(instance: Model, how: Saving, named: list[Field[Any]] | None, database: Database) -> bool | None:
    meta = instance._meta
    if meta.links:
        return await _save_parts(instance, how, named, database)
    if named is not None:
        await _update(instance, named, database, how, must_exist=True, only_changed=False)
        return False
    is_new = instance._origin is None or instance._origin.database not in (None, database)
    key = getattr(instance, meta.pk.attname)
    # Another key means another row, as in Django: the usual way to copy one is to set the key to None.
    is_moved = instance._origin is not None and _has_other_key(instance, key)
    is_known = how.force_update or (how.raw and key is not None)  # stored data has the keys of its rows
    if how.force_insert or (not is_known and _is_insert(instance, key, is_new=is_new, is_moved=is_moved)):
        return await _insert(instance, database, how)
    loaded = instance.__dict__
    fields = [field for field in meta.initial_fields if field.attname in loaded or not is_partial(instance)]
    if await _update(instance, fields, database, how, must_exist=how.force_update, only_changed=not is_moved):
        return False
    return await _insert(instance, database, how)


async def _save_parts(instance: Model, how: Saving, named: list[Field[Any]] | None, database: Database) -> bool | None:
    """`_save` of a row that is in several tables, those that are linked to first."""
    _check_forced(instance, how.force_insert)
    parts.give_parents_keys(instance)
    model = instance._meta.concrete_model
    saved: dict[type[Model], Model] = {}
    created: dict[type[Model], bool | None] = {}
    counted = _counted_table(instance, named)
    async with database.atomic():
        for table in instance._meta.tables:
            own = None if named is None else [field for field in named if field.model is table]
            if own == [] and table is not counted:
                continue
            part = parts.make_part(instance, table)
            parts.take_keys(part, table, saved.values())
            forced = any(created.get(above) for above in table._meta.links) or _is_forced(how, table, model)
            step = Saving(
                force_insert=forced,
                force_update=how.force_update and table is model and not forced,
                raw=how.raw,
                counts=table is counted,
            )
            created[table] = await _save(part, step, own, database)
            saved[table] = part
    is_new = bool(created.get(model))
    parts.take_back(instance, list(saved.values()), database, is_new=is_new)
    return is_new


def _counted_table(instance: Model, named: list[Field[Any]] | None) -> type[Model] | None:
    """The table of the VersionField, if a column of another table is to be written."""
    version = instance._meta.version_field
    if version is None:
        return None
    loaded = instance.__dict__
    elsewhere = [
        field
        for field in (instance._meta.initial_fields if named is None else named)
        if field.model is not version.model and not field.primary_key and field.attname in loaded
    ]
    is_written = any(
        named is not None or field.fills_itself or must_write(instance, field, loaded[field.attname])
        for field in elsewhere
    )
    return version.model if is_written else None


def _check_forced(instance: Model, forced: object) -> None:
    if isinstance(forced, bool):
        return
    model = instance._meta.model
    if not isinstance(forced, tuple):
        raise TypeError("force_insert must be a bool or tuple.")
    for each in forced:
        if not isinstance(each, type(model)):
            raise TypeError(f"Invalid force_insert member. {each!r} must be a model subclass.")
        if not issubclass(model, each):
            raise TypeError(f"Invalid force_insert member. {each.__qualname__} must be a base of {model.__qualname__}.")


def _is_forced(how: Saving, table: type[Model], model: type[Model]) -> bool:
    """Whether the part in `table` must be new: that of the model itself, or those of the models that are named."""
    if isinstance(how.force_insert, tuple):
        return any(issubclass(table, each) for each in how.force_insert)
    return how.force_insert and table is model


def _has_other_key(instance: Model, key: Any) -> bool:
    pk = instance._meta.pk
    if pk.concrete:
        return must_write(instance, pk, key)
    return any(must_write(instance, field, getattr(instance, field.attname)) for field in instance._meta.pk_fields)


def _is_insert(instance: Model, key: Any, *, is_new: bool, is_moved: bool) -> bool:
    pk = instance._meta.pk
    if key is None or isinstance(key, DatabaseDefault):
        return is_new or is_moved
    # A key that nobody had to give is a new one, unless somebody knew the row's.
    return is_new and (pk.has_default() or pk.has_db_default()) and not is_partial(instance)


def _named_fields(instance: Model, names: Iterable[str]) -> list[Field[Any]]:
    meta = instance._meta
    fields = []
    for name in names:
        field = meta.pk if name == "pk" else meta.forward.get(name)
        if field is None or not field.concrete:
            choices = [each.name for each in meta.initial_fields if not each.primary_key]
            raise ValueError(
                f'update_fields: {meta.object_name} has no column "{name}". '
                f"{did_you_mean(name, choices, listed_as='Fields')}"
            )
        if field.primary_key:
            raise ValueError("update_fields cannot hold the primary key: it says which row to update")
        if field.generated:
            raise ValueError(f'update_fields cannot hold "{name}": the database computes it')
        fields.append(field)
    return fields


# INSERT


async def _insert(instance: Model, database: Database, how: Saving) -> bool | None:
    """Inserts the row; returns True, or None when another has its place and that is no error."""
    meta = instance._meta
    names, values, is_computed = insert_values(instance, raw=how.raw)
    if is_computed:
        if not await insert_computed(instance, dict(zip(names, values, strict=True)), database):
            await refresh(instance, using=database, fields=None)
        return True
    absent: tuple[str, ...] = ()
    if len(names) < len(meta.concrete_fields):
        absent = tuple([name for name in meta.by_attname if name not in names])
    key = DialectKey(database.dialect)
    statement = writes.insert(meta.model, key, names, returning=absent, ignore_conflicts=how.ignore_conflicts)
    bound = statement.bind(values)
    if statement.plan.returns_rows:
        rows = await database.fetch_plan(statement.plan, bound)
        if not rows:
            return None
        mark_saved((instance,), names, (bound,), database, absent, rows)
    elif absent:
        await _insert_and_look(instance, statement, names, bound, absent, database)
    elif await database.execute_plan(statement.plan, bound):
        mark_saved((instance,), names, (bound,), database)
    else:
        return None
    return True


async def _insert_and_look(
    instance: Model,
    statement: writes.Statement,
    names: tuple[str, ...],
    bound: Sequence[Any],
    absent: tuple[str, ...],
    database: Database,
) -> None:
    """Without RETURNING: the key as the driver tells it, the rest by a SELECT."""
    pk = instance._meta.pk
    made = await database.insert_plan(statement.plan, bound)
    written = dict(zip(names, bound, strict=True))
    if pk.attname in absent:
        written[pk.attname] = made
        take_returned(instance, {pk.attname: made}, database)
    instance._origin = None
    remember(instance, written, database)
    others = [name for name in absent if name != pk.attname]
    if others:
        await refresh(instance, using=database, fields=others)


# UPDATE


async def _update(
    instance: Model,
    fields: Sequence[Field[Any]],
    database: Database,
    how: Saving,
    *,
    must_exist: bool,
    only_changed: bool = True,
) -> bool:
    """Updates what changed, or all; returns whether the row is there (or nothing had to be written)."""
    meta = instance._meta
    origin = instance._origin
    # Another database holds who knows what, and so does this one after a rollback; an unpickled object does not know
    # where it came from.
    only_changed = only_changed and origin is not None and origin.database in (None, database) and origin.is_trusted
    changed: dict[str, Any] = {}
    computed = False
    for field in fields:
        if field.primary_key or (field is meta.version_field and not how.raw):
            continue
        value = getattr(instance, field.attname) if how.raw else field.pre_save(instance, False)
        if not only_changed or must_write(instance, field, value):
            if isinstance(value, DatabaseDefault):
                value = value.expression
            changed[field.attname] = value
            computed = computed or hasattr(value, "freeze")
    key = getattr(instance, meta.pk.attname)
    if key is None or isinstance(key, DatabaseDefault):
        raise ValueError(f"Cannot force an update in save() with no primary key: {instance!r} was never saved")
    if not changed and not how.counts:
        return only_changed or await _exists(instance, database)
    if meta.select_on_save and not must_exist and not await _exists(instance, database):
        return False
    version = None if how.raw else meta.version_field
    found = await (_update_computed if computed else _update_row)(instance, changed, version, database)
    if not found and meta.select_on_save:
        # A trigger may keep the database from counting the row.
        found = await _exists(instance, database)
    return found or _missing(instance, must_exist)


async def _exists(instance: Model, database: Database) -> bool:
    rows: QuerySet[Model] = QuerySet(instance._meta.model).using(database)
    return await rows.filter(pk=instance.pk).exists()


def _missing(instance: Model, must_exist: bool) -> bool:
    if instance._meta.version_field is not None and instance._origin is not None:
        raise StaleObjectError(
            f"{instance!r} was changed or deleted by somebody else since it was read: read it again "
            "(refresh_from_db) before you change it"
        )
    if must_exist:
        raise NotUpdated(f"Save did not affect any rows: {instance!r} is not in the database any more")
    return False


async def _update_row(instance: Model, changed: dict[str, Any], version: Field[Any] | None, database: Database) -> bool:
    meta = instance._meta
    keys = [field.attname for field in meta.pk_fields]
    values = [*changed.values(), *[getattr(instance, name) for name in keys]]
    names = tuple(changed)
    matching: tuple[str, ...] = ()
    if version is not None:
        before = getattr(instance, version.attname)
        values.insert(len(changed), before + 1)
        values.append(before)
        names, matching = (*names, version.attname), (version.attname,)
    returning = meta.generated_names
    statement = writes.update(meta.model, DialectKey(database.dialect), names, returning=returning, matching=matching)
    bound = statement.bind(values)
    written = dict(zip((*names, *keys), bound, strict=False))
    if statement.plan.returns_rows:
        rows = await database.fetch_plan(statement.plan, bound)
        if not rows:
            return False
        back = dict(zip(returning, rows[0], strict=True))
        take_returned(instance, back, database)
        written |= back
    elif not await database.execute_plan(statement.plan, bound):
        return False
    if version is not None:
        setattr(instance, version.attname, before + 1)
    remember(instance, written, database)
    if returning and not statement.plan.returns_rows:
        await refresh(instance, using=database, fields=returning)
    return True


async def _update_computed(
    instance: Model, changed: dict[str, Any], version: Field[Any] | None, database: Database
) -> bool:
    """With `book.views = F("views") + 1`, the new value is the database's, and is read back."""
    meta = instance._meta
    rows: QuerySet[Model] = QuerySet(meta.model).using(database).filter(pk=instance.pk)
    if version is not None:
        rows = rows.filter(**{version.attname: getattr(instance, version.attname)})
        changed |= {version.attname: F(version.attname) + 1}
    bound: list[Any] = list(rows._values)
    assigned = tuple((name, freeze_assigned(value, bound)) for name, value in changed.items())
    returning = tuple(dict.fromkeys((*changed, *meta.generated_names)))
    shape = (*rows._shape, ("update", assigned, returning))
    plan, arguments, _ = cache.shapes.bound(meta.model, shape, bound, database.dialect)
    if not plan.returns_rows:
        if not await database.execute_plan(plan, arguments):
            return False
        await refresh(instance, using=database, fields=returning)
        return True
    found = await database.fetch_plan(plan, arguments)
    if found:
        back = dict(zip(returning, found[0], strict=True))
        take_returned(instance, back, database)
        dialect = database.dialect.name
        keys = {
            field.attname: writes.write_converter(field, dialect)(getattr(instance, field.attname))
            for field in meta.pk_fields
        }
        remember(instance, keys | back, database)
    return bool(found)
