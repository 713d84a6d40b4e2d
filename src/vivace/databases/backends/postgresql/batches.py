"""Equal reads of one turn of the loop, sent to PostgreSQL as one pipelined batch.

Sixteen reads in one batch cost the client a fifth of sixteen alone: one write and one read of the socket, one wake-up.
Nobody sees it but by the clock:

* Only plans with `batches` take part, which say that they do nothing but read; each read has its own rows.
* The first of a turn leads: it lets the turn pass, takes a connection, for which it may have to wait, and sends what
  has come together meanwhile. In a batch, a number goes with each read and comes back in its rows, by which they are
  told apart.
* A batch is one implicit transaction. When it fails, for whatever reason, each of its reads is done again alone, so
  that only the one which is wrong fails. When the leader is cancelled, the others are done alone, too.
* Reads of a batch run one after the other. So it holds only as many as take `BUDGET`, going by how long such reads took
  lately, and a slow read runs alone, beside others on other connections. Where more reads wait than that, each
  connection gets its share: they would come one after the other anyway.
* A read that is alone again and again does not wait for company any more, until others overlap with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from time import monotonic, thread_time
from types import coroutine
from typing import Any

import asyncpg

from vivace.databases.backends.base import Operation, Rows
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease, Pool

# Seconds that one batch may take by what is known. Not less: a busy machine makes the quickest read take milliseconds,
# and a batch is what it needs then.
BUDGET = 0.01
# Reads of one batch, however quick they are.
MOST = 128
# Reads that waited for company in vain, one after the other, before a plan gives up waiting.
PATIENCE = 16

_ALONE: Any = object()

Connected = Lease[asyncpg.Connection]


class Traffic:
    """What is known of a plan's reads: how long one takes, how many run now, how often one was alone."""

    __slots__ = ("alone", "pace", "running", "sql")

    def __init__(self, plan: Plan) -> None:
        self.pace = BUDGET  # seconds with a connection; until it is known, each runs alone
        self.running = 0
        self.alone = 0
        self.sql = plan.sql

    def took(self, since: float, busy_since: float, reads: int = 1) -> None:
        """So many reads are done, begun at that time of `monotonic()` and of `thread_time()`.

        What this thread did meanwhile is not the read's fault, but for a tenth: who is always busy sees nothing else.
        Down at once, since nothing but work makes a read quicker; up slowly, since anything may make it slower.
        """
        passed = monotonic() - since
        seconds = max(passed - (thread_time() - busy_since), passed / 10) / reads
        self.pace = seconds if seconds < self.pace else self.pace + (seconds - self.pace) / 8

    def numbered(self, parameters: int) -> str:
        """The statement with one more parameter, which is one more column."""
        return f"SELECT q.*, ${parameters + 1}::int4 FROM ({self.sql}) AS q"  # noqa: S608 - a plan's own SQL


class _Read:
    """One that waits to be told: its rows, `_ALONE`, or the batch that it is to lead."""

    __slots__ = ("args", "turn")

    def __init__(self, args: Sequence[Any], turn: asyncio.Future[Any] | None) -> None:
        self.args, self.turn = args, turn

    def tell(self, what: Any) -> None:
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(what)

    def fail(self, error: Exception) -> None:
        if self.turn is not None and not self.turn.done():
            self.turn.set_exception(error)


class Batches:
    """The reads of one backend that come together. `alone` runs a single one, with second attempts, and times it."""

    def __init__(
        self,
        pool: Pool[asyncpg.Connection],
        alone: Callable[[Operation, Plan, Sequence[Any], Connected | None], Awaitable[Rows]],
        connections: int,
    ) -> None:
        self._pool = pool
        self._connections = connections
        self._alone = alone
        self._waiting: dict[Plan, list[_Read]] = {}

    async def run(self, plan: Plan, args: Sequence[Any]) -> Rows:
        """All rows of a plan with `batches`."""
        traffic: Traffic = plan.traffic or _traffic_of(plan)
        traffic.running += 1
        try:
            company = self._waiting.get(plan)
            if company is None:
                if traffic.running > 1:
                    traffic.alone = 0
                elif traffic.alone >= PATIENCE:
                    return await self._alone(Operation.ROWS, plan, args, None)
                return await self._lead(traffic, plan, *await self._gathered(traffic, plan, args))
            turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            company.append(_Read(args, turn))
            told = await self._told(turn, traffic, plan)
            if told is _ALONE:
                return await self._alone(Operation.ROWS, plan, args, None)
            if told.__class__ is _Batch:
                return await self._send(traffic, plan, told, None)
            rows: Rows = told
            return rows
        finally:
            traffic.running -= 1

    async def _told(self, turn: asyncio.Future[Any], traffic: Traffic, plan: Plan) -> Any:
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result().__class__ is _Batch:
                _dissolve(turn.result()[1:])  # told to lead, and cancelled at the same moment
            raise

    async def _gathered(self, traffic: Traffic, plan: Plan, args: Sequence[Any]) -> tuple[_Batch, Connected]:
        """The reads that came until there was a connection, this one first; and the connection."""
        company = self._waiting[plan] = [_Read(args, None)]
        try:
            await _next_turn()
            lease = self._pool.take() or await self._pool.acquire()
        except Exception as error:
            for read in company:
                read.fail(error)
            raise
        except BaseException:
            _dissolve(company)
            raise
        finally:
            del self._waiting[plan]
        traffic.alone = traffic.alone + 1 if len(company) == 1 else 0
        return _Batch(company), lease

    async def _lead(self, traffic: Traffic, plan: Plan, batch: _Batch, lease: Connected) -> Rows:
        """The rows of the first read of all that came together; what is too much for one batch is others' to send."""
        reads = batch.still_wanted()
        size = self._size(traffic, len(reads))
        for start in range(size, len(reads), size):
            part = _Batch(reads[start : start + size])
            part[0].tell(part)
        return await self._send(traffic, plan, _Batch(reads[:size]), lease)

    async def _send(self, traffic: Traffic, plan: Plan, batch: _Batch, lease: Connected | None) -> Rows:
        """The rows of the batch's first read; the others are told theirs."""
        reads = batch.still_wanted()
        if len(reads) == 1:
            return await self._alone(Operation.ROWS, plan, reads[0].args, lease)
        try:
            found = await self._together(traffic, plan, reads, lease)
        except asyncio.CancelledError:
            _dissolve(reads)
            raise
        except Exception:  # noqa: BLE001 (whoever it was will hear of it alone)
            _dissolve(reads)
            return await self._alone(Operation.ROWS, plan, reads[0].args, None)
        for read, rows in zip(reads, found, strict=True):
            read.tell(rows)
        return found[0]

    def _size(self, traffic: Traffic, waiting: int) -> int:
        """How many of those that wait go into one batch."""
        if traffic.pace >= BUDGET:
            return 1
        return min(max(int(BUDGET / traffic.pace), -(-waiting // self._connections)), MOST)

    async def _together(
        self, traffic: Traffic, plan: Plan, reads: list[_Read], lease: Connected | None
    ) -> list[list[Any]]:
        pool = self._pool
        lease = lease or pool.take() or await pool.acquire()
        lease.purpose = plan.sql
        numbered = traffic.numbered(len(reads[0].args))
        busy_since = thread_time()
        try:
            rows = await lease.connection.fetchmany(
                numbered, [(*read.args, number) for number, read in enumerate(reads)]
            )
        except asyncio.CancelledError:
            lease.is_unsettled = True  # the server may still be at it
            raise
        finally:
            traffic.took(lease.held_since, busy_since, len(reads))
            pool.release(lease)
        found: list[list[Any]] = [[] for _ in reads]
        for row in rows:
            found[row[-1]].append(row[:-1])
        return found


class _Batch(list[_Read]):
    """Reads that are sent together by whoever waits for the first of them."""

    def still_wanted(self) -> list[_Read]:
        """The first, and the others whose tasks were not cancelled."""
        return [self[0], *(read for read in self[1:] if read.turn is not None and not read.turn.done())]


def _dissolve(reads: list[_Read]) -> None:
    for read in reads:
        read.tell(_ALONE)


def _traffic_of(plan: Plan) -> Traffic:
    traffic = plan.traffic = Traffic(plan)
    return traffic


@coroutine
def _next_turn() -> Generator[None, None, None]:
    """After everybody who is ready now."""
    yield
