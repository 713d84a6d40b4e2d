"""Objects of the database shown as the types that functions answer with."""

from __future__ import annotations

from typing import Any, get_args

from vivace.rest.functions.codecs import codec_of
from vivace.rest.functions.shapes import bare, fields_of, is_many, without_none


def is_row(value: Any) -> bool:
    """Whether a value is an instance of a model."""
    return hasattr(type(value), "_meta") and hasattr(value, "_state")


def is_queryset(value: Any) -> bool:
    """Whether a value is a queryset or a manager, whose rows may not be loaded yet."""
    return hasattr(value, "select_related") and hasattr(value, "filter")


async def shown(type: Any, value: Any) -> Any:
    """An instance, a list of such or a queryset as values of `type`, with what they show of related objects loaded.

    A list costs one query, and one for each relation that is shown, however long it is. Raises Refused for a row that
    the type does not fit.
    """
    item = bare((get_args(without_none(type)) or (Any,))[0]) if is_many(type) else without_none(type)
    if is_queryset(value):
        rows = value.all()
        paths = _paths(item, rows.model)
        found = list(await (rows.prefetch_related(*paths) if paths else rows))
        return [_show(item, row) for row in found]
    if isinstance(value, list | tuple):
        await _complete(item, list(value))
        return [_show(item, row) for row in value]
    await _complete(item, [value])
    return _show(item, value)


async def _complete(item: Any, rows: list[Any]) -> None:
    """Loads what is shown of related objects and is not there yet."""
    objects = [row for row in rows if is_row(row)]
    paths = _paths(item, type(objects[0])) if objects else []
    if paths:
        from vivace.orm.query.prefetch import prefetch_related_objects

        await prefetch_related_objects(objects, *paths)


def _paths(item: Any, model: Any) -> list[str]:
    """The relations that a type shows of a model, those behind them included."""
    from vivace.rest._models import find_field

    paths: list[str] = []
    for field in fields_of(item) or ():
        inner = _item_of(field.type)
        relation = find_field(model, field.name) if fields_of(inner) is not None else None
        if relation is not None and getattr(relation, "is_relation", False):
            below = _paths(inner, relation.related_model)
            paths += [field.name, *(f"{field.name}__{path}" for path in below)]
    return paths


def _item_of(annotation: Any) -> Any:
    plain = without_none(annotation)
    return bare((get_args(plain) or (Any,))[0]) if is_many(plain) else plain


def _show(item: Any, row: Any) -> Any:
    if not is_row(row) or fields_of(item) is None:
        return codec_of(item).take(row)
    return codec_of(item).take(_values(item, row))


def _values(item: Any, row: Any) -> dict[str, Any]:
    found = {}
    for field in fields_of(item) or ():
        if not field.required and not hasattr(row, field.name):
            continue
        value = getattr(row, field.name)
        inner = _item_of(field.type)
        if value is not None and fields_of(inner) is not None:
            if is_many(field.type):
                items = value.all() if hasattr(value, "all") else value
                value = [_values(inner, one) if is_row(one) else one for one in items]
            elif is_row(value):
                value = _values(inner, value)
        found[field.alias] = value
    return found
