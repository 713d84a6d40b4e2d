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
    if getattr(found, "is_relation", False) and name == getattr(found, "attname", None) != found.name:
        return None  # `author_id` is a number, not the relation
    # The name that lookups use for a relation is no attribute of the object.
    return None if hasattr(found, "get_accessor_name") and found.get_accessor_name() != name else found


def own_key(model: Any) -> Any:
    """The primary key that clients see: of a model that inherits from another one with a table, that one's."""
    key = model._meta.pk
    while is_parent_link(key):
        key = key.related_model._meta.pk
    return key


def is_parent_link(field: Any) -> bool:
    """Whether the field leads from a row to the row of the model that it inherits from."""
    return bool(getattr(getattr(field, "remote_field", None), "parent_link", False))


def is_to_many(field: Any) -> bool:
    """Whether a model field or relation leads to several objects."""
    if getattr(field, "many_to_many", False):
        return True
    is_other_side = getattr(field, "auto_created", False) or getattr(field, "hangs", False)
    return bool(is_other_side and getattr(field, "many", False))
