"""SQLAlchemy tables made from models: what migrations compare and what queries are compiled against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.sql.elements import conv

from vivace.orm.constraints import CheckConstraint, Index, UniqueConstraint
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import AutoField, IntegerField
from vivace.orm.fields.related import CASCADE, SET_NULL, ForeignKey
from vivace.orm.query.conditions import Q
from vivace.orm.query.constraints import condition_clause
from vivace.orm.registry import NAMING_CONVENTION

if TYPE_CHECKING:
    from vivace.orm.base import Model

# The database repeats what the ORM does, for rows that other programs delete. The other forms of on_delete have no
# equal there: the database refuses, which is what PROTECT and RESTRICT promise.
_DATABASE_ACTIONS = {CASCADE: "CASCADE", SET_NULL: "SET NULL"}


def metadata(models: Iterable[type[Model]]) -> sqlalchemy.MetaData:
    """The tables of `models`, automatic many-to-many tables included, in a new MetaData.

    Each table has `info == {"app_label": …, "model": "label.Model"}`, and every constraint and index a stable name.
    Tables of models with `Meta.managed = False` are left out.
    """
    result = sqlalchemy.MetaData(naming_convention=NAMING_CONVENTION)
    for model in models:
        for table_model in (model, *_automatic_tables(model)):
            meta = table_model._meta
            if meta.managed and not meta.proxy and meta.swapped is None and meta.db_table not in result.tables:
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
    table = sqlalchemy.Table(
        meta.db_table,
        into,
        *[_column(field) for field in meta.local_fields],
        comment=meta.db_table_comment,
        info={"app_label": meta.app_label, "model": meta.label},
        **options,
    )
    for field in meta.local_fields:
        if field.unique and not field.primary_key:
            table.append_constraint(sqlalchemy.UniqueConstraint(table.c[field.column]))
        elif field.db_index and not field.primary_key:
            sqlalchemy.Index(None, table.c[field.column])
        if isinstance(field, IntegerField) and field.limits[0] == 0:
            positive = table.c[field.column] >= sqlalchemy.literal_column("0")
            table.append_constraint(sqlalchemy.CheckConstraint(positive, name=f"{field.column}_positive"))
    for group in meta.unique_together:
        table.append_constraint(sqlalchemy.UniqueConstraint(*_columns(model, table, group)))
    for constraint in meta.constraints:
        _add_constraint(model, table, constraint)
    for index in meta.indexes:
        _add_index(model, table, index)
    return table


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
        nullable=field.null,
        autoincrement=isinstance(field, AutoField),
        comment=field.db_comment,
    )


def _columns(model: type[Model], table: sqlalchemy.Table, names: Iterable[str]) -> list[sqlalchemy.Column[Any]]:
    columns = []
    for name in names:
        field = model._meta.get_field(name)
        if not isinstance(field, Field) or not field.concrete:
            raise ModelDefinitionError(f'{model._meta.label}.Meta: "{name}" has no column to constrain or index')
        columns.append(table.c[field.column])
    return columns


def _add_constraint(
    model: type[Model], table: sqlalchemy.Table, constraint: UniqueConstraint | CheckConstraint
) -> None:
    if isinstance(constraint, CheckConstraint):
        clause = condition_clause(model, table, constraint.condition)
        table.append_constraint(sqlalchemy.CheckConstraint(clause, name=conv(constraint.name)))
        return
    columns = _columns(model, table, constraint.fields)
    options: dict[str, Any] = {}
    if constraint.include:
        options["postgresql_include"] = [column.name for column in _columns(model, table, constraint.include)]
    if constraint.nulls_distinct is not None:
        options["postgresql_nulls_not_distinct"] = not constraint.nulls_distinct
    if constraint.condition is None:
        table.append_constraint(sqlalchemy.UniqueConstraint(*columns, name=conv(constraint.name), **options))
        return
    # SQL has no unique constraint with a condition; both databases have a unique index with one.
    _partial_index(model, table, constraint.name, columns, constraint.condition, unique=True, **options)


def _add_index(model: type[Model], table: sqlalchemy.Table, index: Index) -> None:
    columns = _columns(model, table, [name.removeprefix("-") for name in index.fields])
    ordered: list[Any] = [
        column.desc() if name.startswith("-") else column for name, column in zip(index.fields, columns, strict=True)
    ]
    options: dict[str, Any] = {}
    if index.include:
        options["postgresql_include"] = [column.name for column in _columns(model, table, index.include)]
    name = index.name or f"ix_{table.name}_{'_'.join(column.name for column in columns)}"
    if index.condition is None:
        sqlalchemy.Index(conv(name), *ordered, **options)
        return
    _partial_index(model, table, name, ordered, index.condition, unique=False, **options)


def _partial_index(
    model: type[Model],
    table: sqlalchemy.Table,
    name: str,
    columns: list[Any],
    condition: Q,
    *,
    unique: bool,
    **options: Any,
) -> None:
    clause = condition_clause(model, table, condition)
    sqlalchemy.Index(conv(name), *columns, unique=unique, postgresql_where=clause, sqlite_where=clause, **options)
