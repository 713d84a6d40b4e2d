"""Looking things up on a model."""

from __future__ import annotations

from typing import Any

from vivace.orm.exceptions import FieldDoesNotExist


def find_field(model: Any, name: str) -> Any:
    """The model's field, or the relation that points to it under that attribute; None when there is none."""
    options = model._meta
    if name == "pk":
        return options.pk
    for relation in options.related_objects:
        if relation.get_accessor_name() == name:
            return relation
    try:
        found = options.get_field(name)
    except FieldDoesNotExist:
        return None
    # The name that lookups use for a relation is no attribute of the object.
    return None if getattr(found, "auto_created", False) and found.get_accessor_name() != name else found


def is_to_many(field: Any) -> bool:
    """Whether a model field or relation leads to several objects."""
    if getattr(field, "many_to_many", False):
        return True
    return bool(getattr(field, "auto_created", False) and getattr(field, "many", False))
