"""`op.alter_key`: a column that others refer to changes its type, and theirs change with it.

Which columns these are the state knows: `columns_of_key` follows the foreign keys, also those of other apps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations, ops

from vivace.orm.migrations.elements import ForeignKey, Table

Type = sa.types.TypeEngine[Any]


@Operations.register_operation("alter_key")
class AlterKeyOp(ops.MigrateOperation):
    """`op.alter_key("blog_author", "id", existing_type=sa.Integer(), type_=sa.BigInteger())`.

    `autoincrement` is None where that stays as it is, else whether the database counts the key up from now on.
    """

    def __init__(
        self, table_name: str, column_name: str, existing_type: Type, new_type: Type, autoincrement: bool | None = None
    ) -> None:
        self.table_name, self.column_name = table_name, column_name
        self.existing_type, self.new_type, self.autoincrement = existing_type, new_type, autoincrement

    @classmethod
    def alter_key(
        cls,
        operations: Operations,
        table_name: str,
        column_name: str,
        *,
        existing_type: Type,
        type_: Type,
        autoincrement: bool | None = None,
    ) -> None:
        """Give a key, and all columns whose foreign keys lead to it, another type.

        The foreign keys are dropped and made again where the database needs that. `autoincrement` says that the
        database begins (True) or ceases (False) to count the key up; None: it does as before. Django's AlterField.
        """
        old, new = sa.types.to_instance(existing_type), sa.types.to_instance(type_)
        operations.invoke(cls(table_name, column_name, old, new, autoincrement))

    def reverse(self) -> AlterKeyOp:
        back = None if self.autoincrement is None else not self.autoincrement
        return AlterKeyOp(self.table_name, self.column_name, self.new_type, self.existing_type, back)


def columns_of_key(tables: Mapping[str, Table], table: str, column: str) -> list[tuple[str, str]]:
    """The column itself, and those whose foreign keys lead to it, each as table and column."""
    found = [(table, column)]
    for target in found:  # grows while it is gone through
        for name, key in _keys_to(tables, *target):
            referring = (name, key.columns[key.referred.index(target[1])])
            if referring not in found:
                found.append(referring)
    return found


def keys_of_key(tables: Mapping[str, Table], table: str, column: str) -> list[tuple[str, ForeignKey]]:
    """The foreign keys between those columns, each with the table that has it."""
    found: dict[tuple[str, ForeignKey], None] = {}
    for target in columns_of_key(tables, table, column):
        found |= dict.fromkeys(_keys_to(tables, *target))
    return list(found)


def _keys_to(tables: Mapping[str, Table], table: str, column: str) -> Iterator[tuple[str, ForeignKey]]:
    for name in sorted(tables):
        for key in tables[name].foreign_keys:
            if key.table == table and column in key.referred:
                yield name, key


def alterations(operation: AlterKeyOp, tables: Mapping[str, Table]) -> Iterator[ops.AlterColumnOp]:
    """The change of each column, that of the key first."""
    for name, column in columns_of_key(tables, operation.table_name, operation.column_name):
        found = tables[name].columns[column]
        is_key = (name, column) == (operation.table_name, operation.column_name)
        counted: dict[str, Any] = {}
        if operation.autoincrement is not None and is_key:
            counted["autoincrement"] = operation.autoincrement
        yield ops.AlterColumnOp(
            name,
            column,
            modify_type=operation.new_type,
            existing_type=found.type,
            existing_nullable=found.nullable,
            **counted,
        )


def is_counted_up(table: Table, column: str) -> bool:
    """Whether the database gives new rows the next number in this column: a serial, AUTO_INCREMENT, a rowid."""
    if table.primary_key.columns != (column,):
        return False
    found = table.build(sa.MetaData()).autoincrement_column
    return found is not None and found.name == column
