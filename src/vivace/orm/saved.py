"""Before and after a row is written: keys of related objects taken over, what the row holds remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm.instances import Origin, full_layout, slot_of

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


def take_related_keys(instance: Model) -> None:
    """Takes over the keys of related objects that were saved after they were assigned."""
    for field in instance._meta.foreign_keys:
        related = instance.__dict__.get(slot_of(field.name))
        if related is None:
            continue
        key = getattr(related, field.target_field.attname)
        if key is None:
            raise ValueError(
                f"save() prohibited to prevent data loss due to unsaved related object '{field.name}': save it first"
            )
        if getattr(instance, field.attname) is None:
            setattr(instance, field.attname, key)


def mark_saved(
    instance: Model, names: Sequence[str], bound: Sequence[Any], database: Database, *, key: Any = None
) -> None:
    """Remembers what the row holds now, all columns of it."""
    meta = instance._meta
    row = dict(zip(names, bound, strict=True))
    if key is not None:
        convert = meta.pk.row_converter(database.dialect.name)
        setattr(instance, meta.pk.attname, key if convert is None else convert(key))
        row[meta.pk.attname] = key
    instance._row = tuple([row[field.attname] for field in meta.concrete_fields])
    instance._origin = Origin(full_layout(meta.model, database.dialect.name), database)
