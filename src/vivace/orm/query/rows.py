"""What is selected when rows are asked for: the model's columns, those of related models, values; and their decoder."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Dialect

from vivace.orm.exceptions import NotSupportedError
from vivace.orm.expressions.operand import columns_of
from vivace.orm.fetch_modes import FetchMode
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.relation import Relation
from vivace.orm.instances import slot_of
from vivace.orm.query import hydrate
from vivace.orm.query.compounds import settle
from vivace.orm.query.select import Select, related_path
from vivace.orm.query.writes import DialectKey

if TYPE_CHECKING:
    from vivace.orm.base import Model

# Foreign keys may lead round in circles; as deep as Django goes.
DEPTH = 5


def row_columns(select: Select) -> tuple[list[Any], hydrate.Decode]:
    """What is selected for the rows that were asked for, and how they are read."""
    dialect = select.binds.dialect
    if select.compound is not None:
        return _compound_columns(select)
    if select.values is not None:
        return _value_columns(select)
    root = hydrate.Node(select.model, select.loaded_fields(), 0)
    columns: list[Any] = [select.joins.column(select.joins.root, field) for field in root.fields]
    for path in _related_paths(select):
        _join_related(select, root, path, columns)
    shown = [(name, operand) for name, operand in select.annotations.items() if name not in select.hidden]
    for name, _ in shown:
        if name in select.model._meta.forward or hasattr(select.model, name):
            raise ValueError(f'annotate({name}=…): {select.model._meta.object_name} has an attribute "{name}" already')
    columns += [operand.element for _, operand in shown]
    return columns, hydrate.instances_decoder(root, shown, len(columns), dialect, select.fetch_mode)


def slice_for_each(select: Select, columns: list[Any]) -> Any:
    """The statement that takes a slice of the rows for each value of something, such as the object prefetched for."""
    assert select.each is not None
    partition, low, high = select.each
    if select.distinct is not None:
        raise NotSupportedError("A sliced queryset of prefetch_related() cannot be distinct()")
    order = select.ordering.clauses() or [column.asc() for column in columns_of(select.operand_of("pk").element)]
    select.ordering.clear()
    place = sqlalchemy.func.row_number().over(partition_by=select.operand_of(partition).element, order_by=order)
    labelled = [column.label(f"c{index}") for index, column in enumerate(columns)]
    inner = select.statement([*labelled, place.label("place")]).subquery()
    statement = sqlalchemy.select(*list(inner.c)[:-1]).order_by(inner.c.place)
    if low is not None:
        statement = statement.where(inner.c.place > low)
    return statement if high is None else statement.where(inner.c.place <= high)


def whole_rows(select: Select, dialect: Dialect) -> tuple[list[Any], hydrate.Decode] | None:
    """The same where nothing but whole rows of one table is asked for, which most queries do: made once for a model."""
    meta = select.model._meta
    more = (select.values, select.related, select.only, select.distinct, select.group_by, select.compound, select.lock)
    is_plain = (
        all(each is None for each in more)
        and not select.deferred
        and not meta.parents
        and all(name in select.hidden for name in select.annotations)
    )
    if not is_plain:
        return None
    kept = kept_rows(select.model, dialect, select.fetch_mode)
    return None if kept is None else ([sqlalchemy.literal_column(kept[0])], kept[1])


def kept_rows(model: type[Model], dialect: Dialect, mode: FetchMode | None) -> tuple[str, hydrate.Decode] | None:
    """The SQL of all columns of a model without parents, and their decoder."""
    # A relation of another model that points here may come after the first query.
    return _kept_rows(model, DialectKey(dialect), mode, len(model._meta.all_related_objects))


@lru_cache(maxsize=4096)
def _kept_rows(
    model: type[Model], key: DialectKey, mode: FetchMode | None, relations: int
) -> tuple[str, hydrate.Decode] | None:
    table, fields = model._meta.table, model._meta.concrete_fields
    statement = sqlalchemy.select(*(table.c[field.column] for field in fields))
    columns = str(statement.compile(dialect=key.dialect)).removeprefix("SELECT ").rpartition("\nFROM")[0]
    decode = hydrate.instances_decoder(hydrate.Node(model, fields, 0), [], len(fields), key.dialect.name, mode)
    # Some drivers want a "%" written twice, which SQLAlchemy would do twice.
    return None if "%" in columns else (columns.strip(), decode)


def _compound_columns(select: Select) -> tuple[list[Any], hydrate.Decode]:
    decoders: list[hydrate.Decode] = []

    def columns_of(part: Select) -> list[Any]:
        columns, decode = row_columns(part)
        decoders.append(decode)
        return columns

    columns = settle(select, columns_of)
    return columns, decoders[0]


def _related_paths(select: Select) -> list[str]:
    if select.related is None:
        return []
    return select.related or _required_paths(select.model, DEPTH)


def _required_paths(model: type[Model], depth: int) -> list[str]:
    """What `select_related()` without names follows: all foreign keys that are not null, and theirs."""
    paths: list[str] = []
    for key in model._meta.foreign_keys if depth else ():
        if not key.null and not key.remote_field.parent_link:
            paths.append(key.name)
            paths += [f"{key.name}__{path}" for path in _required_paths(key.related_model, depth - 1)]
    return paths


def _join_related(select: Select, root: hydrate.Node, path: str, columns: list[Any]) -> None:
    node, join = root, select.joins.root
    steps, first = path.split("__"), 1
    if steps[0] in select.joins.filtered:
        node = _filtered_node(select, root, steps[0], columns)
        join = select.joins.walk(steps[:1]).join
        path, first = "__".join(steps[1:]), 2
        if not path:
            return
    for position, step in enumerate(related_path(join.model, path), start=first):
        backward = isinstance(step, Relation)
        key: Any = step.field if isinstance(step, Relation) else step
        join = select.joins.backward(join, key) if backward else select.joins.forward(join, key)
        name = step.slot if isinstance(step, Relation) else slot_of(step.name)
        child = next((each for each in node.children if each.slot == name), None)
        if child is None:
            target = join.model
            below = tuple(steps[:position])
            child = hydrate.Node(target, select.loaded_fields(target, below), len(columns), name)
            if key.remote_field.one_to_one and key.remote_field.accessor is not None:
                child.back = slot_of(key.name) if backward else key.remote_field.slot
            child.is_reverse = backward
            node.children.append(child)
            columns += [select.joins.column(join, field) for field in child.fields]
            select.related_joins.append(join)
        node = child


def _filtered_node(select: Select, root: hydrate.Node, name: str, columns: list[Any]) -> hydrate.Node:
    """The rows of a FilteredRelation, which stand in an attribute of its name, or None where there is none."""
    known = next((each for each in root.children if each.slot == name), None)
    if known is not None:
        return known
    join = select.joins.walk([name]).join
    node = hydrate.Node(join.model, select.loaded_fields(join.model, (name,)), len(columns), name, is_named=True)
    key, forward = join.edge[:2] if join.edge is not None else (None, True)
    if join.parent is select.joins.root and not forward and isinstance(key, ForeignKey):
        node.back = slot_of(key.name)
    root.children.append(node)
    columns += [select.joins.column(join, field) for field in node.fields]
    select.related_joins.append(join)
    return node


def _selected(element: Any, dialect: str) -> Any:
    """What is selected of an element: itself, or a composite key's columns in one value."""
    if not isinstance(element, sqlalchemy.Tuple):
        return element
    return (sqlalchemy.func.row if dialect == "postgresql" else sqlalchemy.func.json_array)(*columns_of(element))


def _value_columns(select: Select) -> tuple[list[Any], hydrate.Decode]:
    names, operands = select.value_names(), select.value_operands()
    dialect = select.binds.dialect
    columns = [_selected(operand.element, dialect) for operand in operands]
    form = select.values_form
    if form == "dict":
        return columns, hydrate.dicts_decoder(names, operands, dialect)
    if form == "flat":
        if len(operands) != 1:
            raise TypeError(f"values_list(flat=True) takes one field, got {len(operands)}")
        return columns, hydrate.flat_decoder(operands[0], dialect)
    if form == "named":
        return columns, hydrate.named_decoder(names, operands, dialect)
    return columns, hydrate.tuples_decoder(operands, dialect)
