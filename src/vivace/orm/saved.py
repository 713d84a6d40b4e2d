"""Before and after a row is written: keys of related objects taken over, what the row holds remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.databases.frames import current_frames
from vivace.orm.instances import Origin, loaded_value, partial_layout, slot_of

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field


def take_related_keys(instance: Model) -> None:
    """Takes over the keys of related objects that were saved after they were assigned."""
    for field in instance._meta.foreign_keys:
        related = instance.__dict__.get(slot_of(field.name))
        if related is None:
            continue
        if getattr(instance, field.attname) is not None:
            # The attribute has the last word: it may have been set since the object was assigned.
            continue
        key = getattr(related, field.target_field.attname)
        if key is None:
            raise ValueError(
                f"save() prohibited to prevent data loss due to unsaved related object '{field.name}': save it first"
            )
        setattr(instance, field.attname, key)


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


def take_returned(instance: Model, returned: Mapping[str, Any], database: Database) -> None:
    """Sets attributes to what the database has made of them, given as the driver gave it."""
    by_attname, dialect = instance._meta.by_attname, database.dialect.name
    for name, value in returned.items():
        convert = by_attname[name].row_converter(dialect)
        setattr(instance, name, value if convert is None or value is None else convert(value))


def remember(instance: Model, written: dict[str, Any], database: Database) -> None:
    """Remembers what some columns of the row hold now, given as for the driver."""
    model, dialect = instance._meta.model, database.dialect.name
    origin = instance._origin
    if origin is None:
        instance._origin = Origin(partial_layout(model, tuple(written), dialect), database)
        instance._row = tuple(written.values())
        return
    if written.keys() <= origin.layout.keys():
        row = list(instance._row)
        for name, value in written.items():
            row[origin.layout[name][0]] = value
        instance._row = tuple(row)
        if origin.fate is not None or database in current_frames.get():
            instance._origin = origin.anew(origin.layout, database)
        return
    known = {name: instance._row[index] for name, (index, _) in origin.layout.items()} | written
    instance._origin = origin.anew(partial_layout(model, tuple(known), dialect), database)
    instance._row = tuple(known.values())
