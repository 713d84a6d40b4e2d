"""Saving an object with what is nested in it, all rows of a level together.

The order keeps every key known and every unique value free when it is needed: what the owners point to, the owners,
what is taken away from them, what points to them. So the number of statements grows with the depth of the serializers
and not with the number of objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vivace.orm.exceptions import DataError, IntegrityError, NotUpdated
from vivace.orm.instances import ABSENT
from vivace.orm.transactions import atomic
from vivace.rest.exceptions import ErrorDetail, ValidationError
from vivace.rest.serializers import _bulk
from vivace.rest.serializers._nested_matching import related
from vivace.rest.serializers.base import NON_FIELD_ERRORS
from vivace.rest.serializers.nested import Kind, Nested, child_of


@dataclass(eq=False)
class Row:
    """One object to be written: what it is now, None for a new one, and its values."""

    instance: Any
    values: dict[str, Any]
    below: dict[str, Any] = field(default_factory=dict)
    """The values of nested fields, by source."""
    before: dict[str, list[Any]] = field(default_factory=dict)
    """The objects that were related, by source."""
    added: bool = False


@dataclass(frozen=True)
class Placed:
    """A row, the row that it belongs to, and its index there."""

    owner: Row
    row: Row
    index: int | None


async def save(serializer: Any, instance: Any, values: Mapping[str, Any]) -> Any:
    """The object, saved with what is nested in it, in one transaction. Raises ValidationError by path."""
    [saved] = await save_all(serializer, [(instance, values)])
    return saved


async def save_all(serializer: Any, given: Iterable[tuple[Any, Mapping[str, Any]]]) -> list[Any]:
    """The objects, each inserted or updated with its values, in one transaction."""
    rows = [Row(instance, dict(values)) for instance, values in given]
    async with atomic():
        await _write(serializer, rows)
    return [row.instance for row in rows]


async def _write(serializer: Any, rows: Sequence[Row]) -> None:
    if not rows:
        return
    for nested in serializer.nested.values():
        for row in rows:
            if nested.source in row.values:
                row.below[nested.source] = row.values.pop(nested.source)
                row.before[nested.source] = [] if row.instance is None else related(row.instance, nested)
    left: list[Any] = []
    for nested in serializer.nested.values():
        if nested.kind is Kind.FORWARD:
            left += await _write_forward(serializer, nested, rows)
    await _bulk.store(serializer, rows)
    for each in left:
        await each.delete()
    for nested in serializer.nested.values():
        if nested.kind is not Kind.FORWARD:
            await _write_others(serializer, nested, [row for row in rows if nested.source in row.below])


async def _write_below(child: Any, rows: Sequence[Row]) -> None:
    methods = (type(child).create, type(child).update)
    if all(method.__module__.startswith("vivace.rest.") for method in methods):
        await _write(child, rows)
        return
    for row in rows:  # the project saves these objects in its own way
        row.added = row.instance is None
        row.instance = await (child.create(row.values) if row.added else child.update(row.instance, row.values))


# What the owners point to


async def _write_forward(serializer: Any, nested: Nested, rows: Sequence[Row]) -> list[Any]:
    """Saves what the rows point to; returns what is to be deleted once they no longer do."""
    written: list[Placed] = []
    left: list[Any] = []
    for owner in rows:
        if nested.source not in owner.below:
            continue
        value, before = owner.below[nested.source], owner.before[nested.source]
        if isinstance(value, Mapping):
            row = _row_of(nested, value, before)
            written.append(Placed(owner, row, None))
            value = row.instance
        else:
            owner.values[nested.source] = value
        left += [each for each in before if each is not value]
    child = child_of(serializer.bound_fields[nested.name])
    with _errors_under(nested, child, written):
        if left and nested.missing == "refuse":
            _refuse_missing()
        await _write_below(child, [each.row for each in written])
    for each in written:
        each.owner.values[nested.source] = each.row.instance
    return left if nested.missing == "delete" else []


# What points to the owners, or is paired with them


async def _write_others(serializer: Any, nested: Nested, owners: Sequence[Row]) -> None:
    child = child_of(serializer.bound_fields[nested.name])
    written: list[Placed] = []
    deleted: list[Any] = []
    gone: list[tuple[Row, Any]] = []
    for owner in owners:
        placed, unwanted = _sorted(nested, owner)
        written += placed
        deleted += unwanted
        # A partial update keeps the objects of a list that it does not name.
        if owner.added or not (nested.is_many and serializer._is_partial):
            kept = {id(each.row.instance) for each in placed} | {id(each) for each in unwanted}
            gone += [(owner, each) for each in owner.before[nested.source] if id(each) not in kept]
        _place(nested, placed, is_partial=serializer._is_partial)
    rows = [each.row for each in written]
    with _errors_under(nested, child, written):
        await _delete(nested, deleted)
        await _take_away(nested, gone)
        await _own(nested, written)
        await _bulk.make_room(nested, rows)
        await _write_below(child, rows)
        await _pair(nested, written)
    _remember(nested, owners, written)


def _sorted(nested: Nested, owner: Row) -> tuple[list[Placed], list[Any]]:
    """The rows to be written, and the objects to be deleted because their items say so."""
    value = owner.below[nested.source]
    items = value if nested.is_many else [] if value is None else [value]
    placed, unwanted = [], []
    for index, item in enumerate(items):
        row = _row_of(nested, item, owner.before[nested.source])
        flag = nested.options.delete_flag
        if flag is None or not row.values.pop(flag, False):
            placed.append(Placed(owner, row, index if nested.is_many else None))
        elif row.instance is not None:
            unwanted.append(row.instance)
    return placed, unwanted


def _row_of(nested: Nested, item: Any, before: Sequence[Any]) -> Row:
    """The item as a row; one that a `validate()` of the project has made anew is matched again."""
    values = dict(item)
    if hasattr(item, "instance"):
        instance = item.instance
    elif nested.is_many:
        key = tuple(getattr(values.get(name), "pk", values.get(name)) for name in nested.key)
        instance = {nested.key_of(each): each for each in before}.get(key)
    else:
        instance = next(iter(before), None)
    if nested.key_is_generated:
        for name in (*nested.key, "pk"):
            values.pop(name, None)
    return Row(instance, values)


def _place(nested: Nested, placed: Sequence[Placed], *, is_partial: bool) -> None:
    """Gives rows their places; in a partial update those that are there keep theirs and new ones come last."""
    name = nested.options.order_by
    if name is None or not placed:
        return
    owner = placed[0].owner
    if owner.added or not is_partial:
        for each in placed:
            each.row.values[name] = each.index
        return
    there = [getattr(item, name) for item in owner.before[nested.source]]
    end = max((place for place in there if place is not None), default=-1)
    for each in placed:
        if each.row.instance is None:
            end += 1
            each.row.values[name] = end


async def _own(nested: Nested, written: Sequence[Placed]) -> None:
    """Makes the rows point to their owners."""
    if nested.back is not None:
        for each in written:
            each.row.values[nested.back] = each.owner.instance
    elif nested.kind is Kind.GENERIC and written:
        from vivace.orm.contenttypes import ContentType  # it brings a table, so only where there are such relations

        relation = nested.relation
        of_owner = await ContentType.objects.get_for_model(
            relation.model, for_concrete_model=relation.for_concrete_model
        )
        for each in written:
            each.row.values[relation.content_type_field] = of_owner
            each.row.values[relation.object_id_field] = relation.object_id.to_python(each.owner.instance.pk)


async def _pair(nested: Nested, written: Sequence[Placed]) -> None:
    if nested.kind is not Kind.PAIRS:
        return
    for owner in {id(each.owner): each.owner for each in written}.values():
        there = {item.pk for item in owner.before[nested.source]}
        own = [each.row.instance for each in written if each.owner is owner]
        if new := [item for item in own if item.pk not in there]:
            defaults = dict(nested.options.through_defaults or {})
            await getattr(owner.instance, nested.source).add(*new, through_defaults=defaults)


async def _delete(nested: Nested, objects: Sequence[Any]) -> None:
    if objects:
        await nested.model._meta.default_manager.filter(pk__in=[each.pk for each in objects]).delete()


async def _take_away(nested: Nested, gone: Sequence[tuple[Row, Any]]) -> None:
    if not gone or nested.missing == "keep":
        return
    objects = [each for _, each in gone]
    if nested.missing == "refuse":
        _refuse_missing()
    elif nested.missing == "delete":
        await _delete(nested, objects)
    elif nested.kind is Kind.PAIRS:
        for owner in {id(owner): owner for owner, _ in gone}.values():
            items = [each for other, each in gone if other is owner]
            await getattr(owner.instance, nested.source).remove(*items)
    else:
        rows = nested.model._meta.default_manager.filter(pk__in=[each.pk for each in objects])
        await rows.update(**{nested.back or "": None})


def _refuse_missing() -> None:
    raise ValidationError([ErrorDetail("An object that is there may not be left out here.", "missing")])


def _remember(nested: Nested, owners: Sequence[Row], written: Sequence[Placed]) -> None:
    """What was loaded before is not what there is now."""
    for owner in owners:
        if nested.is_many:
            if owner.instance._prefetched is not None:
                owner.instance._prefetched.pop(nested.source, None)
        elif nested.missing != "keep" or owner.below[nested.source] is not None:
            own = next((each.row.instance for each in written if each.owner is owner), None)
            setattr(owner.instance, nested.relation.slot, ABSENT if own is None else own)


# Errors


@contextmanager
def _errors_under(nested: Nested, child: Any, written: Sequence[Placed]) -> Iterator[None]:
    """All errors as ValidationError under the field's name; below the index, where only one item can be meant."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError({nested.name: error.detail}) from error
    except IntegrityError as error:
        explained = child.conflict(error)
        if explained is None:
            raise
        detail = explained.detail
        cause: Exception = error
    except NotUpdated as error:
        detail, cause = _detail("An object is no longer there.", "does_not_exist"), error
    except DataError as error:
        detail, cause = _detail("A value is not one that can be stored.", "invalid"), error
    else:
        return
    if len(written) == 1 and written[0].index is not None:
        detail = {written[0].index: detail}
    raise ValidationError({nested.name: detail}) from cause


def _detail(message: str, code: str) -> dict[str, Any]:
    return {NON_FIELD_ERRORS: [ErrorDetail(message, code)]}
