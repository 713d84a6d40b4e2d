"""Writing rows that are in several tables: a model derived from one with a table of its own (`inheritance`).

Each table is written through a *part*: an instance of a twin of the model that has this table's columns only. So
whatever is true of saving a plain model (changed columns, defaults of the database, expressions) is true of each part.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from vivace.orm.instances import is_partial, partial_class
from vivace.orm.options import Options
from vivace.orm.saved import remember

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


@lru_cache(maxsize=1024)
def part_class(model: type[Model]) -> type[Model]:
    """The twin of a model that has only the columns of the model's own table; the model itself if it has no other."""
    meta = model._meta
    if not meta.links:
        return model
    own = copy.copy(meta)
    for name, attribute in vars(Options).items():
        if isinstance(attribute, cached_property):
            own.__dict__.pop(name, None)
    namespace = {"__module__": model.__module__, "__qualname__": model.__qualname__, "_meta": own}
    made: type[Model] = type.__new__(type(model), model.__name__, (model,), namespace)
    own.model, own.parents, own.links = made, {}, {}
    return made


def make_part(instance: Model, table: type[Model]) -> Model:
    """The part of `instance` that is in the table of its ancestor (or own model) `table`."""
    cls = part_class(table)
    loaded = instance.__dict__
    is_whole = all(field.attname in loaded for field in cls._meta.concrete_fields)
    part = object.__new__(cls if is_whole else partial_class(cls))
    part.__dict__.update({name: value for name, value in loaded.items() if name != "_stub_of"})
    return part


def take_back(instance: Model, parts: Sequence[Model], database: Database, *, is_new: bool) -> None:
    """Gives the instance what its parts have come to know by being written: keys, computed values, their rows."""
    known: dict[str, Any] = {}
    for part in parts:
        origin = part._origin
        for field in part._meta.concrete_fields:
            name = field.attname
            if name in part.__dict__:
                setattr(instance, name, part.__dict__[name])
            if origin is not None and name in origin.layout:
                known[name] = part._row[origin.layout[name][0]]
    if is_new:
        instance._origin = None
    remember(instance, known, database)
    if is_partial(instance) and not instance.get_deferred_fields():
        instance.__class__ = instance._meta.model


def take_keys(part: Model, table: type[Model], above: Iterable[Model]) -> None:
    """Gives a part the keys of the parts above it, which have been saved, and sets its links to them."""
    for each in above:
        setattr(part, each._meta.pk.attname, each.pk)
    for link in table._meta.links.values():
        key = getattr(part, link.target_field.attname)
        setattr(part, link.attname, key)


def give_parents_keys(instance: Model) -> None:
    """Sets the keys of parents that are not known from the links, when those are: `Restaurant(place_ptr=place)`."""
    for table in reversed(instance._meta.tables):
        for link in table._meta.links.values():
            target, key = link.target_field.attname, instance.__dict__.get(link.attname)
            if key is not None and instance.__dict__.get(target) is None:
                setattr(instance, target, key)
