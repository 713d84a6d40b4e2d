# cython: annotation_typing=False, auto_pickle=False, boundscheck=False, wraparound=False
"""PostgreSQL's extended protocol for statements that are sent without waiting for the answers to those before.

asyncpg opens the connection, and all that it does there it goes on doing. In between, while the pool has lent the
connection to `Pipelines`, a `Wire` stands between the socket and asyncpg: it sends statements with binary arguments,
each with a Sync message of its own, so that each is a transaction of its own, and reads their rows into tuples. What
is no answer to one of them (notices, notifications, settings) goes on to asyncpg.

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic, thread_time
from typing import Any

from vivace.databases.backends.postgresql._wire_values_cy import encoded, row_of

# Bind: all parameters and all columns in binary form. Execute: all rows. Sync.
_FORMAT_BINARY = b"\0\x01\0\x01"
_NO_FORMATS = b"\0\0"
# A gigabyte, and a little for what is around it.
_LONGEST = (1 << 30) + 1024
_EXECUTE_AND_SYNC = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"


class Again(Exception):
    """There is a value in the answer that asyncpg is to read, so it is to be asked."""


class Outdated(Exception):
    """The columns are not those that the statement was made for."""


class Lost(Exception):
    """The connection broke, and nobody knows whether the statement ran."""


class Statement:
    """A statement with what its parameters and columns are, prepared under the same name by every wire that needs it.

    `parameters` and `columns` are the kinds of `_wire_values_cy`, one byte each, `described` is what the server says of
    the columns' types when all is as it was.
    """

    def __init__(self, name: str, sql: str, parameters: bytes, columns: bytes, described: tuple[int, ...]) -> None:
        self.sql = sql
        self.parameters = parameters
        self.columns = columns
        self.described = described
        self._name = name.encode() + b"\0"
        count = len(parameters).to_bytes(2, "big")
        self._head = b"\0" + self._name + (_FORMAT_BINARY if parameters else _NO_FORMATS) + count
        text = self._name + sql.encode() + b"\0" + b"\0\0"
        describe = b"S" + self._name
        self.preparation = b"P" + _size(text) + text + b"D" + _size(describe) + describe
        self.dismissal = b"C" + _size(describe) + describe

    def message(self, args: Sequence[Any]) -> bytes | None:
        """What is sent to run it; None when a value is for asyncpg to encode, or to refuse."""
        kinds = self.parameters
        count = len(kinds)
        if len(args) != count:
            return None
        parts = [b"B", b"", self._head]
        size = 4 + len(self._head)
        for position in range(count):
            part = encoded(kinds[position], args[position])
            if part is None:
                return None
            size += len(part)
            parts.append(part)
        parts.append(_FORMAT_BINARY)
        parts.append(_EXECUTE_AND_SYNC)
        parts[1] = (size + 4).to_bytes(4, "big")
        return b"".join(parts)


def _size(content: bytes) -> bytes:
    return (len(content) + 4).to_bytes(4, "big")


class Traffic:
    """What is known of a plan's reads: how long one takes, and the statement that a wire knows it by."""

    def __init__(self, may_be_sent: bool, pace: float) -> None:
        self.may_be_sent = may_be_sent
        self.statement: Statement | None = None
        # How often it has run without one.
        self.runs = 0
        # Seconds that the server takes for one.
        self.pace = pace

    def seen(self, seconds: float) -> None:
        """Down at once, since nothing but work makes a read quicker; up slowly, since anything may make it slower."""
        self.pace = seconds if seconds < self.pace else self.pace + (seconds - self.pace) / 8


def _served(passed: float, busy: float) -> float:
    """How long the server took, as far as can be known.

    What this thread did meanwhile is not the read's fault, but for a tenth: who is always busy sees nothing else.
    """
    return max(passed - busy, passed / 10)


class Request:
    """A statement on its way: `future` is told its rows, `Again`, `Outdated`, `Lost`, or the server's error."""

    def __init__(self, statement: Statement, message: bytes, future: asyncio.Future[Any], traffic: Traffic) -> None:
        self.statement = statement
        self.message = message
        self.future = future
        self.traffic = traffic
        self.wire: Wire | None = None  # once it is sent
        self.sent_at = 0.0
        self.rows: list[tuple[Any, ...]] = []
        self.error: dict[str, str] | None = None
        self.prepares = False  # whether it prepares the statement first
        self.is_prepared = False
        self.was_moved = False
        self.is_void = False  # it was sent once more elsewhere, and nobody waits for this answer
        self.is_unreadable = False
        self.is_outdated = False

    def is_wanted(self) -> bool:
        """Whether somebody waits for this answer."""
        return not self.is_void and not self.future.done()

    def moved(self) -> Request:
        """The same once more, to be sent elsewhere; this one's answer is of no interest then."""
        self.is_void = True
        other = Request(self.statement, self.message, self.future, self.traffic)
        other.was_moved = True
        return other

    def may_be_moved(self) -> bool:
        """Whether `moved()` would be of use."""
        return not self.was_moved and self.is_wanted()


class Wire:
    """A connection's protocol: to the transport it is asyncpg's, which it stands before.

    `on_idle(wire)` is called when all is answered, `failure(fields, sql)` makes an exception of an error.
    """

    def __init__(
        self,
        driver: Any,
        transport: Any,
        on_idle: Callable[[Wire], None],
        failure: Callable[[dict[str, str], str], Exception],
        most: int,
        lifetime: float,
    ) -> None:
        self._driver = driver
        self._to_driver = driver.data_received
        self._transport = transport
        self._on_idle = on_idle
        self._failure = failure
        self._most = most
        self._lifetime = lifetime
        # What is prepared, and until when it may be used; the oldest first.
        self._prepared: dict[Statement, float] = {}
        self.waiting: deque[Request] = deque()
        self._current: Request | None = None
        # What has come of a message, and how much of it is missing.
        self._pieces: list[bytes] = []
        self._missing = 0
        # Since when the server has been at what it does now, as far as can be known.
        self._since = self._busy_since = 0.0
        # For Pipelines.
        self.lease: Any = None
        self.seen: Any = None
        self.cancelling: Any = None
        self.is_open = True

    def send(self, requests: list[Request]) -> None:
        """Send them, in this order. The connection must be lent, and not be closed."""
        now = monotonic()
        if not self.waiting:
            self._since = now
            self._busy_since = thread_time()
        parts: list[bytes] = []
        for request in requests:
            statement = request.statement
            until = self._prepared.get(statement)
            if until is None or until < now:
                self._prepare(statement, until is not None, now, parts)
                request.prepares = True
            request.wire = self
            request.sent_at = now
            parts.append(request.message)
            self.waiting.append(request)
        if self._current is None:
            self._current = self.waiting[0]
        self._transport.write(b"".join(parts))

    def _prepare(self, statement: Statement, is_old: bool, now: float, parts: list[bytes]) -> None:
        prepared = self._prepared
        if is_old:
            del prepared[statement]
            parts.append(statement.dismissal)
        while len(prepared) >= self._most:
            oldest = next(iter(prepared))
            del prepared[oldest]
            parts.append(oldest.dismissal)
        prepared[statement] = now + self._lifetime
        parts.append(statement.preparation)

    def head(self) -> Request | None:
        """The statement that the server is at."""
        return self._current

    # asyncio's protocol

    def connection_made(self, transport: Any) -> None:
        self._driver.connection_made(transport)

    def pause_writing(self) -> None:
        self._driver.pause_writing()

    def resume_writing(self) -> None:
        self._driver.resume_writing()

    def eof_received(self) -> Any:
        return self._driver.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._driver.connection_lost(error)
        if self._current is not None:
            lost = list(self.waiting)
            self.waiting.clear()
            self._pieces.clear()
            self._missing = 0
            self._current = None
            for request in lost:
                if request.is_wanted():
                    request.future.set_exception(Lost())
            self._on_idle(self)

    def data_received(self, data: bytes) -> None:
        if type(data) is not bytes:  # TLS of some loops
            data = bytes(data)
        if self._current is None:
            self._to_driver(data)
            return
        if self._missing:
            self._pieces.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._missing = 0
        self._read(data)

    def _read(self, data: bytes) -> None:
        at = 0
        end = len(data)
        answered: list[Request] = []
        current = self.waiting[0]
        while end - at >= 5:
            kind = data[at]
            size = (data[at + 1] << 24) | (data[at + 2] << 16) | (data[at + 3] << 8) | data[at + 4]
            following = at + 1 + size
            if following > end or size < 4:
                break
            if kind == 68:  # D: a row
                if not current.is_unreadable and not current.is_outdated and current.is_wanted():
                    try:
                        current.rows.append(row_of(current.statement.columns, data, at + 5, following))
                    except Exception:  # noqa: BLE001 (whatever it is, asyncpg says it as it always does)
                        current.is_unreadable = True
            elif kind == 90:  # Z: ready for the next
                self.waiting.popleft()
                answered.append(current)
                self._finish(current, data[at + 5])
                if not self.waiting:
                    self._current = None
                    at = following
                    break
                current = self._current = self.waiting[0]
            elif kind == 69:  # E: an error
                current.error = _fields(data[at + 5 : following])
            elif kind == 49:  # 1: prepared
                current.is_prepared = True
            elif kind == 84:  # T: what the columns are
                if _types(data[at + 5 : following]) != current.statement.described:
                    current.is_outdated = True
                    self._prepared.pop(current.statement, None)
            elif kind == 78 or kind == 83 or kind == 65:  # N, S, A: a notice, a setting, a notification
                self._to_driver(data[at:following])
            at = following
        if answered:
            self._time(answered)
        if self._current is None:
            if at < end:
                self._to_driver(data[at:])
            self._on_idle(self)
        elif at < end:
            self._keep(data[at:] if at else data)

    def _keep(self, rest: bytes) -> None:
        size = 5
        if len(rest) >= 5:
            size = 1 + int.from_bytes(rest[1:5], "big")
            if not 5 <= size <= _LONGEST:  # no PostgreSQL speaks so
                self._transport.abort()
                return
        self._pieces.append(rest)
        self._missing = size - len(rest)

    def _time(self, answered: list[Request]) -> None:
        now = monotonic()
        busy = thread_time()
        seconds = _served(now - self._since, busy - self._busy_since) / len(answered)
        self._since = now
        self._busy_since = busy
        for request in answered:
            request.traffic.seen(seconds)

    def _finish(self, request: Request, status: int) -> None:
        if status != 73:  # I: no transaction
            self._transport.abort()
        if request.error is not None:
            if request.prepares and not request.is_prepared:
                self._prepared.pop(request.statement, None)
            if request.is_wanted():
                request.future.set_exception(self._failure(request.error, request.statement.sql))
        elif request.is_wanted():
            if request.is_outdated:
                request.future.set_exception(Outdated())
            elif request.is_unreadable:
                request.future.set_exception(Again())
            else:
                request.future.set_result(request.rows)

    def forget(self, statement: Statement) -> None:
        """The server does not have it any more."""
        self._prepared.pop(statement, None)


def _fields(message: bytes) -> dict[str, str]:
    """The fields of an error, by their letters."""
    return {
        field[:1].decode("ascii", "replace"): field[1:].decode("utf-8", "replace")
        for field in message.split(b"\0")
        if field
    }


def _types(message: bytes) -> tuple[int, ...]:
    """The numbers of the columns' types."""
    types = []
    at = 2
    for _ in range(int.from_bytes(message[:2], "big")):
        at = message.index(b"\0", at) + 1
        types.append(int.from_bytes(message[at + 6 : at + 10], "big"))
        at += 18
    return tuple(types)
