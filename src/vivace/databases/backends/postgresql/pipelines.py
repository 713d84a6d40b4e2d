"""Reads awaited at the same time, sent over few connections without waiting for the answers to those before.

Sixteen reads sent together cost the client a seventh of sixteen alone: one write and one read of the socket, one
wake-up. Nobody sees it but by the clock:

* Only plans with `batches` take part, which say that they do nothing but read, and call no function that might do
  more; of their values, only those that `_wire_values_cy` knows. Everything else goes through asyncpg, alone.
* What was asked for in one turn of the loop is sent at its end. Each read has a Sync message of its own: it is a
  transaction of its own, it fails alone, and it may differ from those beside it.
* A connection takes more reads while they are answered soon: as many as take `ROOM`, going by how long such reads took
  lately. Then another one is taken from the pool, or opened, and only when there is none do reads queue up on those
  that there are, unless somebody else waits for a connection. When all is answered the pool gets it back.
* Reads behind one that takes long (`PATIENCE`) are sent elsewhere as soon as there is a connection to spare, once.
* Reads whose connection breaks are asked again, alone. When a task is cancelled, nobody reads its answer; the server is
  told to give up what takes long and nobody waits for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import monotonic
from typing import Any

import asyncpg

from vivace.databases.backends.base import Operation, Rows
from vivace.databases.backends.postgresql._wire_cy import Again, Lost, Outdated, Request, Statement, Traffic, Wire
from vivace.databases.backends.postgresql._wire_values_cy import KINDS
from vivace.databases.backends.postgresql.harmless import does_nothing_but_read
from vivace.databases.backends.postgresql.options import Options
from vivace.databases.backends.postgresql.translate import is_stale, translated
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease, Pool

# Seconds that the reads on one connection may take while another one is free.
ROOM = 0.001
# So many may always be there.
FEW = 4
# Reads on one connection, however quick they are and whatever waits.
MOST = 64
# Seconds from which a read counts as slow, as does one that nothing is known of: it gets a connection of its own while
# there is one.
SLOW = 0.01
# Seconds after which those behind a read are sent elsewhere; it may become twice as many.
PATIENCE = 0.05
# How often a plan is run before it is worth a statement of its own.
TRIALS = 2

# Never the same again, and unlike asyncpg's.
_numbers = count(1)

Connected = Lease[asyncpg.Connection]


class Pipelines:
    """The reads of one backend that are sent together. `alone` runs a single one, with second attempts."""

    def __init__(
        self,
        pool: Pool[asyncpg.Connection],
        alone: Callable[[Operation, Plan, Sequence[Any], Connected | None], Awaitable[Rows]],
        options: Options,
    ) -> None:
        self._pool = pool
        self._alone = alone
        self._most_statements = options.statement_cache_size
        self._lifetime = float(options.max_cached_statement_lifetime or 1e9)
        self._longest_sql = options.max_cacheable_statement_size or 1 << 30
        self._timeout = options.command_timeout
        self._look_every = PATIENCE if self._timeout is None else min(PATIENCE, self._timeout / 2)
        self._queue: deque[Request] = deque()
        self._is_due = False
        self._wires: list[Wire] = []
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, plan: Plan, args: Sequence[Any]) -> Rows:
        """All rows of a plan with `batches`."""
        traffic: Traffic = plan.traffic or _traffic_of(plan)
        statement = traffic.statement
        message = None if statement is None else statement.message(args)
        if statement is None or message is None:
            return await self._run_alone(traffic, plan, args)
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        request = Request(statement, message, future, traffic)
        self._queue.append(request)
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._send_all)
        try:
            rows: Rows = await future
            return rows
        except asyncio.CancelledError:
            # The server goes on: most are done sooner than it could be told. See `_look`.
            if not future.cancelled():
                future.exception()  # nobody is to be told that nobody looked
            raise
        except asyncpg.PostgresError as error:
            if not _is_outdated(error):
                raise translated(error, plan.sql) from error
            self._forget(traffic, request)
        except TimeoutError as error:
            raise translated(error, plan.sql) from error
        except Outdated:
            self._forget(traffic, request)
        except Lost:
            # Whatever has ended this connection may have ended those that lie idle.
            self._pool.suspect_idle()
        except Again:
            pass
        return await self._alone(Operation.ROWS, plan, args, None)

    async def _run_alone(self, traffic: Traffic, plan: Plan, args: Sequence[Any]) -> Rows:
        if not traffic.may_be_sent or traffic.statement is not None:
            return await self._alone(Operation.ROWS, plan, args, None)
        traffic.runs += 1
        if traffic.runs != TRIALS:
            return await self._alone(Operation.ROWS, plan, args, None)
        lease = self._pool.take() or await self._pool.acquire()
        try:
            traffic.statement = await self._described(plan, lease)
        except BaseException:
            lease.is_unsettled = True
            self._pool.release(lease)
            raise
        traffic.may_be_sent = traffic.statement is not None
        return await self._alone(Operation.ROWS, plan, args, lease)

    async def _described(self, plan: Plan, lease: Connected) -> Statement | None:
        """The statement of a plan; None when asyncpg has to know its types, or when something is wrong with it."""
        lease.purpose = plan.sql
        if len(plan.sql) > self._longest_sql:
            return None
        try:
            prepared = await lease.connection.prepare(plan.sql)
            parameters = [KINDS[kind.oid] for kind in prepared.get_parameters()]
            types = tuple(attribute.type.oid for attribute in prepared.get_attributes())
            columns = [KINDS[oid] for oid in types]
        except (KeyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            return None
        return Statement(f"vivace_{next(_numbers)}", plan.sql, bytes(parameters), bytes(columns), types)

    def _forget(self, traffic: Traffic, request: Request) -> None:
        """The tables have changed: the statement is made anew."""
        if request.wire is not None:
            request.wire.forget(request.statement)
        if traffic.statement is request.statement:
            traffic.statement, traffic.runs = None, 0

    def _give_up(self, wire: Wire) -> None:
        """Tell the server that nobody waits for what it does on this connection."""
        if wire.cancelling is None or wire.cancelling.done():
            wire.lease.is_unsettled = True  # the message may arrive late, and meet what comes next
            wire.cancelling = asyncio.get_running_loop().create_future()
            wire.lease.connection._cancel_current_command(wire.cancelling)

    def _plan_to_send(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._send_all)

    def _send_all(self) -> None:
        self._is_due = False
        queue = self._queue
        while queue:
            if queue[0].future.done():
                queue.popleft()
                continue
            wire, room = self._place(queue[0])
            if wire is None:
                self._ask()
                return
            self._send(wire, room)

    def _send(self, wire: Wire, room: int) -> None:
        queue = self._queue
        requests: list[Request] = []
        while queue and len(requests) < room:
            request = queue.popleft()
            if not request.future.done():
                requests.append(request)
        wire.send(requests)

    def _place(self, request: Request) -> tuple[Wire | None, int]:
        """Where to send the first of the queue, and how many with it."""
        pace = request.traffic.pace
        room = _room(pace)
        best, least = None, MOST
        for wire in self._wires:
            if wire.is_open and len(wire.waiting) < least:
                best, least = wire, len(wire.waiting)
        if least < room:
            return best, room - least
        lease = self._pool.take()
        if lease is not None:
            return self._opened(lease, request), room
        if best is None or self._pool.waiting(2) > (self._asking is not None):
            return None, 0
        if not self._pool.is_full():
            if pace >= SLOW:
                return None, 0
            self._ask()
        return best, min(max(self._share(), room), MOST - least)

    def _share(self) -> int:
        """What each connection gets of the queue, when all have more than they should."""
        return -(-len(self._queue) // len(self._wires))

    def _opened(self, lease: Connected, request: Request) -> Wire:
        wire: Wire = lease.wire or self._wire_of(lease)
        wire.lease = lease
        wire.is_open = True
        wire.seen = wire.cancelling = None
        lease.purpose = request.statement.sql
        self._wires.append(wire)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._look_every, self._look)
        return wire

    def _wire_of(self, lease: Connected) -> Wire:
        connection: Any = lease.connection
        wire = Wire(
            connection._protocol,
            connection._transport,
            self._idle,
            asyncpg.PostgresError.new,
            self._most_statements,
            self._lifetime,
        )
        connection._transport.set_protocol(wire)
        lease.wire = wire
        return wire

    def _idle(self, wire: Wire) -> None:
        """All on it is answered, or the connection is gone."""
        lease = wire.lease
        if wire.is_open and not lease.connection.is_closed():
            requests = self._behind_slow_ones()
            if requests:
                wire.send(requests)
                return
        self._wires.remove(wire)
        if wire.cancelling is None or wire.cancelling.done():
            self._pool.release(lease)
        else:
            wire.cancelling.add_done_callback(lambda _: self._pool.release(lease))
        if self._queue:
            self._plan_to_send()

    def _ask(self) -> None:
        """Wait for a connection, or for the pool to open another one."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._wait_for_connection())

    async def _wait_for_connection(self) -> None:
        requests = list(self._queue)
        try:
            lease = await self._pool.acquire()
        except Exception as error:  # noqa: BLE001 (whoever asked will hear of it)
            self._fail(requests, error)
            return
        except BaseException:
            self._fail(requests, Again())
            raise
        finally:
            self._asking = None
            if self._queue:
                self._plan_to_send()
        self._use(lease)

    def _use(self, lease: Connected) -> None:
        while self._queue and self._queue[0].future.done():
            self._queue.popleft()
        if self._queue:
            first = self._queue[0]
            wire = self._opened(lease, first)
            room = _room(first.traffic.pace)
            self._send(wire, min(max(self._share(), room), MOST) if self._pool.is_full() else room)
        else:
            self._pool.release(lease)

    def _fail(self, requests: list[Request], error: Exception) -> None:
        for request in requests:
            if request.wire is None and not request.future.done():
                request.future.set_exception(error)

    def _look(self) -> None:
        """Every now and then: does a connection still do what it did before?"""
        self._timer = None
        for wire in self._wires.copy():
            head = wire.head()
            if head is not None and head is wire.seen:
                self._is_slow(wire, head)
            wire.seen = head
        if self._wires:
            self._timer = asyncio.get_running_loop().call_later(self._look_every, self._look)

    def _is_slow(self, wire: Wire, head: Request) -> None:
        passed = monotonic() - head.sent_at
        wire.is_open = False
        head.traffic.pace = max(head.traffic.pace, passed)
        if self._timeout is not None and passed >= self._timeout and head.is_wanted():
            head.future.set_exception(TimeoutError())
        if not head.is_wanted():
            self._give_up(wire)
        # Not where there is no connection to spare: a server that is too busy is not helped by more to do.
        lease = self._pool.take()
        if lease is not None or not self._pool.is_full():
            self._send_elsewhere(lease)

    def _send_elsewhere(self, lease: Connected | None) -> None:
        requests = self._behind_slow_ones()
        if lease is None:
            self._queue.extend(requests)
            self._plan_to_send()
        elif requests:
            self._opened(lease, requests[0]).send(requests)
        else:
            self._pool.release(lease)

    def _behind_slow_ones(self) -> list[Request]:
        """Reads to be sent elsewhere; each no more than once."""
        found: list[Request] = []
        for wire in self._wires:
            if not wire.is_open:
                head = wire.head()
                found += [each.moved() for each in wire.waiting if each is not head and each.may_be_moved()]
        return found

    def abandon(self) -> None:
        """The event loop is gone, or nobody has the time."""
        self._queue.clear()
        self._wires.clear()
        self._is_due = False
        self._asking = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _room(pace: float) -> int:
    """How many reads that take so long one connection should have."""
    return min(max(int(ROOM / pace) if pace > 0 else MOST, FEW if pace < SLOW else 1), MOST)


def _traffic_of(plan: Plan) -> Traffic:
    traffic = plan.traffic = Traffic(does_nothing_but_read(plan), SLOW)
    return traffic


def _is_outdated(error: asyncpg.PostgresError) -> bool:
    """Whether a table or a type has changed, or somebody has deallocated the statement. Nothing was executed."""
    return is_stale(error) or isinstance(
        error,
        (
            asyncpg.InvalidCachedStatementError,
            asyncpg.InvalidSQLStatementNameError,
            asyncpg.DuplicatePreparedStatementError,
        ),
    )
