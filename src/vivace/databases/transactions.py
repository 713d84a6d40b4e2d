"""`Database.transaction()` in its three forms: context manager, decorator, by hand. How it works is in frames.py."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from vivace.databases.backends.base import Begin
from vivace.databases.errors import InterfaceError, SerializationFailure, TransactionAborted, TransactionEnded
from vivace.databases.frames import END_TIMEOUT, Frame, Hook, bind, ends_for_good, unbind
from vivace.databases.shielding import uninterrupted
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases.database import Database

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("vivace.databases")

ISOLATION_LEVELS = ("read uncommitted", "read committed", "repeatable read", "serializable")
# The first retry comes after up to 20 ms, each later one after up to twice as much, so that rivals drift apart.
RETRY_AFTER = 0.02


def begin_of(*, isolation: str | None, read_only: bool, deferrable: bool, immediate: bool) -> Begin:
    """Check the options of a transaction. Raises `InterfaceError` for an unknown isolation level."""
    if isolation is not None:
        isolation = isolation.lower().replace("_", " ")
        if isolation not in ISOLATION_LEVELS:
            raise InterfaceError(
                f"There is no isolation level {isolation!r}. "
                + did_you_mean(isolation, ISOLATION_LEVELS, listed_as="Levels")
            )
    return Begin(isolation=isolation, read_only=read_only, deferrable=deferrable, immediate=immediate)


class Transaction:
    """A transaction, or a savepoint when one is open already. Begins with its first statement.

    Leaving the block normally commits, leaving it with an exception rolls back. Raises at the end `TransactionAborted`
    when the database could not commit, `CommitOutcomeUnknown` when the connection broke while it did.
    """

    def __init__(
        self,
        database: Database,
        begin: Begin,
        *,
        force_rollback: bool = False,
        durable: bool = False,
        retries: int = 0,
        connection: Frame | None = None,
    ) -> None:
        if retries < 0:
            raise InterfaceError(f"retries is zero or more, got {retries}")
        self._database = database
        self._begin = begin
        self._force_rollback = force_rollback
        self._durable = durable
        self._retries = retries
        self._connection = connection
        self._frame: Frame | None = None
        self._ended_by_hand = False

    def __await__(self) -> Generator[Any, None, Self]:
        return self.start().__await__()

    async def start(self) -> Self:
        """Open the transaction; followed by `commit()` or `rollback()` in the same task."""
        if self._retries:
            raise InterfaceError("retries= must be able to run the work again, so it needs the decorator form")
        if self._frame is not None and not self._frame.ended:
            raise InterfaceError("This transaction is open already; database.transaction() makes another one")
        self._frame = await self._open()
        self._ended_by_hand = False
        bind(self._database, self._frame)
        return self

    async def _open(self) -> Frame:
        database = self._database
        while True:
            outer = database.live_frame(self._connection)
            self._check_nesting(outer)
            if outer is None:
                database.check_usable()
                return Frame(database.backend, None, self._begin)
            outer.check_loop()
            frame = Frame(database.backend, outer, self._begin)
            await outer.pass_gate(frame, asyncio.current_task())
            if outer.aborted is None and not outer.ended:
                return frame
            outer.gate.release()
            if outer.aborted is not None:
                raise TransactionAborted(outer.aborted)

    def _check_nesting(self, outer: Frame | None) -> None:
        if outer is None or outer.is_connection or outer.is_global:
            return
        if self._durable:
            raise InterfaceError("A durable transaction is the outermost one, but another is open here already")
        begin = self._begin
        if begin.isolation is not None or begin.read_only or begin.deferrable:
            raise InterfaceError(
                "isolation, read_only and deferrable belong to the outermost transaction, not to an inner one"
            )

    async def commit(self) -> None:
        """Commit what was done since `start()`, and run its `on_commit` functions."""
        await self._end(commit=not self._force_rollback)

    async def rollback(self) -> None:
        """Undo what was done since `start()`."""
        await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        frame = self._frame
        if frame is None:
            raise InterfaceError("This transaction was not started")
        unbind(self._database, frame)
        if frame.ending:
            raise TransactionEnded("This transaction has ended already, or another task is ending it")
        self._ended_by_hand = True
        cancelled: asyncio.CancelledError | None = None
        try:
            await uninterrupted(
                frame.finish(commit=commit, task=asyncio.current_task()),
                give_up_after=END_TIMEOUT,
                give_up=frame.cut_off,
            )
        except asyncio.CancelledError as error:
            cancelled = error
        hooks, frame.hooks = frame.hooks, []
        if frame.committed and ends_for_good(frame):
            await run_hooks(hooks)
        if cancelled is not None:
            raise cancelled

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        frame = self._frame
        if frame is not None and frame.ending:
            unbind(self._database, frame)
            if kind is None and not self._ended_by_hand:
                raise TransactionEnded("The outer transaction ended before this one, so nothing of this one is stored")
            return
        if kind is None:
            await self.commit()
            return
        try:
            await self.rollback()
        except asyncio.CancelledError:
            raise
        except Exception:  # the block's own exception is the one to hear about
            logger.warning("Rolling back failed; the connection is discarded", exc_info=True)

    def __call__(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        """Run each call of `function` in a transaction of its own, tried `retries` times more if it loses a race."""

        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise InterfaceError(
                f"{function.__qualname__}() is a generator, which @transaction() cannot wrap: "
                'use "async with database.transaction():" inside it'
            )

        @functools.wraps(function)
        async def in_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
            attempt = 0
            while True:
                is_outermost = not self._database.in_transaction
                transaction = self._without_retries()
                try:
                    async with transaction:
                        return await function(*args, **kwargs)
                except SerializationFailure:
                    # After the commit it came from an on_commit function: what is stored must not be done twice.
                    if attempt >= self._retries or not is_outermost or transaction.is_committed:
                        raise
                await asyncio.sleep(random.random() * RETRY_AFTER * 2**attempt)  # noqa: S311 (spreading, not secrecy)
                attempt += 1

        return in_transaction

    @property
    def is_committed(self) -> bool:
        """Whether it has ended with COMMIT (an inner one: whether its work now belongs to the outer one)."""
        return self._frame is not None and self._frame.committed

    @property
    def is_aborted(self) -> bool:
        """Whether it can only be rolled back."""
        return self._frame is not None and self._frame.aborted is not None

    def _without_retries(self) -> Transaction:
        return Transaction(
            self._database,
            self._begin,
            force_rollback=self._force_rollback,
            durable=self._durable,
            connection=self._connection,
        )


async def run_hooks(hooks: list[tuple[Hook, bool]]) -> None:
    """Call the functions given to `on_commit`, in order; await what is awaitable.

    An exception ends the round and is raised, as in Django, though the commit stands; of a `robust` one it is logged.
    """
    for hook, robust in hooks:
        try:
            result = hook()
            if inspect.isawaitable(result):
                await result
        except Exception:
            if not robust:
                raise
            logger.exception("A robust on_commit function failed")
