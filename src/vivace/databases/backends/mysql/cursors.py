"""Server-side cursors: the rows wait on the server and come when they are asked for.

asyncmy's own unbuffered cursor keeps the connection busy until its last row, and a loop that dawdles is cut off by
the server's net_write_timeout. With a cursor of a prepared statement other statements may run in between, and whoever
leaves early leaves nothing to drain.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Any

from asyncmy.connection import PreparedStatement
from asyncmy.constants import FIELD_TYPE
from asyncmy.protocol import FieldDescriptorPacket, MysqlPacket, pack_binary_params, parse_binary_rows_from_buffer

from vivace.databases.backends.base import Found
from vivace.databases.backends.mysql.connection import MySQLConnection
from vivace.databases.backends.mysql.shapes import shape_of

COM_STMT_EXECUTE = 0x17
COM_STMT_FETCH = 0x1C
_CURSOR_TYPE_READ_ONLY = 1
_SERVER_STATUS_CURSOR_EXISTS = 0x40
_SERVER_STATUS_LAST_ROW_SENT = 0x80
_END = 0xFE
_UNSIGNED = 32
_BINARY_CHARSET = 63

_TEXTS = frozenset(
    {
        *(FIELD_TYPE.BIT, FIELD_TYPE.BLOB, FIELD_TYPE.LONG_BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.TINY_BLOB),
        *(FIELD_TYPE.STRING, FIELD_TYPE.VAR_STRING, FIELD_TYPE.VARCHAR, FIELD_TYPE.GEOMETRY),
    }
)
# How asyncmy's row parser decodes: not at all, UTF-8, ASCII.
_BYTES, _UTF8, _ASCII = 0, 1, 2


class ServerCursor:
    """The rows of one statement with adapted values, by the chunk. `fetch()` opens it."""

    def __init__(self, connection: MySQLConnection, sql: str, args: Sequence[Any]) -> None:
        self._connection = connection
        self._sql = sql
        self._args = tuple(args)
        # Of its own: the same statement may be run by the loop's body, which would close the cursor.
        self._statement: PreparedStatement | None = None
        self._names: tuple[str, ...] = ()
        self._columns: tuple[Any, ...] = ()
        self._has_more = True
        # What the server sent at once instead of keeping it.
        self._buffered: list[tuple[Any, ...]] = []
        # Of all others it makes none, or worse: MariaDB 10.11 crashes at a cursor for DELETE … RETURNING.
        self._wants_cursor = shape_of(sql).may_have_cursor

    async def fetch(self, size: int) -> Found:
        """The names and up to `size` rows; none at the end."""
        if self._statement is None and self._has_more:
            await self._open()
        if self._buffered:
            rows, self._buffered = self._buffered[:size], self._buffered[size:]
            return self._names, rows
        if not self._has_more:
            return self._names, []
        raw: Any = self._connection.raw
        await self._connection.close_retired()
        await raw._execute_command(COM_STMT_FETCH, pack("<II", self._statement_id(), size))
        rows = []
        status = await self._read_rows(rows)
        if status & _SERVER_STATUS_LAST_ROW_SENT:
            self.close()
        return self._names, rows

    def _statement_id(self) -> int:
        number: int = self._statement._statement_id  # type: ignore[union-attr]
        return number

    async def _open(self) -> None:
        connection = self._connection
        raw: Any = connection.raw
        await connection.close_retired()
        if not self._wants_cursor:
            answer = await connection.execute(self._sql, self._args)
            self._names, self._buffered, self._has_more = answer.names, list(answer.rows or ()), False
            return
        self._statement = await connection.prepare(self._sql)
        payload = pack("<IBI", self._statement_id(), _CURSOR_TYPE_READ_ONLY, 1)
        if self._args:
            payload += pack_binary_params(self._args, "utf8")
        await raw._execute_command(COM_STMT_EXECUTE, payload)
        packet = await raw.read_packet()
        if packet.is_ok_packet():
            self.close()
            return
        fields = [await raw.read_packet(FieldDescriptorPacket) for _ in range(packet.read_length_encoded_integer())]
        self._names = tuple([field.name for field in fields])
        self._columns = tuple([_column_of(field, raw._decoders) for field in fields])
        # After the columns: the news that a cursor waits, or the rows themselves, with an end of columns before them on
        # servers that still send it.
        packet = await raw.read_packet()
        if _is_end(packet):
            if _status_of(packet) & _SERVER_STATUS_CURSOR_EXISTS:
                return
            if not raw._deprecate_eof:
                await self._read_rows(self._buffered)
        else:
            self._buffered.append(packet.read_binary_row(self._columns))
            await self._read_rows(self._buffered)
        self.close()

    async def _read_rows(self, rows: list[tuple[Any, ...]]) -> int:
        """Read rows until the end of the answer; its status."""
        raw: Any = self._connection.raw
        while True:
            stream = raw._proto
            stream.pos, raw._next_seq_id = parse_binary_rows_from_buffer(
                stream.buffer, stream.pos, stream.length, self._columns, raw._next_seq_id, rows, raw._deprecate_eof
            )
            packet = await raw.read_packet()
            if _is_end(packet):
                return _status_of(packet)
            rows.append(packet.read_binary_row(self._columns))

    def close(self) -> None:
        """Let the server forget the cursor, before the next statement; harmless when done twice."""
        self._has_more = False
        if self._statement is not None:
            self._connection.retire(self._statement)
            self._statement = None

    def __del__(self) -> None:
        # A loop that was left without closing its generator.
        self.close()


def _is_end(packet: MysqlPacket) -> bool:
    data = packet.get_all_data()
    return data[0] == _END and len(data) < 0xFFFFFF


def _status_of(packet: MysqlPacket) -> int:
    # Both kinds of end have it there: warnings and status, or two zeros (rows affected, key) and status.
    data = packet.get_all_data()
    return data[3] | data[4] << 8


def _column_of(field: FieldDescriptorPacket, decoders: dict[int, Any]) -> tuple[Any, ...]:
    """How asyncmy's parser reads the column: type, whether unsigned, and for what comes as text its decoding."""
    kind = field.type_code
    encoding: str | None
    decoder: Any = None
    if kind == FIELD_TYPE.JSON:
        code, encoding = _UTF8, "utf8"
    elif kind in _TEXTS:
        code, encoding = (_BYTES, None) if field.charsetnr == _BINARY_CHARSET else (_UTF8, "utf8")
    else:
        code, encoding, decoder = _ASCII, "ascii", decoders.get(kind)
    return kind, bool(field.flags & _UNSIGNED), code, encoding, decoder
