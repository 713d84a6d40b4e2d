"""What the awaited methods of an instance do: save, delete and refresh. The checks before are `validation`'s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm import binding
from vivace.orm.exceptions import FieldDoesNotExist, NotUpdated
from vivace.orm.fields.base import Field
from vivace.orm.instances import Origin, is_partial, loaded_value, partial_layout, slot_of
from vivace.orm.query import writes
from vivace.orm.query.queryset import QuerySet
from vivace.orm.query.writes import DialectKey
from vivace.orm.relations.deletion import delete_instances
from vivace.orm.saved import mark_saved, take_related_keys
from vivace.orm.signals import post_save, pre_save
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


def database_of(instance: Model, using: Database | None) -> Database:
    """The database that a method of `instance` talks to."""
    if using is None and instance._origin is not None:
        using = instance._origin.database
    return binding.resolve(using)


async def save(
    instance: Model,
    *,
    force_insert: bool,
    force_update: bool,
    using: Database | None,
    update_fields: Iterable[str] | None,
) -> None:
    """`Model.save`."""
    if update_fields is not None:
        update_fields = frozenset(update_fields)
    if force_insert and (force_update or update_fields):
        raise ValueError("Cannot force both insert and updating in model saving.")
    take_related_keys(instance)
    database = database_of(instance, using)
    named = None if update_fields is None else _named_fields(instance, update_fields)
    if named == []:
        return
    if pre_save.receivers or post_save.receivers:
        await _save_aloud(instance, named, update_fields, database, force_insert, force_update)
    else:
        await _save(instance, named, database, force_insert, force_update)


async def _save_aloud(
    instance: Model,
    named: list[Field[Any]] | None,
    update_fields: frozenset[str] | None,
    database: Database,
    force_insert: bool,
    force_update: bool,
) -> None:
    """`save` with its signals, which the tables that a many-to-many relation makes for itself do not send."""
    model = instance._meta.model
    if update_fields is None and not force_insert and is_partial(instance):
        # As in Django, receivers learn that not all of the row is at hand.
        loaded = instance.__dict__
        update_fields = frozenset(
            name for name, field in instance._meta.by_attname.items() if name in loaded and not field.primary_key
        )
    told = {"instance": instance, "raw": False, "using": database, "update_fields": update_fields}
    is_told = not instance._meta.auto_created
    if is_told:
        await pre_save.asend(model, **told)
    created = await _save(instance, named, database, force_insert, force_update)
    if is_told:
        await post_save.asend(model, created=created, **told)


async def _save(
    instance: Model, named: list[Field[Any]] | None, database: Database, force_insert: bool, force_update: bool
) -> bool:
    """Writes the row; returns whether it is a new one."""
    meta = instance._meta
    if named is not None:
        await _update(instance, named, database, must_exist=True)
        return False
    loaded = instance.__dict__
    fields = [field for field in meta.concrete_fields if field.attname in loaded or not is_partial(instance)]
    is_new = instance._origin is None or instance._origin.database not in (None, database)
    key = getattr(instance, meta.pk.attname)
    # Another key means another row, as in Django: the usual way to copy one is to set the key to None.
    is_moved = instance._origin is not None and must_write(instance, meta.pk, key)
    is_fresh = is_new and (meta.pk.has_default() or meta.pk.has_db_default()) and not is_partial(instance)
    if force_insert or (not force_update and (is_fresh or (key is None and (is_new or is_moved)))):
        await _insert(instance, database)
        return True
    found = await _update(instance, fields, database, must_exist=force_update, only_changed=not is_moved)
    if not found:
        await _insert(instance, database)
    return not found


def _named_fields(instance: Model, names: Iterable[str]) -> list[Field[Any]]:
    meta = instance._meta
    fields = []
    for name in dict.fromkeys(names):
        field = meta.pk if name == "pk" else meta.forward.get(name)
        if field is None or not field.concrete:
            choices = [each.name for each in meta.concrete_fields]
            raise FieldDoesNotExist(
                f'update_fields: {meta.object_name} has no column "{name}". '
                f"{did_you_mean(name, choices, listed_as='Fields')}"
            )
        if field.primary_key:
            raise ValueError("update_fields cannot hold the primary key: it says which row to update")
        fields.append(field)
    return fields


def insert_values(instance: Model) -> tuple[list[str], list[Any]]:
    """The attributes to insert with their values; an automatic key that is None is left to the database."""
    names, values = [], []
    for field in instance._meta.concrete_fields:
        value = field.pre_save(instance, True)
        if field.primary_key and value is None and field.is_auto:
            continue
        if hasattr(value, "freeze"):
            raise TypeError(f"{field.name}={value!r}: an expression can be assigned only to a row that exists")
        names.append(field.attname)
        values.append(value)
    return names, values


async def _insert(instance: Model, database: Database) -> None:
    meta = instance._meta
    names, values = insert_values(instance)
    returning = meta.pk.attname not in names
    statement = writes.insert(meta.model, DialectKey(database.dialect), tuple(names), returning=returning)
    bound = statement.bind(values)
    if returning:
        rows = await database.fetch_plan(statement.plan, bound)
        mark_saved(instance, names, bound, database, key=rows[0][0])
    else:
        await database.execute_plan(statement.plan, bound)
        mark_saved(instance, names, bound, database)


async def _update(
    instance: Model,
    fields: Sequence[Field[Any]],
    database: Database,
    *,
    must_exist: bool,
    only_changed: bool = True,
) -> bool:
    """Updates what changed, or all; returns whether the row is there (or nothing had to be written)."""
    meta = instance._meta
    origin = instance._origin
    # Another database holds who knows what; an unpickled object does not know where it came from.
    only_changed = only_changed and origin is not None and origin.database in (None, database)
    changed: list[tuple[Field[Any], Any]] = []
    for field in fields:
        if field.primary_key:
            continue
        value = field.pre_save(instance, False)
        if not only_changed or must_write(instance, field, value):
            changed.append((field, value))
    key = getattr(instance, meta.pk.attname)
    if key is None:
        raise ValueError(f"Cannot force an update in save() with no primary key: {instance!r} was never saved")
    if not changed:
        return only_changed
    if any(hasattr(value, "freeze") for _, value in changed):
        return await _update_by_expressions(instance, changed, database, must_exist=must_exist)
    names = tuple(field.attname for field, _ in changed)
    statement = writes.update(meta.model, DialectKey(database.dialect), names)
    bound = statement.bind([*(value for _, value in changed), key])
    found = await database.execute_plan(statement.plan, bound)
    if not found:
        return _missing(instance, must_exist)
    _remember(instance, dict(zip((*names, meta.pk.attname), bound, strict=True)), database)
    return True


def _missing(instance: Model, must_exist: bool) -> bool:
    if must_exist:
        raise NotUpdated(f"Save did not affect any rows: {instance!r} is not in the database any more")
    return False


def must_write(instance: Model, field: Field[Any], value: Any) -> bool:
    """Whether the attribute differs from what the row held."""
    if hasattr(value, "freeze"):
        return True
    try:
        before = loaded_value(instance, field.attname)
    except KeyError:
        return True
    if value is None or before is None:
        return value is not before
    return bool(field.get_prep_value(value) != before)


async def _update_by_expressions(
    instance: Model, changed: Sequence[tuple[Field[Any], Any]], database: Database, *, must_exist: bool
) -> bool:
    """With `book.views = F("views") + 1`, the new value is the database's; the attribute is loaded again when read."""
    queryset: QuerySet[Model] = QuerySet(instance._meta.model).using(database).filter(pk=instance.pk)
    found = await queryset.update(**{field.name: value for field, value in changed})
    if not found:
        return _missing(instance, must_exist)
    await refresh(instance, using=database, fields=[field.attname for field, _ in changed])
    return True


def _remember(instance: Model, written: dict[str, Any], database: Database) -> None:
    origin = instance._origin
    if origin is None:
        _remember_all(instance, written, database)
        return
    if all(name in origin.layout for name in written):
        row = list(instance._row)
        for name, value in written.items():
            row[origin.layout[name][0]] = value
        instance._row = tuple(row)
        return
    known = {name: instance._row[index] for name, (index, _) in origin.layout.items()} | written
    instance._origin = Origin(partial_layout(instance._meta.model, tuple(known), database.dialect.name), database)
    instance._row = tuple(known.values())


def _remember_all(instance: Model, written: dict[str, Any], database: Database) -> None:
    pk = instance._meta.pk
    written = {pk.attname: writes.write_converter(pk, database.dialect.name)(instance.pk)} | written
    instance._origin = Origin(partial_layout(instance._meta.model, tuple(written), database.dialect.name), database)
    instance._row = tuple(written.values())


async def delete(instance: Model, *, using: Database | None) -> tuple[int, dict[str, int]]:
    """`Model.delete`."""
    if instance.pk is None:
        raise ValueError(
            f"{type(instance).__name__} object can't be deleted because its {instance._meta.pk.attname} attribute is "
            "set to None."
        )
    result = await delete_instances([instance], database_of(instance, using), QuerySet)
    instance.pk = None
    instance._origin = None
    instance._row = None
    return result


async def refresh(instance: Model, *, using: Database | None, fields: Iterable[str] | None) -> None:
    """`Model.refresh_from_db`."""
    database = database_of(instance, using)
    model = instance._meta.model
    queryset: QuerySet[Model] = QuerySet(model).using(database)
    if fields is not None:
        wanted = list(fields)
        queryset = queryset.only(*wanted)
    fresh = await queryset.get(pk=instance.pk)
    loaded = {name: value for name, value in fresh.__dict__.items() if name in instance._meta.by_attname}
    for name, value in loaded.items():
        setattr(instance, name, value)
    for field in instance._meta.foreign_keys:
        if field.attname in loaded:
            setattr(instance, slot_of(field.name), None)
    if fields is None:
        instance.__dict__.pop("_prefetched", None)
        instance._origin, instance._row = fresh._origin, fresh._row
        if is_partial(instance):
            instance.__class__ = model
        return
    assert fresh._origin is not None
    layout = fresh._origin.layout
    _remember(instance, {name: fresh._row[layout[name][0]] for name in loaded}, database)
