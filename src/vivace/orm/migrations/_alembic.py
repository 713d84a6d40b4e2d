"""The one place that touches what Alembic does not document; tests/orm/migrations/test_alembic_names.py is its canary.

Alembic compares models with a live database. Here its comparers run on the replayed state instead: a stand-in for
SQLAlchemy's Inspector answers from a MetaData, and a dialect of our own compares exactly, because nothing was lost in a
database's catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.ddl._autogen import ComparisonResult
from alembic.ddl.impl import DefaultImpl
from alembic.migration import MigrationContext
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Dialect
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import CompileError

from vivace.orm.migrations import elements, words

_COMPARERS = [
    *(f"alembic.autogenerate.{name}" for name in ("schemas", "tables", "types", "constraints", "comments")),
    "alembic.ext.checkconstraint_byname",
]
_DATABASES: tuple[Dialect, ...] = tuple(module.dialect() for module in (sqlite, postgresql, mysql))


class FilesDialect(words.NeutralDialect):
    """No database at all: the dialect in which state and models are compared and files are written."""

    name = words.FILES
    supports_comments = True
    default_schema_name = None


class FilesImpl(DefaultImpl):
    """Alembic's hooks for comparing, made exact: two things differ when a file would have to say so."""

    __dialect__ = words.FILES
    # Of the state, whose parts say more than what the inspector can tell of them.
    found: Mapping[str, elements.Table]

    def compare_indexes(self, metadata_index: sa.Index, reflected_index: sa.Index) -> ComparisonResult:
        return _verdict(elements.index_of(metadata_index), self._found(metadata_index, "indexes"))

    def compare_unique_constraint(
        self, metadata_constraint: sa.UniqueConstraint, reflected_constraint: sa.UniqueConstraint
    ) -> ComparisonResult:
        return _verdict(elements.constraint_of(metadata_constraint), self._found(metadata_constraint, "constraints"))

    def compare_check_constraint(
        self, metadata_constraint: sa.CheckConstraint, reflected_constraint: sa.CheckConstraint
    ) -> ComparisonResult:
        return _verdict(elements.constraint_of(metadata_constraint), self._found(metadata_constraint, "constraints"))

    def _found(self, item: sa.Index | sa.Constraint, kind: Literal["indexes", "constraints"]) -> object:
        """The state's part that Alembic has matched with `item`, by its name."""
        parts: tuple[Any, ...] = getattr(self.found[str(cast(Any, item).table.name)], kind)
        return next((part for part in parts if part.name == item.name), None)


def _verdict(wanted: object, found: object) -> ComparisonResult:
    return ComparisonResult.Equal() if wanted == found else ComparisonResult.Different("it says something else")


def _types_differ(context: Any, inspected: Any, wanted_column: Any, found: Any, wanted: Any) -> bool:
    return not same_type(found, wanted)


def same_type(one: sa.types.TypeEngine[Any], other: sa.types.TypeEngine[Any]) -> bool:
    """Do two types make the same column on every database we know?"""
    return _ddl_of(one) == _ddl_of(other)


def _ddl_of(type_: sa.types.TypeEngine[Any]) -> list[str]:
    shapes = []
    for dialect in _DATABASES:
        try:
            shapes.append(type_.compile(dialect=dialect))
        except CompileError:  # a database that has no such type, or (MySQL) wants a length
            shapes.append(repr(type_))
    return shapes


def _compare_server_default(
    context: AutogenContext,
    operation: ops.AlterColumnOp,
    schema: str | None,
    table_name: str,
    column_name: str,
    found: sa.Column[Any],
    wanted: sa.Column[Any],
) -> PriorityDispatchResult:
    """In place of Alembic's, which knows what databases make of defaults, and gives up on generated columns."""
    operation.existing_server_default = found.server_default
    if elements.default_of(found.server_default) != elements.default_of(wanted.server_default):
        operation.modify_server_default = wanted.server_default
    return PriorityDispatchResult.CONTINUE


class _StateInspector:
    """Answers what SQLAlchemy's Inspector would, from a MetaData."""

    def __init__(self, metadata: sa.MetaData, dialect: DefaultDialect) -> None:
        self.tables = {name: elements.Table.of(table) for name, table in metadata.tables.items()}
        self.dialect = dialect
        self.info_cache: dict[str, Any] = {}
        self.bind = self

    def __getattr__(self, name: str) -> Any:
        # Alembic asks for all tables at once first; an empty answer makes it ask for each.
        if name.startswith("get_multi_"):
            ask_one_by_one: dict[str, Any] = {}

            def get_multi(**options: Any) -> dict[str, Any]:
                return ask_one_by_one

            get_multi.__name__ = name
            return get_multi
        if name in ("get_columns", "get_pk_constraint", "get_table_comment", "get_table_options"):
            return lambda table_name, schema=None: {}  # only read through reflect_table, which has the whole table
        raise AttributeError(name)

    def get_table_names(self, schema: str | None = None) -> list[str]:
        return sorted(self.tables)

    def reflect_table(self, table: sa.Table, **options: Any) -> None:
        """Fill `table` as the state has it."""
        found = self.tables[table.name]
        for column in found.columns.values():
            table.append_column(column.build())
        if found.primary_key.columns:
            table.append_constraint(found.primary_key.build())
        for constraint in found.constraints:
            if not isinstance(constraint, elements.Unique):  # Alembic adds what get_unique_constraints() gives
                table.append_constraint(constraint.build())
        table.comment = found.comment
        for key, value in found.options:
            table.dialect_kwargs[key] = value

    def get_unique_constraints(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        found = [item for item in self.tables[table_name].constraints if isinstance(item, elements.Unique)]
        return [
            {
                "name": item.name,
                "column_names": list(item.columns),
                "dialect_options": {
                    **dict(item.options),
                    **_given(deferrable=item.deferrable, initially=item.initially),
                },
            }
            for item in found
        ]

    def get_indexes(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        return [
            {
                "name": item.name,
                "unique": item.unique,
                "column_names": [name if isinstance(name, str) else None for name in item.expressions],
                "expressions": [_escaped(name) for name in item.expressions],
                "dialect_options": {
                    key: words.clause(value.sql) if isinstance(value, elements.Expression) else value
                    for key, value in item.options
                },
            }
            for item in self.tables[table_name].indexes
        ]

    def get_foreign_keys(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        return [
            {
                "name": item.name,
                "constrained_columns": list(item.columns),
                "referred_schema": None,
                "referred_table": item.table,
                "referred_columns": list(item.referred),
                "options": _given(
                    ondelete=item.ondelete,
                    onupdate=item.onupdate,
                    deferrable=item.deferrable,
                    initially=item.initially,
                ),
            }
            for item in self.tables[table_name].foreign_keys
        ]

    def get_check_constraints(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        found = [item for item in self.tables[table_name].constraints if isinstance(item, elements.Check)]
        return [{"name": item.name, "sqltext": words.clause(item.sql).text} for item in found]


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _escaped(item: str | elements.Expression) -> str:
    return item if isinstance(item, str) else words.clause(item.sql).text


def compare(state: sa.MetaData, models: sa.MetaData) -> list[ops.MigrateOperation]:
    """The operations that turn `state` into `models`, one container per table, found by Alembic's own comparers."""
    dialect = FilesDialect()
    context = MigrationContext.configure(
        dialect=dialect,
        opts={
            "target_metadata": models,
            "compare_type": _types_differ,
            "autogenerate_plugins": _COMPARERS,
        },
    )
    autogenerate = AutogenContext(context, models)
    autogenerate.comparators.dispatch_for("column", subgroup="server_default")(_compare_server_default)
    inspector: Any = _StateInspector(state, dialect)
    cast(Any, context.impl).found = inspector.tables
    autogenerate.inspector = inspector
    # Alembic sorts by foreign keys and warns of circles; `autodetect.py` sorts, and breaks circles up.
    autogenerate.sorted_tables = [models.tables[name] for name in sorted(models.tables)]
    found = ops.UpgradeOps([])
    autogenerate.comparators.dispatch("schema", qualifier=dialect.name)(autogenerate, found, {None})
    return found.ops


def render_type(type_: sa.types.TypeEngine[Any], context: AutogenContext) -> str:
    """A type as Python source, as in the operations that Alembic renders itself."""
    return _repr_type(type_, context)
