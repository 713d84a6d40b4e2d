"""One connection: asyncmy's, with our prepared statements, and with the commands of the protocol that asyncmy lacks.

Statements with values are prepared on the server, so values travel apart from the SQL and come back in binary form.
`COM_…` are the names of https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html. Of asyncmy's own we use
`_execute_command`, `_next_seq_id`, `_proto`, `_deprecate_eof`, `_stream_broken`, `_result` and the statements'
`_statement_id` and `_execute_cursor`; tests/databases/backends/mysql/test_connection.py has a canary for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Any, NamedTuple

from asyncmy import errors as driver
from asyncmy.connection import Connection, PreparedStatement
from asyncmy.constants.SERVER_STATUS import SERVER_STATUS_AUTOCOMMIT, SERVER_STATUS_IN_TRANS

from vivace.databases.backends.mysql.shapes import shape_of
from vivace.databases.backends.mysql.values import literal
from vivace.databases.errors import InterfaceError

COM_INIT_DB = 0x02
COM_STMT_CLOSE = 0x19
COM_SET_OPTION = 0x1B
COM_RESET_CONNECTION = 0x1F
_MULTI_STATEMENTS_OFF = 1

MAX_PLACEHOLDERS = 65535
"""What a prepared statement may have."""

# The server cannot prepare it; it has as many prepared statements as it allows.
_NOT_PREPARED = frozenset({1295, 1461})
# The statement was forgotten (by a proxy, or as a table changed too often); nothing has been done yet.
_PREPARE_AGAIN = frozenset({1243, 1615})


class Answer(NamedTuple):
    """What the server said to a statement. `rows` is None when it gave no result set, not even an empty one."""

    description: Sequence[Sequence[Any]] | None
    rows: Sequence[tuple[Any, ...]] | None
    affected: int
    insert_id: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return () if self.description is None else tuple([column[0] for column in self.description])


class MySQLConnection:
    """One connection to the server. `raw` is asyncmy's, `max_packet` the bytes that the server takes at a time."""

    __slots__ = ("_cache_size", "_description", "_prepared", "_retired", "_rows", "max_packet", "raw")

    def __init__(self, raw: Connection, *, cache_size: int) -> None:
        self.raw = raw
        self.max_packet = 2**24
        self._cache_size = cache_size
        self._prepared: dict[str, Any] = {}
        self._rows: Sequence[tuple[Any, ...]] = ()
        self._description: Sequence[Sequence[Any]] = ()
        # Statements of cursors that are done. They are closed when the connection is quiet, before the next command.
        self._retired: list[PreparedStatement] = []

    @property
    def thread_id(self) -> int:
        """The connection's number on the server: what KILL takes."""
        number: int = self.raw.thread_id()
        return number

    @property
    def is_closed(self) -> bool:
        """Whether the socket is known to be gone."""
        raw: Any = self.raw
        return not raw._connected or raw._stream_broken

    @property
    def in_transaction(self) -> bool:
        """Whether the server said, in its last answer, that a transaction is open."""
        raw: Any = self.raw
        return bool(raw.server_status & SERVER_STATUS_IN_TRANS) and not self.is_closed

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left open: no transaction, and each statement commits itself."""
        status: int = self.raw.server_status  # type: ignore[attr-defined]
        return status & (SERVER_STATUS_IN_TRANS | SERVER_STATUS_AUTOCOMMIT) == SERVER_STATUS_AUTOCOMMIT

    async def execute(self, sql: str, args: Sequence[Any] = (), *, prepare: bool = True) -> Answer:
        """Run one statement with adapted values. `prepare` may be false only without values."""
        if self._retired:
            await self.close_retired()
        if not prepare or not self._cache_size or len(args) > MAX_PLACEHOLDERS:
            return await self._query(sql, args)
        statement = self._prepared.get(sql) or await self._prepare_and_keep(sql)
        if statement is None:
            return await self._query(sql, args)
        if statement.parameter_count != len(args):
            self._refuse(sql, statement, args)
        try:
            # As asyncmy's own cursor does, for which `self` stands in: rows of a known kind come by `_set_cached_rows`.
            if await statement._execute_cursor(args, self):
                return Answer(self._description, self._rows, len(self._rows), 0)
        except driver.MySQLError as error:
            if error.args[0] not in _PREPARE_AGAIN:
                raise
            self._prepared.pop(sql, None)
            return await self.execute(sql, args)
        return _answer_of(self.raw)

    def _set_cached_rows(self, rows: Sequence[tuple[Any, ...]], description: Sequence[Sequence[Any]]) -> None:
        self._rows = rows
        self._description = description

    async def _prepare_and_keep(self, sql: str) -> Any:
        """The prepared statement, None when the server cannot prepare it."""
        try:
            statement = await self.prepare(sql)
        except driver.MySQLError as error:
            if error.args[0] in _NOT_PREPARED:
                return None
            raise
        if len(self._prepared) >= self._cache_size:
            # The oldest, not the least recently used: remembering every use would cost every statement.
            self._retired.append(self._prepared.pop(next(iter(self._prepared))))
        self._prepared[sql] = statement
        return statement

    def _refuse(self, sql: str, statement: PreparedStatement, args: Sequence[Any]) -> None:
        raise InterfaceError(
            f"The statement has {statement.parameter_count} placeholders (?), but {len(args)} values were given. "
            "In raw SQL a parameter is written :name",
            sql=sql,
        )

    async def prepare(self, sql: str) -> PreparedStatement:
        """Have the server prepare `sql`; the caller keeps the statement, and `retire()`s it."""
        prepared: PreparedStatement = await self.raw.prepare(sql.encode())
        return prepared

    def retire(self, statement: PreparedStatement) -> None:
        """The statement is not needed any more; never waits and never sends anything now."""
        self._retired.append(statement)

    async def close_retired(self) -> None:
        """Tell the server which statements it may forget; it does not answer."""
        while self._retired:
            await self._retired.pop().close()

    async def _query(self, sql: str, args: Sequence[Any]) -> Answer:
        """As text. Of several result sets, which a procedure may give, the first one counts."""
        if args:
            sql = _interpolated(sql, args)
        raw: Any = self.raw
        await raw.query(sql.encode())
        first = _answer_of(raw)
        while raw._result is not None and raw._result.has_next:
            await raw.next_result()
        return first

    async def control(self, sql: str) -> None:
        """Run a statement that gives nothing back: BEGIN, COMMIT, SAVEPOINT, SET."""
        if self._retired:
            await self.close_retired()
        await self.raw.query(sql.encode())

    async def ping(self) -> None:
        """One round trip, which also brings the state of the transaction up to date."""
        await self.raw.ping(reconnect=False)

    async def forbid_several_statements(self) -> None:
        """asyncmy allows `SELECT 1; DROP TABLE x` in one text; nobody here means that."""
        await self._command(COM_SET_OPTION, pack("<H", _MULTI_STATEMENTS_OFF))

    async def reset(self, database: str) -> None:
        """Make the session as new: no locks, variables, temporary tables, prepared statements, other database."""
        self._prepared.clear()
        self._retired.clear()
        await self._command(COM_RESET_CONNECTION, b"")
        if database:
            await self._command(COM_INIT_DB, database.encode())

    async def _command(self, command: int, payload: bytes) -> None:
        raw: Any = self.raw
        await raw._execute_command(command, payload)
        await raw.read_packet()

    async def close(self) -> None:
        """Say goodbye and close."""
        await self.raw.ensure_closed()

    def terminate(self) -> None:
        """Close without a word."""
        self.raw.close()


def _answer_of(raw: Any) -> Answer:
    result = raw._result
    return Answer(result.description, result.rows, result.affected_rows, result.insert_id)


def _interpolated(sql: str, args: Sequence[Any]) -> str:
    pieces = shape_of(sql).pieces
    if len(pieces) != len(args) + 1:
        raise InterfaceError(
            f"The statement has {len(pieces) - 1} placeholders, but {len(args)} values were given", sql=sql
        )
    written = [pieces[0]]
    for value, piece in zip(args, pieces[1:], strict=True):
        written += (literal(value), piece)
    return "".join(written)
