# cython: annotation_typing=False, auto_pickle=False
"""Values on their way from an object into a row, and what is remembered of it: compiled, as every row goes here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from vivace.orm.expressions.conditions import PLAIN
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.instances import Origin, full_layout


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
