"""Inserting and updating many objects by few statements, wherever `save()` would do no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from vivace.orm.exceptions import NotUpdated
from vivace.orm.models import Model
from vivace.orm.signals import post_save, pre_save
from vivace.rest.serializers._uniqueness import is_unique, unique_sets
from vivace.rest.serializers.nested import Nested


class Row(Protocol):
    """An object to be written: what it is now, None for a new one, and its values."""

    instance: Any
    values: dict[str, Any]
    added: bool


def is_plain(model: Any) -> bool:
    """Whether saving an object of the model is one statement and nothing else that the project could notice."""
    if model.save is not Model.save or model._meta.links:
        return False
    return not (pre_save.has_listeners(model) or post_save.has_listeners(model))


async def store(serializer: Any, rows: Sequence[Row]) -> None:
    """Inserts and updates the rows, and sets their many-to-many values. Raises NotUpdated for rows that are gone."""
    model = serializer.get_model()
    parts = [serializer.split(model, row.values) for row in rows]
    new = [(row, plain) for row, (plain, _) in zip(rows, parts, strict=True) if row.instance is None]
    old = [(row, plain) for row, (plain, _) in zip(rows, parts, strict=True) if row.instance is not None]
    await _update(model, old)
    await _insert(model, new)
    for row, (_, many) in zip(rows, parts, strict=True):
        for name, value in many.items():
            await getattr(row.instance, name).set(value)


async def _insert(model: Any, new: Sequence[tuple[Row, dict[str, Any]]]) -> None:
    manager = model._meta.default_manager
    if len(new) > 1 and is_plain(model):
        for (row, _), made in zip(new, await manager.bulk_create([model(**plain) for _, plain in new]), strict=True):
            row.instance, row.added = made, True
        return
    for row, plain in new:
        row.instance, row.added = await manager.create(**plain), True


async def _update(model: Any, old: Sequence[tuple[Row, dict[str, Any]]]) -> None:
    changed: list[Any] = []
    names: set[str] = set()
    for row, plain in old:
        different = {name for name, value in plain.items() if _differs(model, row.instance, name, value)}
        for name in different:
            setattr(row.instance, name, plain[name])
        if different or len(old) == 1:
            changed.append(row.instance)
        names |= different
    columns = {field.name for field in model._meta.concrete_fields}
    if len(changed) > 1 and is_plain(model) and names <= columns:
        names |= {field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False)}
        found = await model._meta.default_manager.bulk_update(changed, sorted(names))
        if found < len(changed):
            raise NotUpdated(f"{len(changed) - found} of {len(changed)} rows of {model.__name__} are gone")
        return
    for instance in changed:
        # A row that was deleted since it was read must not come back.
        await (instance.save() if instance._state.adding else instance.save(force_update=True))


def _differs(model: Any, instance: Any, name: str, value: Any) -> bool:
    field = next((field for field in model._meta.concrete_fields if field.name == name), None)
    if field is None:
        return True
    given = getattr(value, field.target_field.attname) if isinstance(value, Model) else value
    stored = getattr(instance, field.attname)
    return given.__class__ is not stored.__class__ or bool(given != stored)


async def make_room(nested: Nested, rows: Iterable[Row]) -> None:
    """Moves rows whose place changes out of the way, when two may not have the same place for a moment."""
    name = nested.options.order_by
    if name is None or not _is_constrained(nested.model, name):
        return
    rows = list(rows)
    known = [row for row in rows if row.instance is not None]
    moved = [row.instance for row in known if name in row.values and row.values[name] != _at(row, name)]
    places = [place for row in rows if (place := _at(row, name)) is not None]
    if not moved:
        return
    free = max([*places, *(row.values[name] for row in rows if name in row.values)]) + 1
    for offset, instance in enumerate(moved):
        setattr(instance, name, free + offset)
    await nested.model._meta.default_manager.bulk_update(moved, [name])


def _at(row: Row, name: str) -> Any:
    return None if row.instance is None else getattr(row.instance, name)


def _is_constrained(model: Any, name: str) -> bool:
    return is_unique(model._meta.get_field(name)) or any(name in group.fields for group in unique_sets(model))


def repeated(serializer: Any, values: Sequence[Mapping[str, Any]]) -> int | None:
    """The index of the first item that has unique values of another one before it; None when there is none."""
    model = serializer.get_model()
    groups: list[tuple[str, ...]] = [(field.name,) for field in model._meta.concrete_fields if is_unique(field)]
    groups += [group.fields for group in unique_sets(model) if group.condition is None]
    seen: set[tuple[Any, ...]] = set()
    for index, item in enumerate(values):
        for names in groups:
            own = [item.get(name) for name in names]
            if None in own:
                continue
            key = (names, *(getattr(value, "pk", value) for value in own))
            if key in seen:
                return index
            seen.add(key)
    return None
