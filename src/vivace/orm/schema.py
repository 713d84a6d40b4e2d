"""SQLAlchemy tables made from models: what migrations compare and what queries are compiled against."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.schema import (
    AddConstraint,
    CreateIndex,
    CreateTable,
    SetColumnComment,
    SetTableComment,
    sort_tables_and_constraints,
)
from sqlalchemy.sql.elements import conv

from vivace.orm import tablespaces
from vivace.orm.constraints import BaseConstraint, CheckConstraint, UniqueConstraint
from vivace.orm.ddl_expressions import ModelExpression, default_of
from vivace.orm.exceptions import ModelDefinitionError, SchemaWarning
from vivace.orm.expressions.base import F, OrderBy
from vivace.orm.expressions.columns import Column
from vivace.orm.expressions.conditions import Q
from vivace.orm.fields.base import Field
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.generated import GeneratedField
from vivace.orm.fields.numbers import AutoField, IntegerField
from vivace.orm.fields.on_delete import CASCADE, DB_CASCADE, DB_SET_DEFAULT, DB_SET_NULL, SET_NULL
from vivace.orm.indexes import Index
from vivace.orm.opclasses import OpClass, checked_opclass, on_postgresql
from vivace.orm.registry import NAMING_CONVENTION

if TYPE_CHECKING:
    from vivace.orm.base import Model

# The database repeats what the ORM does, for rows that other programs delete. The other forms of on_delete have no
# equal there: the database refuses, which is what PROTECT and RESTRICT promise.
_DATABASE_ACTIONS = {
    CASCADE: "CASCADE",
    SET_NULL: "SET NULL",
    DB_CASCADE: "CASCADE",
    DB_SET_NULL: "SET NULL",
    DB_SET_DEFAULT: "SET DEFAULT",
}


def metadata(models: Iterable[type[Model]]) -> sqlalchemy.MetaData:
    """The tables of `models`, automatic many-to-many tables included, in a new MetaData.

    Each table has `info == {"app_label": …, "model": "label.Model"}`, and every constraint and index a stable name.
    Tables of models with `Meta.managed = False` are left out.
    """
    result = sqlalchemy.MetaData(naming_convention=NAMING_CONVENTION)
    for model in models:
        for table_model in (model, *_automatic_tables(model)):
            meta = table_model._meta
            if meta.proxy:
                continue
            known = result.tables.get(meta.db_table)
            if known is not None and known.info["model"] != meta.label:
                raise ModelDefinitionError(
                    f'{meta.label} and {known.info["model"]} have the same table "{meta.db_table}": give one another '
                    "Meta.db_table, or managed = False"
                )
            if meta.managed and meta.swapped is None and meta.db_table not in result.tables:
                make_table(table_model, result)
    return result


def _automatic_tables(model: type[Model]) -> list[type[Model]]:
    return [field.through for field in model._meta.many_to_many if field.through._meta.auto_created]


def make_table(model: type[Model], into: sqlalchemy.MetaData) -> sqlalchemy.Table:
    """The table of `model`, added to the MetaData `into`."""
    meta = model._meta
    options: dict[str, Any] = {}
    if isinstance(meta.pk, AutoField):
        # A key is never used twice, so that nothing that remembers it can meet another row.
        options["sqlite_autoincrement"] = True
    options |= tablespaces.of_table(model)
    table = sqlalchemy.Table(
        meta.db_table,
        into,
        *[_column(field) for field in meta.local_fields],
        comment=meta.db_table_comment,
        info=_info(model),
        **options,
    )
    for field in meta.local_fields:
        _add_computed(model, table, field)
        _add_field_constraints(model, table, field)
    for group in meta.unique_together:
        table.append_constraint(sqlalchemy.UniqueConstraint(*_columns(model, table, group)))
    for constraint in meta.constraints:
        add_constraint(model, table, constraint)
    for index in meta.indexes:
        _add_index(model, table, index)
    return table


def _info(model: type[Model]) -> dict[str, Any]:
    meta = model._meta
    info: dict[str, Any] = {"app_label": meta.app_label, "model": meta.label}
    if meta.required_db_vendor is not None:
        info["required_db_vendor"] = meta.required_db_vendor
    if meta.required_db_features:
        info["required_db_features"] = tuple(meta.required_db_features)
    return info


def _column(field: Field[Any]) -> sqlalchemy.Column[Any]:
    arguments: list[Any] = []
    if isinstance(field, ForeignKey) and field.db_constraint:
        target = field.related_model._meta
        arguments.append(
            sqlalchemy.ForeignKey(
                f"{target.db_table}.{field.target_field.column}",
                ondelete=_DATABASE_ACTIONS.get(field.on_delete),
            )
        )
    return sqlalchemy.Column(
        field.column,
        field.sql_type(),
        *arguments,
        primary_key=field.primary_key,
        # MariaDB has no NOT NULL of generated columns; all databases have a CHECK, see _add_field_constraints.
        nullable=field.null or field.generated,
        autoincrement=isinstance(field, AutoField),
        comment=field.db_comment,
    )


def _add_computed(model: type[Model], table: sqlalchemy.Table, field: Field[Any]) -> None:
    """The column's generation or default, which may name other columns and so comes when all are there."""
    column = table.c[field.column]
    if isinstance(field, GeneratedField):
        computed: Any = ModelExpression(model, table, field.expression, "generated")
        sqlalchemy.Computed(computed, persisted=field.db_persist)._set_parent(column)
    elif field.has_db_default():
        sqlalchemy.DefaultClause(default_of(model, table, field))._set_parent(column)


def _add_field_constraints(model: type[Model], table: sqlalchemy.Table, field: Field[Any]) -> None:
    column = table.c[field.column]
    options = tablespaces.of_index(model, [field])
    if field.unique and field is not model._meta.pk:
        table.append_constraint(sqlalchemy.UniqueConstraint(column, **options))
    elif field.db_index and field is not model._meta.pk_fields[0]:
        # The key's own index serves its first column; of one of several columns, no other.
        sqlalchemy.Index(None, column, **options)
    if field.generated and not field.null:
        table.append_constraint(sqlalchemy.CheckConstraint(column.isnot(None), name=f"{field.column}_not_null"))
    if isinstance(field, IntegerField) and field.limits[0] == 0:
        positive = column >= sqlalchemy.literal_column("0")
        table.append_constraint(sqlalchemy.CheckConstraint(positive, name=f"{field.column}_positive"))


def _columns(model: type[Model], table: sqlalchemy.Table, names: Iterable[str]) -> list[sqlalchemy.Column[Any]]:
    columns = []
    for name in names:
        field = model._meta.get_field(name)
        if not isinstance(field, Field) or not field.concrete:
            raise ModelDefinitionError(f'{model._meta.label}.Meta: "{name}" has no column to constrain or index')
        columns.append(table.c[field.column])
    return columns


def add_constraint(model: type[Model], table: sqlalchemy.Table, constraint: BaseConstraint) -> None:
    """Adds what `constraint` becomes: a constraint of the table, or a unique index."""
    if isinstance(constraint, CheckConstraint):
        clause: Any = ModelExpression(model, table, constraint.condition, "condition")
        table.append_constraint(sqlalchemy.CheckConstraint(clause, name=conv(constraint.name)))
    elif isinstance(constraint, UniqueConstraint):
        _add_unique(model, table, constraint)
    else:
        constraint.add_to(model, table)


def _add_unique(model: type[Model], table: sqlalchemy.Table, constraint: UniqueConstraint) -> None:
    options = _include(model, table, constraint.include)
    if constraint.nulls_distinct is not None:
        options["postgresql_nulls_not_distinct"] = not constraint.nulls_distinct
    if constraint.condition is None and not constraint.expressions and not constraint.opclasses:
        made = sqlalchemy.UniqueConstraint(
            *_columns(model, table, constraint.fields), name=conv(constraint.name), **options
        )
        if constraint.deferrable is not None:
            made.deferrable, made.initially = True, constraint.deferrable.name
            # The other databases have no such thing; `full_clean` still checks.
            made = made.ddl_if(dialect="postgresql")
        table.append_constraint(made)
        return
    # SQL has no unique constraint with a condition or of expressions; databases have unique indexes with them.
    parts = index_parts(model, table, constraint.fields, constraint.expressions, constraint.opclasses)
    options |= _opclasses(model, table, constraint.fields, constraint.opclasses)
    _make_index(model, table, constraint.name, parts, constraint.condition, unique=True, **options)


def _add_index(model: type[Model], table: sqlalchemy.Table, index: Index) -> None:
    parts = index_parts(model, table, index.fields, index.expressions, index.opclasses)
    options = _include(model, table, index.include)
    options |= _opclasses(model, table, index.fields, index.opclasses)
    if index.method is not None:
        options["postgresql_using"] = index.method
    parameters = index.parameters()
    if parameters:
        options["postgresql_with"] = dict(parameters)
    fields = [model._meta.forward[name] for name, _ in index.fields_orders]
    options |= tablespaces.of_index(model, fields, index.db_tablespace)
    columns = [field.column for field in fields]
    name = index.name or f"ix_{table.name}_{'_'.join(columns)}"
    _make_index(model, table, name, parts, index.condition, unique=False, **options)


def index_parts(
    model: type[Model],
    table: sqlalchemy.Table,
    fields: Sequence[str],
    expressions: Sequence[Any],
    opclasses: Sequence[str] = (),
) -> list[Any]:
    """What an index is over: columns, and expressions in parentheses, with their order.

    The operator class of a column in descending order stands between the two; that of another is an option of the
    index, see `_opclasses`.
    """
    parts: list[Any] = []
    for name, opclass in zip_longest(fields, opclasses):
        (column,) = _columns(model, table, [name.removeprefix("-")])
        if not name.startswith("-"):
            parts.append(column)
        elif opclass:
            parts.append(on_postgresql(column, checked_opclass(opclass)).desc())
        else:
            parts.append(column.desc())
    for expression in expressions:
        order = expression if isinstance(expression, OrderBy) else None
        inner = order.expression if order is not None else expression
        opclass = inner if isinstance(inner, OpClass) else None
        part = _index_part(model, table, opclass.expression if opclass is not None else inner)
        if opclass is not None:
            part = on_postgresql(part, opclass.name)
        parts.append(_ordered(part, order) if order is not None else part)
    return parts


def _index_part(model: type[Model], table: sqlalchemy.Table, expression: Any) -> Any:
    if type(expression) is F or isinstance(expression, Column):
        field = model._meta.names.get(expression._path)
        if isinstance(field, Field) and field.concrete:
            return table.c[field.column]
    return ModelExpression(model, table, expression, "index")


def _ordered(part: Any, order: OrderBy) -> Any:
    part = part.desc() if order.descending else part.asc()
    return on_postgresql(part, f"NULLS {order.nulls.upper()}") if order.nulls else part


def _include(model: type[Model], table: sqlalchemy.Table, names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    return {"postgresql_include": [column.name for column in _columns(model, table, names)]}


def _opclasses(
    model: type[Model], table: sqlalchemy.Table, fields: Sequence[str], opclasses: Sequence[str]
) -> dict[str, Any]:
    ascending = [
        (name, opclass) for name, opclass in zip(fields, opclasses, strict=bool(opclasses)) if not name.startswith("-")
    ]
    if not ascending:
        return {}
    columns = _columns(model, table, [name for name, _ in ascending])
    return {
        "postgresql_ops": {
            column.key: checked_opclass(opclass) for column, (_, opclass) in zip(columns, ascending, strict=True)
        }
    }


def _make_index(
    model: type[Model],
    table: sqlalchemy.Table,
    name: str,
    parts: list[Any],
    condition: Q | None,
    *,
    unique: bool,
    **options: Any,
) -> None:
    if condition is not None:
        clause = ModelExpression(model, table, condition, "condition")
        options |= {"postgresql_where": clause, "sqlite_where": clause}
    index = sqlalchemy.Index(conv(name), *parts, unique=unique, **options)
    if index.table is None and any(isinstance(part, ModelExpression) and part.is_raw for part in parts):
        index._set_parent(table)  # SQL of the programmer's own names its columns in a way that nobody here reads
    if index.table is None:
        raise ModelDefinitionError(f'{model._meta.label}: the index "{name}" names no column')


def refusal(index: sqlalchemy.Index, dialect: sqlalchemy.Dialect) -> str | None:
    """Why a database cannot have an index; None when it can.

    What is left out then is a promise that only `full_clean` keeps, as in Django.
    """
    if dialect.name not in ("mysql", "mariadb"):
        return None
    if index.unique and index.dialect_kwargs.get("postgresql_where") is not None:
        return f"MySQL and MariaDB have no unique index with a condition: {index.name} is not created"
    if getattr(dialect, "is_mariadb", False) and any(
        not isinstance(column_of(part), sqlalchemy.Column) for part in index.expressions
    ):
        return f"MariaDB has no index on expressions: {index.name} is not created"
    return None


def column_of(part: Any) -> Any:
    """What an index's part orders: the part itself, or what stands in `DESC` and `NULLS LAST`."""
    while not isinstance(part, sqlalchemy.Column | ModelExpression):
        (part,) = part.get_children()
    return part


def merged_uniques(table: sqlalchemy.Table, dialect: sqlalchemy.Dialect) -> list[sqlalchemy.UniqueConstraint]:
    """The unique constraints that PostgreSQL leaves out of CREATE TABLE because others are over the same columns.

    They are constraints with names of their own all the same, which a later migration may drop or rename.
    """
    if dialect.name != "postgresql":
        return []
    seen: set[Any] = {(tuple(table.primary_key.columns.keys()), False, False, ())}
    merged: list[sqlalchemy.UniqueConstraint] = []
    for constraint in table._sorted_constraints:
        if isinstance(constraint, sqlalchemy.UniqueConstraint):
            said = (
                tuple(constraint.columns.keys()),
                bool(constraint.deferrable),
                (constraint.initially or "").upper() == "DEFERRED",
                tuple(sorted((key, str(value)) for key, value in constraint.dialect_kwargs.items() if value)),
            )
            if said in seen:
                merged.append(constraint)
            seen.add(said)
    return merged


def creation(models: Iterable[type[Model]], dialect: sqlalchemy.Dialect) -> list[str]:
    """The statements that create the tables of `models` in an empty database.

    What the database cannot have is left out with a `SchemaWarning`.
    """
    models = list(models)
    for model in models:
        for field in model._meta.local_fields:
            field.require(dialect.name)
    return statements(metadata(models).tables.values(), dialect)


def statements(tables: Iterable[sqlalchemy.Table], dialect: sqlalchemy.Dialect) -> list[str]:
    """The statements that create these tables, in an order that their foreign keys allow."""
    made: list[str] = []

    def add(element: Any) -> None:
        made.append(str(element.compile(dialect=dialect)))

    can_add = dialect.name != "sqlite"
    for table, keys in sort_tables_and_constraints(tables):  # type: ignore[no-untyped-call]
        if table is None:
            for key in keys if can_add else ():
                add(AddConstraint(key))
            continue
        include = [key for key in table.foreign_key_constraints if key in keys] if can_add else None
        add(CreateTable(table, include_foreign_key_constraints=include))
        for constraint in merged_uniques(table, dialect):
            add(AddConstraint(constraint, isolate_from_table=False))
        if dialect.supports_comments and not dialect.inline_comments:
            if table.comment is not None:
                add(SetTableComment(table))
            for column in table.columns:
                if column.comment is not None:
                    add(SetColumnComment(column))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            reason = refusal(index, dialect)
            if reason is None:
                add(CreateIndex(index))
            else:
                warnings.warn(reason, SchemaWarning, stacklevel=2)
    return made
