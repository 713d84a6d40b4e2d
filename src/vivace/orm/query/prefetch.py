"""`prefetch_related`: related objects of many instances, by one query for each relation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm import binding
from vivace.orm.query.prefetched import prefetch_level

if TYPE_CHECKING:
    from vivace.databases import Database


class Prefetch:
    """A relation to prefetch, with the queryset to do it by and the attribute to put a list into.

    A sliced queryset gives each object its own slice: `Prefetch("books", Book.objects.order_by("-pages")[:3],
    to_attr="longest")`. Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#prefetch-objects
    """

    def __init__(self, lookup: str, queryset: Any = None, to_attr: str | None = None) -> None:
        if to_attr is not None and not to_attr.isidentifier():
            raise ValueError(f"to_attr is the name of an attribute, got {to_attr!r}")
        if queryset is not None and (not hasattr(queryset, "_has_values") or queryset._has_values):
            # A manager is taken for all of its rows.
            queryset = queryset.get_queryset() if hasattr(queryset, "get_queryset") else None
            if queryset is None:
                raise ValueError("Prefetch querysets cannot use raw(), values(), and values_list().")
        self.lookup, self.queryset, self.to_attr = lookup, queryset, to_attr

    @property
    def path(self) -> tuple[str, ...]:
        """The attributes that lead to the prefetched objects, `to_attr` instead of the relation's name."""
        parts = self.lookup.split("__")
        return (*parts[:-1], self.to_attr or parts[-1])

    def __repr__(self) -> str:
        return f"<Prefetch: {self.lookup}>"


Lookup = str | Prefetch


async def prefetch(instances: Sequence[Any], lookups: Iterable[Lookup], database: Database) -> None:
    """Loads the relations that `lookups` name, level by level; shared beginnings once."""
    if not hasattr(instances[0], "_meta"):
        raise TypeError("prefetch_related() loads objects related to instances; it cannot follow values()")
    levels: dict[tuple[str, ...], list[Any]] = {}
    for lookup in lookups:
        given = lookup if isinstance(lookup, Prefetch) else Prefetch(lookup)
        if given.path in levels and given.queryset is not None:
            raise ValueError(
                f"'{given.lookup}' lookup was already seen with a different queryset. You may need to adjust the "
                "ordering of your lookups."
            )
        level = list(instances)
        for end, name in enumerate(given.lookup.split("__"), start=1):
            if not level:
                break
            is_last = end == len(given.path)
            path = given.path if is_last else given.path[:end]
            if path not in levels:
                levels[path] = await _below(level, name, given if is_last else Prefetch(name), database)
            level = levels[path]


async def _below(level: list[Any], name: str, given: Prefetch, database: Database) -> list[Any]:
    """The objects that a level's instances, which may be of several models, have in one relation."""
    by_model: dict[Any, list[Any]] = {}
    for instance in level:
        by_model.setdefault(instance._meta.model, []).append(instance)
    found: list[Any] = []
    for instances in by_model.values():
        found += await prefetch_level(instances, name, given, database)
    return found


async def prefetch_related_objects(model_instances: Iterable[Any], *related_lookups: Lookup) -> None:
    """Prefetches for instances that are there already, as `prefetch_related()` does for those of a queryset.

    What is loaded is left as it is. Source:
    https://docs.djangoproject.com/en/stable/ref/models/querysets/#prefetch-related-objects
    """
    instances = list(model_instances)
    if instances and related_lookups:
        origin = instances[0]._origin
        await prefetch(instances, related_lookups, binding.resolve(None if origin is None else origin.database))


aprefetch_related_objects = prefetch_related_objects
