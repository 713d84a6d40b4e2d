"""`select_for_update()`: FOR UPDATE, and what each database has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.databases.errors import NotSupportedError
from vivace.orm.exceptions import FieldError, TransactionManagementError
from vivace.orm.query.hydrate import Decode, Rows

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.query.select import Select


class Lock:
    """The options of a `select_for_update()`."""

    def __init__(self, nowait: bool, skip_locked: bool, of: tuple[str, ...], no_key: bool) -> None:
        self.nowait, self.skip_locked, self.of, self.no_key = nowait, skip_locked, of, no_key

    def on(self, statement: Any, select: Select) -> Any:
        """The statement with FOR UPDATE. SQLite, which locks the whole database for a writer, does without."""
        binds = select.binds
        if binds.dialect == "sqlite":
            return statement
        if binds.dialect == "mysql":
            if self.no_key:
                raise NotSupportedError("select_for_update(no_key=True) is PostgreSQL's; MySQL has no such lock")
            if self.of and getattr(binds, "is_mariadb", False):
                raise NotSupportedError("select_for_update(of=…): MariaDB cannot lock the rows of some tables only")
        tables = [self._table(select, path) for path in self.of]
        return statement.with_for_update(
            nowait=self.nowait, skip_locked=self.skip_locked, of=tables or None, key_share=self.no_key
        )

    def _table(self, select: Select, path: str) -> Any:
        if path == "self":
            return select.joins.root.table
        found = {join_path(join): join.table for join in select.related_joins}
        if path not in found:
            choices = ", ".join(["self", *found])
            raise FieldError(
                f"Invalid field name(s) given in select_for_update(of=(...)): {path}. Only relational fields followed "
                f"in the query are allowed. Choices are: {choices}."
            )
        return found[path]


def join_path(join: Any) -> str:
    """The names of the relations that lead to a joined table."""
    parts: list[str] = []
    while join.parent is not None:
        field, forward, _ = join.edge
        parts.insert(0, field.name if forward else str(field.remote_field.accessor))
        join = join.parent
    return "__".join(parts)


def locked(decode: Decode) -> Decode:
    """The decoder of rows that were selected FOR UPDATE: outside a transaction the lock is gone by then."""

    def checked(rows: Rows, database: Database, peers: bool) -> list[Any]:
        if database.dialect.name != "sqlite" and not database.in_transaction:
            raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
        return decode(rows, database, peers)

    return checked
