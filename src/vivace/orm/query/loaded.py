"""Which fields a query loads: what `only()` and `defer()` say, of the model itself and of those it joins."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import FieldDoesNotExist, unknown_field

if TYPE_CHECKING:
    from vivace.orm.base import Model

Path = tuple[str, ...]


def loaded_fields(
    model: type[Model],
    path: Path,
    *,
    only: Collection[str] | None,
    deferred: Collection[str],
    related: Collection[str] | None,
) -> list[Any]:
    """The fields to select of `model`, which `path` leads to; the key always. Raises FieldDoesNotExist."""
    meta = model._meta
    fields = meta.concrete_fields
    named = _next_names(only if only is not None else deferred, path)
    known = {*meta.forward, *(relation.name for relation in meta.related_objects), "pk"}
    for name in sorted(named - known):
        raise FieldDoesNotExist(str(unknown_field(meta.object_name, name, meta.field_names)))
    followed = _next_names(related or (), path)
    if only is not None:
        if path and not named:
            return list(fields)
        # only("author__name") needs the foreign key to find the author by.
        kept = named | followed
        return [field for field in fields if field.primary_key or {field.name, field.attname} & kept]
    gone = {parts[-1] for name in deferred if (parts := name.split("__"))[:-1] == list(path)} - followed
    return [field for field in fields if field.primary_key or not {field.name, field.attname} & gone]


def _next_names(names: Collection[str], path: Path) -> set[str]:
    """What follows `path` in those names that go on behind it."""
    split = [name.split("__") for name in names]
    return {parts[len(path)] for parts in split if len(parts) > len(path) and tuple(parts[: len(path)]) == path}
