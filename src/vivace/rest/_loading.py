"""Related objects: which ones a serializer shows, and the fewest queries that load them.

To-one relations are joined (`select_related`), to-many relations are prefetched, each with the joins of what lies
behind it. So a list costs one query, and one for each to-many relation that is shown, however long the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vivace.orm import binding
from vivace.orm.exceptions import NotLoaded, ObjectDoesNotExist
from vivace.orm.instances import ABSENT
from vivace.orm.query.prefetch import Prefetch, prefetch
from vivace.rest import _querysets
from vivace.rest._columns import columns, narrowed
from vivace.rest._models import find_field, is_to_many
from vivace.rest.fields.base import Field, call_if_simple


@dataclass
class Needed:
    """The relations of one model that are shown, by attribute."""

    model: Any
    columns: tuple[str, ...] | None = None
    """The fields that are read, those of joined objects too; None when any may be."""
    one: dict[str, Needed] = field(default_factory=dict)
    many: dict[str, Needed] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.one or self.many)


def items_of(value: Any, name: str) -> Iterable[Any]:
    """The objects of a to-many relation, a queryset, a list or a function that gives one.

    Raises NotLoaded for rows that are still in the database.
    """
    if callable(value):
        value = call_if_simple(value, name)
    if hasattr(value, "all") and not _querysets.is_loaded(value):
        raise NotLoaded(
            f"{name or 'The list'} is not loaded: use `await serializer.load()` instead of `.data`, or "
            "prefetch_related() in the query"
        )
    items: Iterable[Any] = value.all() if hasattr(value, "get_queryset") else value
    return items


# What is needed


def needed(serializer: Any, model: Any) -> Needed:
    """The relations that `serializer` shows of objects of `model`; remembered for a class whose fields are fixed."""
    serializer = getattr(serializer, "child", serializer)
    if getattr(serializer, "output_plan", None) is None:
        return _collected(serializer, model)
    known: dict[Any, Needed] = type(serializer).template().__dict__.setdefault("_needed", {})
    if model not in known:
        known[model] = _collected(type(serializer).template(), model)
    return known[model]


def _collected(serializer: Any, model: Any) -> Needed:
    found = Needed(model)
    _collect(serializer, found)
    if hasattr(serializer, "bound_fields"):
        found.columns = columns(serializer, model)
    return found


def _collect(serializer: Any, into: Needed) -> None:
    serializer = getattr(serializer, "child", serializer)
    for shown in getattr(serializer, "bound_fields", {}).values():
        if shown.write_only:
            continue
        target = _follow(into, shown)
        nested = getattr(shown, "child", shown)
        if target is not None and hasattr(nested, "bound_fields"):
            _collect(shown, target)


def _follow(start: Needed, shown: Field) -> Needed | None:
    """The place that a field's source leads to, with the relations on the way noted; None when it ends elsewhere."""
    place = start
    names = list(shown.source_attrs)
    for position, name in enumerate(names):
        relation = find_field(place.model, name)
        if relation is None or not getattr(relation, "is_relation", False):
            return None
        to_many = is_to_many(relation)
        if position == len(names) - 1 and shown.needs_only_key and getattr(relation, "column", None) is not None:
            return None  # the key is a column of this table
        branch = place.many if to_many else place.one
        place = branch.setdefault(name, Needed(relation.related_model))
    return place


# Queries


def plan(queryset: Any, serializer: Any, *, is_only_shown: bool = False) -> Any:
    """`queryset` with everything loaded that `serializer` shows; what is no queryset of objects is left as it is.

    With `is_only_shown`, nothing else will look at its objects, and columns that are not shown are not read.
    """
    if not hasattr(queryset, "select_related") or not _querysets.gives_instances(queryset):
        return queryset
    need = needed(serializer, queryset.model)
    return _apply(narrowed(queryset, need.columns) if is_only_shown else queryset, need)


def _apply(queryset: Any, need: Needed) -> Any:
    if not need:
        return queryset
    joined = [path for path, _ in _joins(need)]
    if joined:
        queryset = queryset.select_related(*joined)
    known = _querysets.prefetched(queryset)
    lookups = [lookup for lookup in _prefetches(need) if lookup.lookup not in known]
    return queryset.prefetch_related(*lookups) if lookups else queryset


def _joins(need: Needed, prefix: str = "") -> Iterator[tuple[str, Needed]]:
    for name, below in need.one.items():
        yield f"{prefix}{name}", below
        yield from _joins(below, f"{prefix}{name}__")


def _prefetches(need: Needed) -> Iterator[Any]:
    for path, place in (("", need), *((f"{path}__", place) for path, place in _joins(need))):
        for name, below in place.many.items():
            yield Prefetch(f"{path}{name}", queryset=_apply(below.model._meta.default_manager.all(), below))


# Objects that are here already


async def load(serializer: Any, instance: Any) -> Any:
    """`instance`, or the objects it is a queryset of, with what `serializer` shows loaded in the same query."""
    if hasattr(instance, "select_related") and not _querysets.is_loaded(instance):
        return await plan(instance.all(), serializer)
    return await complete(serializer, instance)


async def complete(serializer: Any, instance: Any) -> Any:
    """`instance` with everything loaded that `serializer` shows and that is not there yet."""
    if hasattr(instance, "select_related"):
        instance = list(instance.all())
    objects = list(instance) if isinstance(instance, Sequence | set) else [instance]
    for model in {item._meta.model for item in objects if hasattr(item, "_meta")}:
        await fill([item for item in objects if isinstance(item, model)], needed(serializer, model))
    return instance


async def fill(objects: Sequence[Any], need: Needed) -> None:
    """Loads what is needed and not there yet, by one query for each relation."""
    if not objects or not need:
        return
    for name, below in need.one.items():
        # Awaits of one moment are merged into one query.
        related = await asyncio.gather(*(_related(owner, name) for owner in objects))
        await fill([item for item in related if item is not None], below)
    for name, below in need.many.items():
        missing = [owner for owner in objects if not getattr(owner, name).is_loaded]
        if missing:
            rows = _apply(below.model._meta.default_manager.all(), below)
            await prefetch(missing, [Prefetch(name, queryset=rows)], missing[0]._state.db or binding.resolve())
        there = [item for owner in objects if owner not in missing for item in getattr(owner, name)]
        await fill(there, below)


async def _related(owner: Any, name: str) -> Any:
    """The related object, loaded; None where there is none, which the owner then knows."""
    try:
        item = getattr(owner, name)
        return None if item is None else await item
    except ObjectDoesNotExist:
        relation = find_field(owner._meta.model, name)
        if getattr(relation, "column", None) is None:
            setattr(owner, relation.slot, ABSENT)
        return None
