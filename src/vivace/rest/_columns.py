"""The columns that a serializer shows, so that a list reads no others.

Only what is certain counts: a serializer with code of the project in it (a method, a property of the model, a
`to_representation()`) may look at any column, and then all are read.
"""

from __future__ import annotations

from typing import Any

from vivace.orm.signals import post_init
from vivace.rest._models import find_field, is_to_many
from vivace.rest.fields.base import Field

# What a queryset of the project may say already, and then means.
OWN_WORDS = frozenset(["only", "defer", "related", "distinct", "values", "raw", "union", "lock"])


def narrowed(queryset: Any, names: tuple[str, ...] | None) -> Any:
    """`queryset` reading only these fields; as it is when they are not known or it says itself what it reads."""
    if names is None or any(operation[0] in OWN_WORDS for operation in queryset._shape):
        return queryset
    return queryset.only(*names)


def columns(serializer: Any, model: Any, prefix: str = "") -> tuple[str, ...] | None:
    """The fields, those of joined objects too, that `serializer` reads of objects of `model`; None when any may be."""
    if not _is_plain(serializer, model):
        return None
    names = {f"{prefix}{model._meta.pk.name}"}
    for shown in serializer.bound_fields.values():
        if shown.write_only:
            continue
        found = _of_field(shown, model, prefix)
        if found is None:
            return None
        names |= found
    return tuple(sorted(names))


def _is_plain(serializer: Any, model: Any) -> bool:
    cls = type(serializer)
    hooks = (cls.to_representation, cls.represent_fields)
    if not all(hook.__module__.startswith("vivace.rest.") for hook in hooks):
        return False
    ways = (model.__init__, model.from_db)
    has_own_ways = not all(way.__module__.startswith("vivace.orm.") for way in ways)
    return not (has_own_ways or post_init.has_listeners(model) or model._meta.links)


def _of_field(shown: Field, model: Any, prefix: str) -> set[str] | None:
    attrs = shown.source_attrs
    if not attrs or not _is_ours(shown):
        return None
    names: set[str] = set()
    for position, name in enumerate(attrs):
        field = find_field(model, name)
        if field is None:
            return None
        is_last = position == len(attrs) - 1
        if not getattr(field, "is_relation", False):
            return {*names, f"{prefix}{field.name}"} if is_last else None
        if is_to_many(field):
            return names if is_last else None  # loaded by a query of its own, which is planned by itself
        if getattr(field, "column", None) is not None:
            names.add(f"{prefix}{field.name}")
        model, prefix = field.related_model, f"{prefix}{name}__"
        names.add(f"{prefix}{model._meta.pk.name}")
    below = _of_related(shown, model, prefix)
    return None if below is None else names | below


def _of_related(shown: Any, model: Any, prefix: str) -> set[str] | None:
    """What is read of the object that a field shows."""
    if hasattr(shown, "bound_fields"):
        found = columns(shown, model, prefix)
        return None if found is None else set(found)
    if shown.needs_only_key:
        return set()
    slug = getattr(shown, "slug_field", None)
    if slug is not None and find_field(model, slug) is not None:
        return {f"{prefix}{slug}"}
    return {f"{prefix}{field.name}" for field in model._meta.concrete_fields}


def _is_ours(shown: Any) -> bool:
    cls = type(shown)
    methods = (cls.to_representation, cls.get_attribute)
    if not all(method.__module__.startswith("vivace.rest.") for method in methods):
        return False
    return _is_ours(shown.child_relation) if hasattr(shown, "child_relation") else True
