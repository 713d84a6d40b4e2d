"""Frames: who is in which transaction. The rules, tested one by one in tests/databases/test_transactions.py:

1. A frame is a transaction, a savepoint in one, or a pinned connection. It is bound to a context, and child tasks
   inherit it: `gather`, `TaskGroup` and `wait_for` inside a transaction are part of it and see its writes.
2. Statements of one frame wait for each other at its gate; a driver never sees two at once.
3. An inner frame holds the gate of its outer one until it ends, so savepoints are strictly last in, first out.
4. A frame that has ended is never used again. A task that never used it falls back to the outer frame or to autocommit;
   one that did gets `TransactionEnded`, because going on would tear its work in two, and so does everybody in a block
   that ended with the one around it.
5. The end waits for running statements, and a COMMIT for inner frames of other tasks as well; a ROLLBACK ends them.
   COMMIT and ROLLBACK are not cancelled halfway.
6. `on_commit` hooks belong to a frame: dropped with it, handed to the outer frame, run after the outermost COMMIT.
7. A statement that is cancelled halfway aborts its frame: nobody knows what it did, so the frame can only roll back.
8. A frame belongs to its event loop: other threads reach it through that loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Any

from vivace.databases.backends.base import Backend, Begin, Operation, Session
from vivace.databases.deadlocks import Waiting, described, waiting_of
from vivace.databases.errors import (
    ConnectionFailed,
    DatabaseError,
    InterfaceError,
    TransactionAborted,
    TransactionBlocked,
    TransactionEnded,
    TransactionError,
)
from vivace.databases.gates import Gate, GateTimeout
from vivace.databases.plan import Plan
from vivace.databases.shielding import uninterrupted

if TYPE_CHECKING:
    from vivace.databases.connections import Connection
    from vivace.databases.database import Database

Hook = Callable[[], object]

# After a wait of so many seconds in which nothing happened, two tasks are taken to wait for each other.
GATE_TIMEOUT = 10.0
# A cancelled task waits so long for its COMMIT or ROLLBACK; then the connection is cut off.
END_TIMEOUT = 10.0

_ROLLING_BACK = "This transaction is being rolled back, so what still comes for it is not done"

_NONE: Mapping[Any, Frame] = {}
# The innermost frame of each database in this context. The mapping is never changed, only replaced, and put back by
# setting the previous frame: a token would not do, as generators and fixtures may leave in another context.
current_frames: ContextVar[Mapping[Any, Frame]] = ContextVar("vivace.databases.frames", default=_NONE)


class Fate:
    """Whether what was done in a frame is undone: known when it has ended, and small enough to be kept for long."""

    __slots__ = ("_is_undone", "_parent")

    def __init__(self, parent: Fate | None) -> None:
        self._parent, self._is_undone = parent, False

    def undo(self) -> None:
        """Says that the frame was rolled back."""
        self._is_undone = True

    @property
    def is_undone(self) -> bool:
        """Whether the frame, or one around it, was rolled back."""
        fate: Fate | None = self
        while fate is not None:
            if fate._is_undone:
                return True
            fate = fate._parent
        return False


class Frame:
    """A transaction (`parent` is None or a connection), a savepoint in one, or a pinned connection."""

    __slots__ = (
        "_backend",
        "aborted",
        "base",
        "begin",
        "begun",
        "block",
        "committed",
        "ended",
        "ending",
        "fate",
        "gate",
        "hooks",
        "is_connection",
        "is_global",
        "last_active",
        "loop",
        "name",
        "owner",
        "parent",
        "previous",
        "running",
        "savepoints",
        "session",
        "users",
        "was_taken_down",
    )

    def __init__(
        self,
        backend: Backend,
        parent: Frame | None,
        begin: Begin,
        *,
        is_connection: bool = False,
        is_global: bool = False,
    ) -> None:
        self._backend = backend
        self.parent = parent
        self.base: Frame = self if parent is None else parent.base
        self.begin = begin
        self.is_connection = is_connection
        self.is_global = is_global
        self.fate: Fate = Fate(None if parent is None or parent.is_connection else parent.fate)
        self.gate = Gate()
        self.loop = asyncio.get_running_loop()
        self.begun = False
        self.ending = False
        self.ended = False
        self.committed = False
        # Ended with its outer frame, while its own block goes on.
        self.was_taken_down = False
        self.aborted: str | None = None
        self.hooks: list[tuple[Hook, bool]] = []
        # Tasks that ran statements here; see rule 4.
        self.users: set[asyncio.Task[Any]] = set()
        self.owner = asyncio.current_task()
        self.previous: Frame | None = None
        # Of the base only: its session, and what the deadlock detector looks at.
        self.session: Session | None = None
        self.running = 0
        self.last_active = monotonic()
        self.savepoints = 0
        # Of a pinned connection: the `Connection` whose block it is.
        self.block: Connection | None = None
        self.name = ""
        if parent is not None and not parent.is_connection:
            self.base.savepoints += 1
            self.name = f"vivace_{self.base.savepoints}"

    async def enter(self) -> bool:
        """Wait at the gate; False when the frame ended meanwhile. Followed by `leave()` when true."""
        self.check_loop()
        task = asyncio.current_task()
        if not self.gate.try_acquire(task):
            await self.pass_gate(task, task)
        if self.ended:
            self.gate.release()
            return False
        return True

    def try_enter(self) -> bool:
        """The same without waiting: False also when somebody else is in."""
        return not self.ended and self.loop is _running_loop() and self.gate.try_acquire(asyncio.current_task())

    def check_loop(self) -> None:
        """Raise for a thread or event loop that has inherited the frame (`asyncio.to_thread` copies the context)."""
        if self.loop is not _running_loop():
            raise InterfaceError(
                "This transaction or connection belongs to another event loop or thread, and cannot be used from here: "
                "run the statement on its own loop (asyncio.run_coroutine_threadsafe), or connect a Database of your "
                "own"
            )

    async def pass_gate(self, holder: Any, me: asyncio.Task[Any] | None) -> None:
        """Take the gate for `holder`, as `me` asks. Raises `TransactionBlocked` on what looks like a deadlock."""

        def stuck_for(other: Any) -> float:
            return self._stuck_for(other, me)

        try:
            await self.gate.acquire(holder, patience=GATE_TIMEOUT, stuck_for=stuck_for)
        except GateTimeout as error:
            other = _task_of(error.holder)
            raise TransactionBlocked(
                f"{_task_name(me)} has waited {error.waited:.0f} s for the inner transaction of {described(other)}, "
                f"in which nothing happens. If {_task_name(other)} waits for {_task_name(me)}, neither will ever go "
                "on: do not await a task inside an inner transaction() that was started outside it"
            ) from None

    def _stuck_for(self, holder: Any, me: asyncio.Task[Any] | None) -> float:
        """Seconds for which nothing has happened behind the gate that could open it again."""
        waiting = waiting_of(_task_of(holder), me)
        if waiting is Waiting.FOR_ME:
            return float("inf")
        if waiting is Waiting.OUTSIDE or self.base.running:
            return 0.0
        return monotonic() - self.base.last_active

    def leave(self) -> None:
        """The statement is done."""
        self.gate.release()

    async def statement(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Run one statement; between `enter()` and `leave()`."""
        return await self.guarded(plan.reads, lambda session: session.run(operation, plan, args))

    async def guarded(self, reads: bool, work: Callable[[Session], Awaitable[Any]]) -> Any:
        """Run `work` on the session, begun before if need be, and abort the frame when it is cancelled halfway."""
        if self.aborted is not None:
            raise TransactionAborted(self.aborted)
        self._remember_user()
        base = self.base
        base.running += 1
        try:
            if not self.begun:
                await self.ensure_begun(reads=reads)
            session = base.session
            assert session is not None
            if self.is_global:
                return await self._as_if_in_autocommit(session, work)
            return await self._aborting_when_cancelled(session, work)
        finally:
            base.running -= 1
            base.last_active = monotonic()

    async def _aborting_when_cancelled(self, session: Session, work: Callable[[Session], Awaitable[Any]]) -> Any:
        try:
            return await work(session)
        except DatabaseError as error:
            self._notice_lost(session, error)
            raise
        except Exception:
            raise
        except BaseException:  # cancelled, or the coroutine was closed
            self.abort(
                "A statement of this transaction was cancelled halfway (a timeout?), so what it did is not known "
                "and the transaction can only be rolled back. Put a statement that may be cancelled into a "
                "transaction() of its own, inside this one"
            )
            raise

    def _remember_user(self) -> None:
        task = asyncio.current_task()
        if self.is_global or task is None or task in self.users:
            return
        self.users.add(task)
        # A task that is done will never ask again, and keeping it would keep all it holds.
        task.add_done_callback(self.users.discard)

    async def _as_if_in_autocommit(self, session: Session, work: Callable[[Session], Awaitable[Any]]) -> Any:
        """Directly in the global frame of force_rollback: a failing statement takes back itself only."""
        await uninterrupted(session.control("SAVEPOINT vivace_autocommit"))
        try:
            result = await work(session)
        except BaseException:
            if session.in_transaction:
                await uninterrupted(session.control("ROLLBACK TO vivace_autocommit"))
                await uninterrupted(session.control("RELEASE vivace_autocommit"))
            raise
        await uninterrupted(session.control("RELEASE vivace_autocommit"))
        return result

    def abort(self, reason: str) -> None:
        """This frame can only be rolled back."""
        if not self.is_connection and self.aborted is None:
            self.aborted = reason

    def _notice_lost(self, session: Session, error: DatabaseError) -> None:
        if self.is_connection or session.in_transaction:
            return
        frame: Frame | None = self
        if isinstance(error, TransactionError):
            reason = error.message  # the backend knows better: MySQL commits at some statements
        else:
            reason = f"The database has ended this transaction and rolled it back: {error.message}"
        while frame is not None and not frame.is_connection:
            frame.abort(reason)
            frame = frame.parent

    async def begin_now(self) -> None:
        """Begin without a statement; between `enter()` and `leave()`."""
        self.base.running += 1
        try:
            await self.ensure_begun(reads=False)
        finally:
            self.base.running -= 1
            self.base.last_active = monotonic()

    async def ensure_begun(self, *, reads: bool) -> None:
        """BEGIN or SAVEPOINT, outermost first. Only whoever holds the gate calls this."""
        if self.begun:
            return
        if self.parent is None:
            await self._begin_base(reads=reads)
        else:
            if self.parent.aborted is not None:
                raise TransactionAborted(self.parent.aborted)
            # An atomic() inside a transaction() that has not begun yet wants the write lock all the same.
            await self.parent.ensure_begun(reads=reads and not self.begin.immediate)
            session = self.base.session
            assert session is not None
            if self.parent.is_connection:
                await _begin(session, self.begin, reads=reads)
            else:
                await uninterrupted(session.control(f"SAVEPOINT {self.name}"))
        self.begun = True

    async def _begin_base(self, *, reads: bool) -> None:
        if self.is_connection:
            self.session = await self._backend.acquire(None, reads=reads)
            return
        try:
            self.session = await self._begun_session(reads=reads)
        except ConnectionFailed:
            # The server has closed an idle connection, perhaps all of them. Nothing is lost by asking once more.
            self.session = await self._begun_session(reads=reads)

    async def _begun_session(self, *, reads: bool) -> Session:
        session = await self._backend.acquire(self.begin, reads=reads)
        try:
            await _begin(session, self.begin, reads=reads)
        except BaseException:
            await uninterrupted(self._backend.release(session))
            raise
        return session

    async def finish(self, *, commit: bool, task: asyncio.Task[Any] | None) -> None:
        """End the frame for `task`: wait for what runs in it, then COMMIT, RELEASE or roll back. Run uninterrupted."""
        if self.ending:
            raise TransactionEnded("This transaction has ended already, or another task is ending it")
        self.ending = True
        if not commit:
            self.abort(_ROLLING_BACK)
        base, has_gate = self.base, False
        try:
            trouble = await self._close_gate(task, commit=commit)
            has_gate = self.ended = True
            if trouble is None and commit and self.aborted is not None:
                trouble = TransactionAborted(self.aborted)
            if self.begun:
                base.running += 1
                try:
                    await self._end_on_session(commit=commit and trouble is None)
                finally:
                    base.running -= 1
            self.committed = commit and trouble is None
            if self.committed and self.parent is not None and not ends_for_good(self):
                self.parent.hooks += self.hooks
        except BaseException:
            if not has_gate:
                self.cut_off()  # the event loop is shutting down: what has the gate will not give it back
            raise
        finally:
            self.ended = True
            if not self.committed and not self.is_connection:
                self.fate.undo()
            base.last_active = monotonic()
            await self._give_back(has_gate=has_gate)
        if trouble is not None and commit:
            raise trouble

    async def _give_back(self, *, has_gate: bool) -> None:
        try:
            if self.parent is None and self.session is not None:
                session, self.session = self.session, None
                await self._backend.release(session)
        finally:
            if self.parent is not None:
                self.parent.gate.release()
            if has_gate:
                self.gate.release()

    async def _close_gate(self, task: asyncio.Task[Any] | None, *, commit: bool) -> DatabaseError | None:
        """Take the gate for good; what must be told if inner frames had to be ended for it."""
        trouble: DatabaseError | None = None
        inner = self.gate.holder
        if isinstance(inner, Frame) and inner.owner is task and task is not None:
            trouble = InterfaceError("An inner transaction of this task is still open: end it before the outer one")
        elif commit:
            try:
                await self.pass_gate(self, task or self.owner)
                return None
            except TransactionBlocked as error:
                trouble = error
        self.abort(_ROLLING_BACK)
        # Rolled back with this one in any case, so there is nothing to wait for but a statement that runs.
        while isinstance(inner := self.gate.holder, Frame) and not inner.ending:
            inner.was_taken_down = True
            with suppress(DatabaseError):
                await inner.finish(commit=False, task=None)
        await self.pass_gate(self, task or self.owner)
        return trouble

    async def _end_on_session(self, *, commit: bool) -> None:
        session = self.base.session
        assert session is not None
        if self.is_connection:
            return
        if self.name:
            await self._end_savepoint(session, commit=commit)
        elif commit:
            await session.commit()
        else:
            await session.rollback()

    async def _end_savepoint(self, session: Session, *, commit: bool) -> None:
        assert self.parent is not None
        if not session.in_transaction:
            # The frames further out know already, see _notice_lost(); a broken connection may be new to them.
            self.parent.abort("The database has ended this transaction and rolled it back")
            if commit:
                raise TransactionAborted(self.parent.aborted or "")
            return
        try:
            if commit:
                try:
                    await session.control(f"RELEASE {self.name}")
                    return
                except DatabaseError:
                    await self._roll_back_savepoint(session)
                    raise
            await self._roll_back_savepoint(session)
        except DatabaseError as error:
            self._notice_lost(session, error)
            if commit:
                raise

    async def _roll_back_savepoint(self, session: Session) -> None:
        await session.control(f"ROLLBACK TO {self.name}")
        await session.control(f"RELEASE {self.name}")

    def cut_off(self) -> None:
        """Break the connection: the server does not answer, and nobody waits any longer."""
        if self.base.session is not None:
            self.base.session.terminate()


async def _begin(session: Session, begin: Begin, *, reads: bool) -> None:
    try:
        await session.begin(begin, reads=reads)
    except BaseException:
        await uninterrupted(session.rollback())
        raise


def ends_for_good(frame: Frame) -> bool:
    """Whether its end is final: below it is nothing, a bare connection, or the frame of force_rollback."""
    parent = frame.parent
    return parent is None or parent.is_connection or parent.is_global


def live_frame(database: Database, fallback: Frame | None) -> Frame | None:
    """The innermost frame of `database` in this context that has not ended, or else `fallback`.

    Raises `TransactionEnded` for a task that worked in a frame that has ended since (rule 4).
    """
    frames = current_frames.get()
    frame = frames.get(database) if frames else None
    if frame is None:
        return fallback
    if not frame.ended:
        return frame
    task = asyncio.current_task() if _running_loop() is not None else None
    while frame is not None and frame.ended:
        if frame.was_taken_down or task in frame.users:
            raise TransactionEnded(
                f"{_task_name(task)} worked in a transaction that has ended since; its further statements would not be "
                "part of it. Await the task inside the transaction, or start it outside"
            )
        frame = frame.parent
    return fallback if frame is None else frame


def bind(database: Database, frame: Frame) -> None:
    """Make `frame` the innermost of its database in this context."""
    frames = current_frames.get()
    frame.previous = frames.get(database)
    current_frames.set({**frames, database: frame})


def unbind(database: Database, frame: Frame) -> None:
    """Put back what was bound before `frame`, unless this context never knew it."""
    frames = current_frames.get()
    inner = frames.get(database)
    while inner is not None and inner is not frame:
        inner = inner.parent
    if inner is None:
        return
    left = {other: bound for other, bound in frames.items() if other is not database}
    if frame.previous is not None:
        left[database] = frame.previous
    current_frames.set(left or _NONE)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # in a thread without a loop
        return None


def _task_of(holder: object) -> asyncio.Task[Any] | None:
    """The task that has a gate: itself, or by its inner frame."""
    holder = holder.owner if isinstance(holder, Frame) else holder
    return holder if isinstance(holder, asyncio.Task) else None


def _task_name(task: object) -> str:
    return f"task {task.get_name()!r}" if isinstance(task, asyncio.Task) else "a callback"
