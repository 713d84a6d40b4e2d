# cython: annotation_typing=False, auto_pickle=False
"""Values on their way from an object into a row, and what is remembered of it: compiled, as every row goes here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from vivace.databases.frames import current_frames
from vivace.orm.expressions.conditions import PLAIN
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.instances import Origin, full_layout
from vivace.orm.saved import remember


def insert_values(instance: Any, raw: bool = False) -> tuple[tuple[str, ...], list[Any], bool]:
    """The attributes to insert, their values, and whether some are expressions.

    What the database fills in itself is left out: automatic keys, defaults of its own, computed columns. With `raw`,
    fields do not fill themselves in.
    """
    all_names, filling = _filling(instance._meta.model)
    values: list[Any] = []
    names: list[str] = []
    is_computed = False
    for field, attname, fills_itself in filling:
        value = field.pre_save(instance, True) if fills_itself and not raw else getattr(instance, attname)
        if value is None:
            if field.primary_key:
                if field.has_default():
                    value = field.get_default()
                    setattr(instance, attname, value)
                elif field.db_returning:
                    continue
        elif type(value) not in PLAIN:
            if isinstance(value, DatabaseDefault):
                continue
            is_computed = is_computed or hasattr(value, "freeze")
        names.append(attname)
        values.append(value)
    return all_names if len(names) == len(all_names) else tuple(names), values, is_computed


@lru_cache(maxsize=4096)
def _filling(model: Any) -> tuple[tuple[str, ...], list[tuple[Any, str, bool]]]:
    """The fields of a new row, and whether each is to be asked for its value, which few are."""
    fields = model._meta.initial_fields
    return tuple([field.attname for field in fields]), [(field, field.attname, field.fills_itself) for field in fields]


def mark_saved(
    instances: Sequence[Any],
    names: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    database: Any,
    returning: tuple[str, ...] = (),
    returned: Sequence[Sequence[Any]] | None = None,
) -> None:
    """Remembers what the rows hold now, all columns of them, and sets the attributes that the database has filled in.

    `rows`: the columns of `names`, as they were written, for each of the instances, which are of one model. `returned`:
    those of `returning`, as the driver gave them back; they have the last word.
    """
    model, dialect = instances[0]._meta.model, database.dialect.name
    places, filled = _places(model, names, returning, dialect)
    origin = Origin(full_layout(model, dialect), database)
    for number in range(len(instances)):
        instance, row = instances[number], rows[number]
        if returned is not None:
            back = returned[number]
            for index, attname, convert in filled:
                value = back[index]
                setattr(instance, attname, value if convert is None or value is None else convert(value))
            row = (*row, *back)
        instance._row = tuple([row[place] for place in places])
        instance._origin = origin


@lru_cache(maxsize=1024)
def _places(
    model: Any, names: tuple[str, ...], returning: tuple[str, ...], dialect: str
) -> tuple[list[int], list[tuple[int, str, Any]]]:
    """Where each column of the model stands in what was written and returned; the attributes to set from the latter."""
    by_name = {name: index for index, name in enumerate((*names, *returning))}
    by_attname = model._meta.by_attname
    filled = [(index, name, by_attname[name].row_converter(dialect)) for index, name in enumerate(returning)]
    return [by_name[field.attname] for field in model._meta.concrete_fields], filled


def update_values(instances: Sequence[Any], fields: Sequence[Any]) -> list[tuple[Any, list[Any], bool]]:
    """Each instance with its values of the fields, for an UPDATE, and whether some of them are expressions."""
    filling = [(field, field.attname, field.fills_itself) for field in fields]
    found = []
    for instance in instances:
        values = []
        is_computed = False
        for field, attname, fills_itself in filling:
            value = field.pre_save(instance, False) if fills_itself else getattr(instance, attname)
            is_computed = is_computed or is_expression(value)
            values.append(value)
        found.append((instance, values, is_computed))
    return found


def has_expressions(instances: Sequence[Any], attnames: Sequence[str]) -> bool:
    """Whether any of these attributes is one that the database is to compute."""
    for instance in instances:
        for attname in attnames:
            if is_expression(getattr(instance, attname)):
                return True
    return False


def is_expression(value: Any) -> bool:
    """Whether the database is to compute it."""
    return type(value) not in PLAIN and hasattr(value, "freeze")


def remember_rows(instances: Sequence[Any], names: Sequence[str], rows: Sequence[Sequence[Any]], database: Any) -> None:
    """`remember()` for many, of which the same columns were written."""
    is_in_transaction = database in current_frames.get()
    layout: Any = None
    places: list[int] = []
    for number in range(len(instances)):
        instance, row = instances[number], rows[number]
        origin = instance._origin
        if origin is None or origin.fate is not None or is_in_transaction:
            remember(instance, dict(zip(names, row, strict=True)), database)
            continue
        if origin.layout is not layout:
            layout = origin.layout
            places = [layout[name][0] for name in names if name in layout]
        if len(places) < len(names):
            remember(instance, dict(zip(names, row, strict=True)), database)
            continue
        known = list(instance._row)
        for index in range(len(places)):
            known[places[index]] = row[index]
        instance._row = tuple(known)
