"""What the awaited methods of an instance do but `save`: delete and refresh. The checks before are `validation`'s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vivace.orm import binding
from vivace.orm.exceptions import unknown_field
from vivace.orm.instances import is_partial, slot_of
from vivace.orm.query.deletion import delete_instances
from vivace.orm.query.queryset import QuerySet
from vivace.orm.saved import remember

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


def database_of(instance: Model, using: Database | str | None, *, write: bool = True) -> Database:
    """The database that a method of `instance` talks to."""
    return binding.resolve_for(instance, instance._meta.model, using, write=write)


async def delete(
    instance: Model, *, using: Database | str | None, keep_parents: bool = False
) -> tuple[int, dict[str, int]]:
    """`Model.delete`."""
    if instance.pk is None:
        raise ValueError(
            f"{type(instance).__name__} object can't be deleted because its {instance._meta.pk.attname} attribute is "
            "set to None."
        )
    result = await delete_instances([instance], database_of(instance, using), QuerySet, keep_parents=keep_parents)
    instance.pk = None
    if instance._meta.links and not keep_parents:
        for table in instance._meta.tables:
            setattr(instance, table._meta.pk.attname, None)
    instance._origin = None
    instance._row = None
    return result


async def refresh(
    instance: Model,
    *,
    using: Database | str | None,
    fields: Iterable[str] | None,
    from_queryset: QuerySet[Any] | None = None,
) -> None:
    """`Model.refresh_from_db`."""
    names = None if fields is None else frozenset(fields)
    wanted = _loaded_columns(instance) if names is None else _columns_to_refresh(instance, names)
    if wanted == []:
        _take_over_relations(instance, {}, names)
        return
    database = database_of(instance, using, write=False)
    rows: QuerySet[Any] = instance._meta.base_manager.get_queryset() if from_queryset is None else from_queryset
    if from_queryset is None or rows._database is None:
        rows = rows.using(database)
    if wanted is not None:
        rows = rows.only(*wanted)
    fresh = await rows.get(pk=instance.pk)
    _take_over(instance, fresh, database, whole=wanted is None)
    if names is None:
        instance._prefetched = fresh._prefetched
    _take_over_relations(instance, fresh.__dict__, names)


def _loaded_columns(instance: Model) -> list[str] | None:
    """Those of an instance of which some stay deferred; None for all, also where only the key is known."""
    if not is_partial(instance) or "_stub_of" in instance.__dict__:
        return None
    loaded = instance.__dict__
    return [field.name for field in instance._meta.concrete_fields if field.attname in loaded]


def _columns_to_refresh(instance: Model, names: Iterable[str]) -> list[str]:
    """The columns among `names`; prefetched relations among them are forgotten, to be read anew when asked for."""
    meta = instance._meta
    wanted = []
    for name in names:
        if "__" in name:
            raise ValueError(
                f'refresh_from_db(): Found "__" in fields argument ("{name}"). Relations and transforms are not '
                "allowed in fields."
            )
        if instance._prefetched is not None and instance._prefetched.pop(name, None) is not None:
            continue
        field = meta.forward.get(name)
        if name != "pk" and (field is None or not field.concrete):
            if name in meta.names or any(relation.accessor == name for relation in meta.all_related_objects):
                continue
            raise unknown_field(meta.object_name, name, meta.field_names)
        wanted.append(name)
    return wanted


def _take_over(instance: Model, fresh: Model, database: Database, *, whole: bool) -> None:
    loaded = {name: value for name, value in fresh.__dict__.items() if name in instance._meta.by_attname}
    for name, value in loaded.items():
        setattr(instance, name, value)
    for field in instance._meta.foreign_keys:
        if field.attname in loaded:
            slot = slot_of(field.name)
            setattr(instance, slot, fresh.__dict__.get(slot))
    assert fresh._origin is not None
    layout = fresh._origin.layout
    if not whole:
        remember(instance, {name: fresh._row[layout[name][0]] for name in loaded}, database)
        return
    instance._origin, instance._row = fresh._origin, fresh._row
    if is_partial(instance) and not is_partial(fresh):
        instance.__class__ = instance._meta.model


def _take_over_relations(instance: Model, loaded: Mapping[str, Any], names: frozenset[str] | None) -> None:
    """Forgets the one object on the other side of each relation, or takes over the one that was loaded anew."""
    meta = instance._meta
    slots = [
        (relation.accessor, relation.slot)
        for relation in meta.related_objects
        if relation.one_to_one and relation.accessor is not None
    ]
    slots += [(virtual.name, virtual.slot) for virtual in meta.private_fields if virtual.slot is not None]
    for name, slot in slots:
        if names is None or name in names:
            setattr(instance, slot, loaded.get(slot))
