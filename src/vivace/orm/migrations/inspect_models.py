"""`inspectdb`: models as Python source for the tables that a database has.

What a model can say is said: keys, relations, unique and check constraints, indexes, generated columns, defaults,
comments. What it cannot say, and what was guessed, stands there as a comment.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import TYPE_CHECKING

from vivace.orm.base import Model
from vivace.orm.migrations.inspected_fields import (
    LINE,
    FieldCall,
    call,
    field_for,
    is_said_by_field,
    quoted,
    raw_condition,
    raw_expression,
)
from vivace.orm.migrations.inspection import LiveIndex, LiveKey, LiveTable, read_tables

if TYPE_CHECKING:
    from vivace.databases import Database

_HEAD = '''"""Models of tables that a database had already, written by `vivace inspectdb`.

Read them before they are used: what the database does not know (on_delete, choices, names of relations) is a guess.
"""

'''
_ACTIONS = {"CASCADE": "models.CASCADE", "SET NULL": "models.SET_NULL", "SET DEFAULT": "models.DB_SET_DEFAULT"}
_METHODS = {"gin": "GinIndex", "gist": "GistIndex", "brin": "BrinIndex", "hash": "HashIndex", "spgist": "SpGistIndex"}


async def inspect(
    database: Database, names: Iterable[str] | None = None, *, views: bool = False, label: str | None = None
) -> str:
    """A module with a model for each table (those called `names`, or all; then `views` adds the views).

    With `label` only tables whose names begin with `label_` are taken, and models are named without it: their tables
    are those that models of the app `label` have by themselves. Raises UnknownTable naming the nearest.
    """
    tables = await read_tables(database, names, views=views)
    if label is not None and names is None:
        tables = {name: table for name, table in tables.items() if name.startswith(f"{label}_")}
    return _Module(tables, label, database.dialect.name).source()


@dataclass
class _ModelSource:
    """One class in the making."""

    name: str
    table: LiveTable
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    """The field's name for each column."""


class _Module:
    def __init__(self, tables: Mapping[str, LiveTable], label: str | None, dialect: str) -> None:
        self.tables, self.label, self.dialect = tables, label, dialect
        self.classes: dict[str, str] = {}
        for name in tables:
            self.classes[name] = _free(_class_name(name, label), self.classes.values())
        self.many_to_many = {name: found for name in tables if (found := self._many_to_many(name)) is not None}
        self.done: set[str] = set()

    def source(self) -> str:
        models = [self._model(table) for name, table in self.tables.items() if name not in self.many_to_many]
        text = "\n\n\n".join(models)
        imports = ["from vivace.orm import models"]
        if "postgresql." in text:
            imports = ["from vivace.orm import models, postgresql"]
        return _HEAD + "\n".join(imports) + (f"\n\n\n{text}\n" if text else "\n")

    def _many_to_many(self, name: str) -> tuple[str, str, str] | None:
        """Owner, field and target, when a table is just what a ManyToManyField makes."""
        table = self.tables[name]
        keys = table.foreign_keys
        if len(keys) != 2 or len(table.columns) != 3 or len(table.primary_key) != 1 or table.checks or table.comment:
            return None
        if any(len(key.columns) != 1 or key.table not in self.tables for key in keys):
            return None
        pair = {key.columns[0] for key in keys}
        if not any(index.unique and index.where is None and set(index.columns) == pair for index in table.indexes):
            return None
        for key, other in ((keys[0], keys[1]), (keys[1], keys[0])):
            owner, target = self.classes[key.table].lower(), self.classes[other.table].lower()
            wanted = (f"{owner}_id", f"{target}_id") if owner != target else (f"from_{owner}_id", f"to_{owner}_id")
            rest = name.removeprefix(f"{key.table}_")
            if rest != name and rest.isidentifier() and wanted == (key.columns[0], other.columns[0]):
                return key.table, rest, other.table
        return None

    # --- one model

    def _model(self, table: LiveTable) -> str:
        model = _ModelSource(self.classes[table.name], table)
        keys = {key.columns[0]: key for key in table.foreign_keys if len(key.columns) == 1}
        for name in table.columns:
            key = keys.get(name)
            wanted = name.removesuffix("_id") if key is not None else name
            model.fields[name] = _free(_field_name(wanted), model.fields.values())
        self._add_composite_key(model)
        for name in table.columns:
            self._add_field(model, name, keys.get(name))
        for owner, name, target in self.many_to_many.values():
            if owner == table.name:
                model.lines.append(f"{name} = models.ManyToManyField({self._reference(table.name, target)})")
        self._add_indexes(model)
        self._add_checks(model)
        for key in table.foreign_keys:
            if len(key.columns) > 1:
                columns = ", ".join(key.columns)
                model.notes.append(
                    f"The foreign key ({columns}) to {key.table} has several columns, which no field can say."
                )
        self.done.add(table.name)
        return _class_source(model, _meta(model, self.label))

    def _add_composite_key(self, model: _ModelSource) -> None:
        table = model.table
        if len(table.primary_key) > 1:
            names = ", ".join(f'"{model.fields[name]}"' for name in table.primary_key)
            model.lines.append(f"pk = models.CompositePrimaryKey({names})")
        elif not table.primary_key:
            what = "A view has" if table.is_view else "The table has"
            model.notes.append(f"{what} no primary key, and a model needs one: name a column that is unique.")

    def _add_field(self, model: _ModelSource, name: str, key: LiveKey | None) -> None:
        table = model.table
        made = field_for(table, table.columns[name], self.dialect)
        if not table.primary_key and name == next(iter(table.columns)):
            made.options = {"primary_key": "True", **made.options}
            made.options.pop("null", None)
            made.note = "A guess: the first column."
        if made.source() == "models.BigAutoField(primary_key=True)" and model.fields[name] == "id":
            return
        if key is not None and not made.kind.startswith("Generated"):
            made = self._relation(model, name, key, made)
        elif not made.options.get("primary_key"):
            if self._is_unique(table, name):
                made.options["unique"] = "True"
            elif self._plain_index(table, name) is not None:
                made.options["db_index"] = "True"
        default_column = f"{model.fields[name]}_id" if key is not None else model.fields[name]
        if default_column != name:
            made.options["db_column"] = quoted(name)
        if made.note:
            model.lines.append(f"# {made.note}")
        model.lines.append(f"{model.fields[name]} = {made.source()}")

    def _relation(self, model: _ModelSource, name: str, key: LiveKey, column: FieldCall) -> FieldCall:
        table = model.table
        unique = self._is_unique(table, name) or table.primary_key == (name,)
        action = _ACTIONS.get(key.ondelete or "", "models.DO_NOTHING")
        if action == "models.SET_NULL" and "null" not in column.options:
            action = "models.DO_NOTHING"
        kept: dict[str, str] = {}
        for option in ("primary_key", "null", "db_default", "db_comment"):
            if option in column.options:
                kept[option] = column.options[option]
        options = {"on_delete": action, **kept}
        target = self.tables.get(key.table)
        if target is not None and target.primary_key != key.referred:
            options["to_field"] = quoted(_field_name(key.referred[0]))
        same = [other for other in table.foreign_keys if other.table == key.table and len(other.columns) == 1]
        if len(same) > 1:
            options["related_name"] = f'"{model.name.lower()}_{model.fields[name]}_set"'
        if not unique and self._plain_index(table, name) is None:
            options["db_index"] = "False"
        return FieldCall(
            "OneToOneField" if unique else "ForeignKey", options, arguments=(self._reference(table.name, key.table),)
        )

    def _reference(self, table: str, target: str) -> str:
        if target == table:
            return '"self"'
        name = self.classes.get(target) or _class_name(target, self.label)
        return name if target in self.done else f'"{name}"'

    def _is_unique(self, table: LiveTable, name: str) -> bool:
        return any(index.columns == (name,) and index.unique and index.where is None for index in table.indexes)

    def _plain_index(self, table: LiveTable, name: str) -> LiveIndex | None:
        return next((index for index in table.indexes if _is_plain(index) and index.columns == (name,)), None)

    # --- Meta

    def _add_indexes(self, model: _ModelSource) -> None:
        said = {name for name in model.table.columns if self._is_unique(model.table, name)}
        indexed: set[str] = set()
        for index in model.table.indexes:
            column = index.columns[0] if len(index.columns) == 1 else None
            if any("pattern_ops" in opclass for opclass in index.opclasses):
                continue  # Django's second index of a text, for LIKE
            if column is not None and index.unique and index.where is None and column in said:
                continue
            if column is not None and _is_plain(index) and column not in indexed | said:
                indexed.add(column)
                if column in model.fields:
                    continue
            if index.unique:
                model.constraints.append(self._unique(model, index))
            else:
                model.indexes.append(self._index(model, index))

    def _unique(self, model: _ModelSource, index: LiveIndex) -> str:
        name = index.name or f"{model.table.name}_{'_'.join(str(column) for column in index.columns)}_uniq"
        arguments = [*self._parts(model, index), f"name={quoted(name)}"]
        if index.where is not None:
            arguments.append(f"condition=models.Q({raw_condition(_grouped(index.where))})")
        return call("models.UniqueConstraint", arguments + self._include(model, index))

    def _index(self, model: _ModelSource, index: LiveIndex) -> str:
        kind = _METHODS.get(index.method or "btree")
        arguments = [*self._parts(model, index), f"name={quoted(index.name)}"]
        if index.where is not None:
            arguments.append(f"condition=models.Q({raw_condition(_grouped(index.where))})")
        if index.opclasses and len(index.opclasses) == len(index.columns) and None not in index.columns:
            arguments.append(f"opclasses={list(index.opclasses)!r}")
        return call(f"postgresql.{kind}" if kind else "models.Index", arguments + self._include(model, index))

    def _parts(self, model: _ModelSource, index: LiveIndex) -> list[str]:
        if None not in index.columns:
            names = [
                f'"{"-" if descending else ""}{model.fields[str(column)]}"'
                for column, descending in zip(index.columns, index.descending, strict=True)
            ]
            return [f"fields=[{', '.join(names)}]"]
        return [
            f'"{model.fields[column]}"' if column is not None else raw_expression(sql)
            for column, sql in zip(index.columns, index.expressions, strict=True)
        ]

    def _include(self, model: _ModelSource, index: LiveIndex) -> list[str]:
        names = [model.fields[name] for name in index.include if name in model.fields]
        return [f"include={names!r}"] if names else []

    def _add_checks(self, model: _ModelSource) -> None:
        for position, (name, sql) in enumerate(model.table.checks, start=1):
            if not is_said_by_field(model.table, sql):
                given = name or f"{model.table.name}_check_{position}"
                model.constraints.append(
                    call("models.CheckConstraint", [f"condition={raw_condition(sql)}", f"name={quoted(given)}"])
                )


def _is_plain(index: LiveIndex) -> bool:
    """An index that `db_index=True` would make."""
    return (
        len(index.columns) == 1
        and index.columns[0] is not None
        and not (index.unique or index.where or index.include or any(index.descending) or index.opclasses)
        and index.method in (None, "btree")
    )


def _meta(model: _ModelSource, label: str | None) -> list[str]:
    lines = []
    if label is None or model.table.name != f"{label}_{model.name.lower()}":
        lines.append(f'db_table = "{model.table.name}"')
    if model.table.comment:
        lines.append(f"db_table_comment = {quoted(model.table.comment)}")
    if model.table.is_view or not model.table.primary_key:
        lines.append("managed = False")
    lines += _list("constraints", model.constraints) + _list("indexes", model.indexes)
    return lines


def _list(name: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    line = f"{name} = [{', '.join(items)}]"
    if len(line) < LINE and len(items) == 1:
        return [line]
    return [f"{name} = [", *(indent(f"{item},", "    ") for item in items), "]"]


def _class_source(model: _ModelSource, meta: Sequence[str]) -> str:
    lines = [f"class {model.name}(models.Model):"]
    lines += [f"    # {note}" for note in model.notes]
    lines += [indent(line, "    ") for line in model.lines]
    if meta:
        lines += [""] if model.lines or model.notes else []
        lines += ["    class Meta:", *(indent(line, "        ") for line in meta)]
    elif not model.lines:
        lines.append("    pass")
    return "\n".join(lines)


def _grouped(sql: str) -> str:
    return sql if sql.startswith("(") and sql.endswith(")") else f"({sql})"


def _class_name(table: str, label: str | None) -> str:
    rest = table.removeprefix(f"{label}_") if label else table
    parts = [part for part in re.split(r"[\W_]+", rest) if part]
    name = "".join(part[0].upper() + part[1:] for part in parts) or "Model"
    return f"Model{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def _field_name(column: str) -> str:
    name = re.sub(r"_{2,}", "_", re.sub(r"\W", "_", column)).lower().strip("_") or "field"
    if name[0].isdigit():
        name = f"number_{name}"
    return f"{name}_field" if keyword.iskeyword(name) or name == "objects" or hasattr(Model, name) else name


def _free(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of `name_2`, `name_3`, … that nobody has."""
    used = set(taken)
    candidate, number = name, 2
    while candidate in used:
        candidate, number = f"{name}_{number}" if name[0].islower() else f"{name}{number}", number + 1
    return candidate
