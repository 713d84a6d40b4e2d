"""`Watch`: runs the statements of a database that has query hooks or a statement timeout.

Nothing of this exists for a database that has neither: `Database.watch` is then None, which is all that is tested.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sized
from contextlib import aclosing
from time import perf_counter
from typing import TYPE_CHECKING, Any

from vivace.databases.backends.base import Executor, Found, Operation
from vivace.databases.errors import StatementTimeout
from vivace.databases.frames import Frame
from vivace.databases.observing.events import QueryEvent, QueryHook, notify
from vivace.databases.plan import Plan
from vivace.databases.timeouts import limit_of, within

if TYPE_CHECKING:
    from vivace.databases.database import Database

_TIMED_OUT = (
    "A statement of this transaction took longer than its statement_timeout and was cancelled, so the transaction can "
    "only be rolled back. Put a statement that may take long into a transaction() of its own, inside this one"
)


class Watch:
    """What watches the statements of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._starting: tuple[QueryHook, ...] = ()
        self._ending: tuple[QueryHook, ...] = ()
        # Seconds, for statements outside of all `statement_timeout()` blocks.
        self.statement_timeout: float | None = None
        self._blocks = 0

    def add(
        self, function: Callable[[QueryEvent], object], *, with_values: bool = False, at_start: bool = False
    ) -> QueryHook:
        """Call `function` with each statement from now on."""
        hook = QueryHook(self, function, with_values=with_values, at_start=at_start)
        if at_start:
            self._starting += (hook,)
        else:
            self._ending += (hook,)
        self._switch()
        return hook

    def remove(self, hook: QueryHook) -> None:
        """Call it no more."""
        self._starting = tuple(each for each in self._starting if each is not hook)
        self._ending = tuple(each for each in self._ending if each is not hook)
        self._switch()

    def set_timeout(self, seconds: float | None) -> None:
        """How long statements may take outside of all blocks."""
        self.statement_timeout = seconds
        self._switch()

    def count_block(self, number: int) -> None:
        """A `statement_timeout()` block was entered (1) or left (-1)."""
        self._blocks += number
        self._switch()

    def _switch(self) -> None:
        """Be in the way of the statements only while there is something to do."""
        is_needed = self._starting or self._ending or self._blocks or self.statement_timeout is not None
        self._database.watch = self if is_needed else None

    async def run(self, pinned: Frame | None, operation: Operation, plan: Plan, args: Any) -> Any:
        """As `Database.run_in()`, observed."""
        event = QueryEvent(self._database, operation.value, plan)
        if self._starting:
            notify(self._starting, event, args)
        try:
            result = await self._run(event, pinned, operation, plan, args)
            event.rows = _count(operation, plan, args, result)
            return result
        except BaseException as error:
            event.error = error
            raise
        finally:
            if self._ending:
                notify(self._ending, event, args)

    async def _run(self, event: QueryEvent, pinned: Frame | None, operation: Operation, plan: Plan, args: Any) -> Any:
        database = self._database
        limit = limit_of(self)
        asked = perf_counter()

        async def work(executor: Executor) -> Any:
            """From here on the statement has its connection."""
            event.replica = executor.replica
            started = perf_counter()
            event.waited = started - asked
            try:
                running = executor.run(operation, plan, args)
                if limit is None:
                    return await running
                stands_alone = not (event.in_transaction or plan.reads)
                return await within(limit, running, plan.sql, stands_alone=stands_alone)
            finally:
                event.duration = perf_counter() - started

        while (frame := database.live_frame(pinned)) is not None:
            if await frame.enter():
                event.in_transaction = not (frame.is_connection or frame.is_global)
                try:
                    return await frame.guarded(plan.reads, work)
                except StatementTimeout:
                    if event.in_transaction:
                        frame.abort(_TIMED_OUT)
                    raise
                finally:
                    frame.leave()
        database.check_usable()
        return await database.backend.run_with(plan, work)

    async def chunks(
        self, chunks: AsyncGenerator[Found, None], pinned: Frame | None, plan: Plan, args: Any
    ) -> AsyncGenerator[Found, None]:
        """A cursor, observed: one event at its end, whose duration is that of its reading, without the loop's body."""
        event = QueryEvent(self._database, "iterate", plan)
        if self._starting:
            notify(self._starting, event, args)
        frame = self._database.live_frame(pinned)
        event.in_transaction = frame is not None and not (frame.is_connection or frame.is_global)
        limit = limit_of(self)
        rows = 0
        try:
            async with aclosing(chunks):
                while (found := await self._next(event, chunks, limit)) is not None:
                    rows += len(found[1])
                    yield found
        except GeneratorExit:
            raise
        except BaseException as error:
            event.error = error
            raise
        finally:
            event.rows = rows
            if self._ending:
                notify(self._ending, event, args)

    async def _next(self, event: QueryEvent, chunks: AsyncGenerator[Found, None], limit: float | None) -> Found | None:
        started = perf_counter()
        try:
            # Each chunk has the whole time: how long all of them take is up to the body of the loop.
            reading = anext(chunks, None)
            return await (reading if limit is None else within(limit, reading, event.sql))
        finally:
            event.duration += perf_counter() - started


def _count(operation: Operation, plan: Plan, args: Any, result: Any) -> int | None:
    """The number of rows that a statement gave or changed, as far as its result tells."""
    if operation is Operation.ROWS:
        return len(result)
    if operation is Operation.DESCRIBED or operation is Operation.FIRST:
        return len(result[1])
    if operation is Operation.COUNT:
        return int(result)
    if operation is Operation.RESULT:
        return int(result.rowcount)
    if operation is Operation.MANY:
        return len(args) if isinstance(args, Sized) else None
    # The value of `execute()` may be a key, a count, or anything that was selected.
    return result if not plan.returns_rows and not plan.inserts and isinstance(result, int) else None
