"""A primary and its replicas as one backend: what only reads goes to a replica, all else to the primary.

To a replica go single statements and cursors that only read and whose context has not just written (replication.py),
and read-only transactions. Other transactions and `connection()` use the primary, and count as writes: whether one of
their statements wrote is not looked at. A replica that cannot be reached is left out, tried again in the background
with longer and longer pauses, and comes back by itself; without any the primary serves alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection as SQLAlchemyConnection

from vivace.databases.backends.base import Backend, Begin, Executor, Found, Operation, Row, Session
from vivace.databases.errors import ConnectionFailed, DatabaseError, InterfaceError, SerializationFailure
from vivace.databases.plan import Plan
from vivace.databases.replication import ReadScope, needs_primary, scope_of
from vivace.databases.shielding import uninterrupted
from vivace.databases.url import DatabaseURL

if TYPE_CHECKING:
    from vivace.databases.notifications import Hub

T = TypeVar("T")

logger = logging.getLogger("vivace.databases")

# Seconds between two attempts to reach a replica again: the first pause, which doubles, and the longest one.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# Seconds that such an attempt may take.
CHECK_TIMEOUT = 10.0
# Seconds between two looks at how late a replica is.
LAG_INTERVAL = 1.0

_PING = Plan("SELECT 1", reads=True, returns_rows=True)
# Seconds that a standby is late. Without a connection to its primary it cannot know, so its last change tells.
_LAG = Plan(
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 "
    "WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0 "
    "ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 'Infinity') END::float8",
    reads=True,
    returns_rows=True,
)

# Statements that begin as if they only read. Looked for in the whole text, strings too: to err on this side costs a
# trip to the primary. A function of the user's own that writes is found out when the replica refuses it.
_PRIMARY_ONLY = re.compile(
    r"\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b|\bFOR\s+(?:KEY\s+)?SHARE\b|\bLOCK\s+IN\s+SHARE\s+MODE\b"
    r"|\b(?:nextval|setval|currval|lastval|pg_(?:try_)?advisory\w*|pg_notify|set_config|pg_export_snapshot|dblink\w*"
    r"|pg_(?:cancel|terminate)_backend|(?:txid_current|pg_current_xact_id)\b|lo_\w+|pg_logical_\w+|pg_create_\w+"
    r"|get_lock|is_free_lock|is_used_lock|release_(?:all_)?locks?|last_insert_id|master_pos_wait|load_extension"
    r"|last_insert_rowid|changes|total_changes)\s*\(",
    re.IGNORECASE,
)
# "Cannot execute … in a read-only transaction" of PostgreSQL; --read-only and read-only transactions of MySQL.
_READ_ONLY_STATES = frozenset({"25006"})
_READ_ONLY_NUMBERS = frozenset({1290, 1792, 1836})


class Replica:
    """One replica, and whether it can be asked now."""

    def __init__(self, number: int, url: DatabaseURL, backend: Backend) -> None:
        self.number = number
        self.url = url
        self.backend = backend
        backend.replica = number
        self.running = 0
        self.is_connected = False
        self.is_up = False
        self.lag: float | None = None
        self.is_late = False
        self.minder: asyncio.Task[None] | None = None

    @property
    def may_be_asked(self) -> bool:
        """Whether it answers, and is not too late."""
        return self.is_up and not self.is_late

    async def check(self) -> None:
        """Make sure that it answers. Raises what the backend raises."""
        if self.is_connected:
            await self.backend.run(Operation.ROWS, _PING, ())
        else:
            await self.backend.connect()
            self.is_connected = True

    def __str__(self) -> str:
        return f"replica {self.number} ({self.url.obscure_password})"


class ReplicatedBackend(Backend):
    """Several backends of one kind: the primary and its replicas.

    `sticky` is how many seconds a write keeps its context's reads at the primary, `max_lag` how many seconds a replica
    may be late (PostgreSQL only). Raises `InterfaceError` for databases of different kinds and impossible values.
    """

    def __init__(
        self,
        primary: Backend,
        replicas: Sequence[tuple[DatabaseURL, Backend]],
        *,
        sticky: float = 10.0,
        max_lag: float | None = None,
    ) -> None:
        self.primary = primary
        self.dialect = primary.dialect
        self.values = primary.values
        self.replicas = [Replica(number, url, backend) for number, (url, backend) in enumerate(replicas, start=1)]
        self.sticky = _seconds("sticky", sticky)
        self.max_lag = None if max_lag is None else _seconds("max_lag", max_lag)
        for replica in self.replicas:
            kind = replica.backend.dialect.name
            if kind != primary.dialect.name:
                raise InterfaceError(f"A replica of {primary.dialect.name} is {primary.dialect.name} too, not {kind}")
        if max_lag is not None and primary.dialect.name != "postgresql":
            raise InterfaceError("max_lag can be told of PostgreSQL's replicas only")
        self._turn = 0
        # The sessions that may write, and whose reads must see it.
        self._writers: dict[Session, ReadScope] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        await self.primary.connect()
        try:
            await asyncio.gather(*[self._connect_to(replica) for replica in self.replicas])
        except BaseException:
            await uninterrupted(self.disconnect())
            raise

    async def _connect_to(self, replica: Replica) -> None:
        try:
            await replica.check()
        except DatabaseError as error:
            self._leave_out(replica, error)
        else:
            self._take_in(replica)

    def _take_in(self, replica: Replica) -> None:
        replica.is_up = True
        if self.max_lag is not None:
            replica.is_late = True  # nothing is known of it yet
            if replica.minder is None or replica.minder.done():
                replica.minder = self._spawn(self._mind_lag(replica, self.max_lag))

    def _leave_out(self, replica: Replica, error: DatabaseError) -> None:
        if replica.is_up or not replica.is_connected:
            logger.warning("Reads do without %s until it answers again: %s", replica, error.message)
            replica.is_up = False
            self._spawn(self._bring_back(replica))

    async def _bring_back(self, replica: Replica) -> None:
        pause = FIRST_PAUSE
        while True:
            # Not all programs at the same moment.
            await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 (spreading, not secrecy)
            try:
                async with asyncio.timeout(CHECK_TIMEOUT):
                    await replica.check()
            except (DatabaseError, OSError):  # TimeoutError is an OSError
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            logger.info("Reads use %s again", replica)
            self._take_in(replica)
            return

    async def _mind_lag(self, replica: Replica, max_lag: float) -> None:
        while replica.is_up:
            try:
                async with asyncio.timeout(CHECK_TIMEOUT):
                    lag = float((await replica.backend.run(Operation.ROWS, _LAG, ()))[0][0])
            except (DatabaseError, OSError):
                lag = float("inf")
            if replica.is_late and lag <= max_lag:
                logger.debug("%s is %.1f s late, which is little enough", replica, lag)
            elif not replica.is_late and lag > max_lag:
                logger.warning("Reads do without %s, which is %.1f s late, until it has caught up", replica, lag)
            replica.lag, replica.is_late = lag, lag > max_lag
            await asyncio.sleep(min(LAG_INTERVAL, max_lag))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def disconnect(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        connected = [replica for replica in self.replicas if replica.is_connected]
        self._forget()
        results = await asyncio.gather(
            self.primary.disconnect(), *[replica.backend.disconnect() for replica in connected], return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def abandon(self) -> None:
        with suppress(RuntimeError):  # the loop of the tasks is closed
            for task in self._tasks:
                task.cancel()
        self._tasks.clear()
        self._writers.clear()
        self.primary.abandon()
        for replica in self.replicas:
            replica.backend.abandon()
        self._forget()

    def _forget(self) -> None:
        for replica in self.replicas:
            replica.is_connected = replica.is_up = replica.is_late = False
            replica.running = 0

    def _replica_for(self, plan: Plan) -> Replica | None:
        """The replica that runs this, None for the primary."""
        if not plan.reads or _is_primary_only(plan) or needs_primary(self):
            return None
        return self._least_used()

    def _least_used(self) -> Replica | None:
        candidates = [replica for replica in self.replicas if replica.may_be_asked]
        if not candidates:
            return None
        self._turn += 1
        first = self._turn % len(candidates)
        return min(candidates[first:] + candidates[:first], key=lambda replica: replica.running)

    async def _routed(self, plan: Plan, work: Callable[[Backend], Awaitable[T]]) -> T:
        """What `work` gives on a replica, or on the primary when it must, or when no replica can."""
        scope = scope_of(self)
        while (replica := self._replica_for(plan)) is not None:
            replica.running += 1
            try:
                return await work(replica.backend)
            except ConnectionFailed as error:
                self._leave_out(replica, error)
            except DatabaseError as error:
                if not self._may_ask_primary(plan, error):
                    raise
                break
            finally:
                replica.running -= 1
        if plan.reads and not _is_primary_only(plan):
            return await work(self.primary)
        try:
            return await work(self.primary)
        finally:
            scope.note_write()  # also a statement that failed halfway may have written

    def _may_ask_primary(self, plan: Plan, error: DatabaseError) -> bool:
        cause = error.__cause__
        number = cause.args[0] if cause is not None and cause.args else None
        if getattr(cause, "sqlstate", None) in _READ_ONLY_STATES or number in _READ_ONLY_NUMBERS:
            # It calls a function that writes.
            plan.primary_only = True
            return True
        # A standby cancels a read whose rows the primary has removed.
        return isinstance(error, SerializationFailure)

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        return await self._routed(plan, lambda backend: backend.run(operation, plan, args))

    async def run_with(self, plan: Plan, work: Callable[[Executor], Awaitable[T]]) -> T:
        return await self._routed(plan, lambda backend: backend.run_with(plan, work))

    async def iterate(self, plan: Plan, args: Row, chunk_size: int) -> AsyncGenerator[Found, None]:
        scope = scope_of(self)
        while (replica := self._replica_for(plan)) is not None:
            has_begun = False
            replica.running += 1
            try:
                async with aclosing(replica.backend.iterate(plan, args, chunk_size)) as chunks:
                    async for found in chunks:
                        has_begun = True
                        yield found
                return
            except ConnectionFailed as error:
                self._leave_out(replica, error)
                if has_begun:
                    raise
            except DatabaseError as error:
                if has_begun or not self._may_ask_primary(plan, error):
                    raise
                break
            finally:
                replica.running -= 1
        try:
            async with aclosing(self.primary.iterate(plan, args, chunk_size)) as chunks:
                async for found in chunks:
                    yield found
        finally:
            if not plan.reads or _is_primary_only(plan):
                scope.note_write()

    async def acquire(self, begin: Begin | None, *, reads: bool) -> Session:
        scope = scope_of(self)
        if begin is not None and begin.read_only and not needs_primary(self):
            while (replica := self._least_used()) is not None:
                try:
                    session = await replica.backend.acquire(begin, reads=reads)
                except ConnectionFailed as error:
                    self._leave_out(replica, error)
                    continue
                session.replica = replica.number
                replica.running += 1
                return session
        session = await self.primary.acquire(begin, reads=reads)
        session.replica = None
        if begin is None or not begin.read_only:
            self._writers[session] = scope
            scope.note_write()
        return session

    async def release(self, session: Session) -> None:
        if session.replica is not None:
            replica = self.replicas[session.replica - 1]
            replica.running -= 1
            await replica.backend.release(session)
            return
        scope = self._writers.pop(session, None)
        if scope is not None:
            scope.note_write()
        await self.primary.release(session)

    async def run_sync(self, work: Callable[[SQLAlchemyConnection], T]) -> T:
        scope = scope_of(self)
        try:
            return await self.primary.run_sync(work)
        finally:
            scope.note_write()

    def listening(self) -> Hub:
        return self.primary.listening()

    def statistics(self) -> dict[str, Any]:
        replicas = [
            {**replica.backend.statistics(), "is_up": replica.is_up, "lag": replica.lag, "running": replica.running}
            for replica in self.replicas
        ]
        return {**self.primary.statistics(), "replicas": replicas}


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise InterfaceError(f"The option {name} is a number of seconds, got {value!r}")
    return float(value)


def _is_primary_only(plan: Plan) -> bool:
    if plan.primary_only is None:
        plan.primary_only = _PRIMARY_ONLY.search(plan.sql) is not None
    return plan.primary_only
