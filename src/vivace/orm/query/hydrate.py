"""Rows into instances, dicts or tuples, by functions written for exactly these columns.

For every shape a function is generated that unpacks a row into locals and stores each into a plain attribute, with
converters called only where the driver's value is not the field's. Plain stores keep CPython's compact layout of
attributes, which a `__dict__.update()` would lose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache, partial
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from vivace.orm.expressions.operand import Operand
from vivace.orm.fetch_modes import FETCH_PEERS, FetchMode
from vivace.orm.fields.base import Field
from vivace.orm.instances import ABSENT, Layout, Origin, OriginOfMode, partial_class
from vivace.orm.signals import post_init

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

Rows = Sequence[Sequence[Any]]
Decode = Callable[[Rows, "Database", bool], list[Any]]
"""From the driver's rows to results; the flag says whether instances remember their peers."""


@dataclass
class Node:
    """A model whose fields stand in the row: the queryset's own, or one of select_related()."""

    model: type[Model]
    fields: Sequence[Field[Any]]
    first: int
    slot: str = ""
    """The attribute of the instance above that holds this one."""
    back: str | None = None
    """The attribute that holds the instance above, where that is the only one that points here."""
    is_reverse: bool = False
    is_named: bool = False
    """Whether `slot` is the name of a FilteredRelation."""
    children: list[Node] = dataclass_field(default_factory=list)

    @property
    def is_partial(self) -> bool:
        """Whether fields were left out."""
        return len(self.fields) < len(self.model._meta.concrete_fields)

    def layout(self, dialect: str) -> Layout:
        """Where the fields stand in the row."""
        return {
            each.attname: (self.first + index, each.row_converter(dialect)) for index, each in enumerate(self.fields)
        }

    @property
    def key_index(self) -> int:
        """Where the primary key stands in the row."""
        return self.first + next(index for index, each in enumerate(self.fields) if each.primary_key)


class _Source:
    """Python source while it is being written, and the objects it names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}

    def name(self, prefix: str, value: Any) -> str:
        """A name for an object in the generated code."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def value(self, index: int, convert: Callable[[Any], Any] | None, expression: str | None) -> str:
        """The source of a converted value."""
        if convert is None:
            return f"v{index}"
        converted = expression.format(v=f"v{index}") if expression else f"{self.name('c', convert)}(v{index})"
        return f"None if v{index} is None else {converted}"

    def of_field(self, index: int, each: Field[Any], dialect: str) -> str:
        """The source of a field's value."""
        return self.value(index, each.row_converter(dialect), each.row_expression(dialect))

    def of_operand(self, index: int, operand: Operand, dialect: str) -> str:
        """The source of an expression's value."""
        if operand.convert is not None:
            return self.value(index, operand.convert, None)
        return self.of_field(index, operand.field, dialect)

    def function(self, name: str) -> Any:
        """The function of that name in the source."""
        exec(_compiled("\n".join(self.lines)), self.names)  # noqa: S102 - our own text: indexes and names we made
        return self.names[name]


# Compiling the text is the dearest part of a query that is new, and most queries of a model read the same columns.
@lru_cache(maxsize=2048)
def _compiled(text: str) -> CodeType:
    return compile(text, "<hydrate>", "exec")


def instances_decoder(
    root: Node, annotations: Sequence[tuple[str, Operand]], width: int, dialect: str, mode: FetchMode | None = None
) -> Decode:
    """A decoder into instances of the root's model, with related instances and annotations as attributes."""
    source = _Source()
    nodes = _flatten(root)
    names = ", ".join(f"v{index}" for index in range(width))
    source.names |= {"new": object.__new__}
    source.lines += [f"def hydrate(rows, {', '.join(f'o{number}, s{number}' for number in range(len(nodes)))}):"]
    source.lines += ["    for row in rows:", f"        {names}, = row"]
    _write_node(source, root, nodes, dialect, "        ")
    for index, (alias, operand) in enumerate(annotations, start=width - len(annotations)):
        source.lines.append(f"        i0.{alias} = {source.of_operand(index, operand, dialect)}")
    hydrate = source.function("hydrate")
    layouts = [node.layout(dialect) for node in nodes]
    modes = [mode or node.model._meta.fetch_mode or FETCH_PEERS for node in nodes]
    keep_peers = [
        mode is FETCH_PEERS and (node.is_partial or _has_single_relations(node.model))
        for node, mode in zip(nodes, modes, strict=True)
    ]
    make_origins: list[Callable[[Layout, Database], Origin]] = [
        Origin if mode is FETCH_PEERS else partial(OriginOfMode, fetch_mode=mode) for mode in modes
    ]

    def decode_alone(rows: Rows, database: Database, peers: bool) -> list[Any]:
        # The same as below for one model, which is most queries.
        origin, made = make_origins[0](layouts[0], database), []  # type: ignore[var-annotated]
        hydrate(rows, origin, made.append)
        if peers and keep_peers[0]:
            origin.peers = [*map(ref, made)]
        if post_init.receivers and post_init.has_listeners(root.model):
            for instance in made:
                post_init.send(root.model, instance=instance)
        return made

    def decode(rows: Rows, database: Database, peers: bool) -> list[Any]:
        origins = [make(layout, database) for make, layout in zip(make_origins, layouts, strict=True)]
        lists: list[list[Any]] = [[] for _ in nodes]
        arguments: list[Any] = []
        for origin, made in zip(origins, lists, strict=True):
            arguments += [origin, made.append]
        hydrate(rows, *arguments)
        if peers:
            for origin, made, keep in zip(origins, lists, keep_peers, strict=True):
                if keep:
                    origin.peers = [*map(ref, made)]
        if post_init.receivers:
            for node, made in zip(nodes, lists, strict=True):
                if post_init.has_listeners(node.model):
                    for instance in made:
                        post_init.send(node.model, instance=instance)
        return lists[0]

    return decode if len(nodes) > 1 else decode_alone


def _has_single_relations(model: type[Model]) -> bool:
    """Whether its instances may have stubs, which are loaded for all peers at once."""
    meta = model._meta
    return bool(meta.foreign_keys) or any(relation.one_to_one for relation in meta.related_objects)


def _flatten(node: Node) -> list[Node]:
    return [node, *(below for child in node.children for below in _flatten(child))]


def _write_node(source: _Source, node: Node, nodes: list[Node], dialect: str, indent: str) -> None:
    number = next(index for index, each in enumerate(nodes) if each is node)
    model = partial_class(node.model) if node.is_partial else node.model
    write = source.lines.append
    values = [
        (each.attname, source.of_field(index, each, dialect))
        for index, each in enumerate(node.fields, start=node.first)
    ]
    if not node.model._meta.has_own_from_db:
        write(f"{indent}i{number} = new({source.name('m', model)})")
        for attname, value in values:
            write(f"{indent}i{number}.{attname} = {value}")
    else:
        made, attnames = source.name("f", node.model.from_db), source.name("n", tuple(name for name, _ in values))
        listed = ", ".join(f"({value})" for _, value in values)
        write(f"{indent}i{number} = {made}(o{number}.database, {attnames}, ({listed},))")
    write(f"{indent}i{number}._row = row")
    write(f"{indent}i{number}._origin = o{number}")
    for child in node.children:
        below = next(index for index, each in enumerate(nodes) if each is child)
        write(f"{indent}if v{child.key_index} is not None:")
        _write_node(source, child, nodes, dialect, indent + "    ")
        write(f"{indent}    i{number}.{child.slot} = i{below}")
        if child.back is not None:
            write(f"{indent}    i{below}.{child.back} = i{number}")
        if child.is_named:
            write(f"{indent}else: i{number}.{child.slot} = None")
        elif child.is_reverse:
            write(f"{indent}else: i{number}.{child.slot} = {source.name('absent', ABSENT)}")
    write(f"{indent}s{number}(i{number})")


def tuples_decoder(operands: Sequence[Operand], dialect: str) -> Decode:
    """A decoder into tuples."""
    source = _Source()
    values = [source.of_operand(index, operand, dialect) for index, operand in enumerate(operands)]
    if all(value == f"v{index}" for index, value in enumerate(values)):
        return _as_tuples
    names = ", ".join(f"v{index}" for index in range(len(values)))
    source.lines.append(f"def hydrate(rows): return [({', '.join(values)},) for ({names},) in rows]")
    hydrate = source.function("hydrate")
    return lambda rows, database, peers: hydrate(rows)


def _as_tuples(rows: Rows, database: Database, peers: bool) -> list[Any]:
    # What sqlite3 gives is what is wanted, and nobody else's.
    if rows.__class__ is list and rows and rows[0].__class__ is tuple:
        return rows
    return [*map(tuple, rows)]


def named_decoder(names: Sequence[str], operands: Sequence[Operand], dialect: str) -> Decode:
    """A decoder into named tuples."""
    make, decode = _row_class(tuple(names))._make, tuples_decoder(operands, dialect)
    return lambda rows, database, peers: [make(row) for row in decode(rows, database, peers)]


@lru_cache(maxsize=512)
def _row_class(names: tuple[str, ...]) -> Any:
    return NamedTuple("Row", [(name, Any) for name in names])


def dicts_decoder(keys: Sequence[str], operands: Sequence[Operand], dialect: str) -> Decode:
    """A decoder into dicts."""
    source = _Source()
    items = ", ".join(
        f"{key!r}: {source.of_operand(index, operand, dialect)}"
        for index, (key, operand) in enumerate(zip(keys, operands, strict=True))
    )
    names = ", ".join(f"v{index}" for index in range(len(keys)))
    source.lines.append(f"def hydrate(rows): return [{{{items}}} for ({names},) in rows]")
    hydrate = source.function("hydrate")
    return lambda rows, database, peers: hydrate(rows)


def flat_decoder(operand: Operand, dialect: str) -> Decode:
    """A decoder into the values of the one column."""
    source = _Source()
    source.lines.append(f"def hydrate(rows): return [{source.of_operand(0, operand, dialect)} for (v0,) in rows]")
    hydrate = source.function("hydrate")
    return lambda rows, database, peers: hydrate(rows)
