"""Which columns make a row the only one of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.constraints import UniqueConstraint

if TYPE_CHECKING:
    from vivace.orm.base import Model


def unique_sets(model: type[Model]) -> list[tuple[str, ...]]:
    """The sets of fields of which no two rows have equal values, nulls left aside only where there can be none."""
    meta = model._meta
    sets: list[tuple[str, ...]] = [
        (field.name,)
        for field in meta.concrete_fields
        if (field.primary_key and not field.shares_key) or (field.unique and not field.null)
    ]
    if meta.pk.shares_key:
        sets += [("pk",), tuple(field.name for field in meta.pk_fields)]
    sets += meta.unique_together
    for constraint in meta.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.fields and constraint.condition is None:
            sets.append(tuple(constraint.fields))
    return [names for names in sets if len(names) == 1 or not any(meta.forward[name].null for name in names)]


def ordered_field(item: Any) -> str | None:
    """The field that an item of an ordering names."""
    if isinstance(item, str):
        return item.removeprefix("-")
    if hasattr(item, "freeze"):
        item = item.freeze([])
    if item[0] == "order":
        item = item[1]
    return item[1] if item[0] == "F" else None
