"""Transactions of the database that queries go to, with the names of `django.db.transaction`.

The work is done in `vivace.databases`: transactions are safe with tasks, savepoints strictly nested, COMMIT and
ROLLBACK never cancelled halfway.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from vivace.databases.errors import InterfaceError
from vivace.orm.binding import resolve

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.databases.transactions import Transaction

P = ParamSpec("P")
R = TypeVar("R")


class Atomic:
    """What `atomic()` gives: a block, or a decorator, whose database is chosen when it is entered."""

    def __init__(self, using: Database | str | None, *, savepoint: bool, **options: Any) -> None:
        self._using, self._savepoint, self._options = using, savepoint, options
        self._transaction: Transaction | None = None

    async def start(self) -> Self:
        """Opens it by hand; followed by `commit()` or `rollback()` in the same task."""
        database = resolve(self._using)
        if self._savepoint or not database.in_transaction:
            self._transaction = await database.atomic(**self._options).start()
        elif self._options.get("durable"):
            raise InterfaceError("A durable transaction is the outermost one, but another is open here already")
        return self

    async def commit(self) -> None:
        """Commits what was done since `start()`."""
        if self._transaction is not None:
            await self._transaction.commit()

    async def rollback(self) -> None:
        """Undoes what was done since `start()`; without a savepoint, the block around it can only be rolled back."""
        if self._transaction is not None:
            await self._transaction.rollback()
        else:
            set_rollback(True, self._using)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._transaction is not None:
            await self._transaction.__aexit__(kind, error, traceback)
        elif kind is not None:
            await self.rollback()

    def __call__(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        """Runs each call of `function` in a block of its own, tried `retries` times more if it loses a race."""

        @functools.wraps(function)
        async def in_block(*args: P.args, **kwargs: P.kwargs) -> R:
            database = resolve(self._using)
            if self._savepoint or not database.in_transaction:
                return await database.atomic(**self._options)(function)(*args, **kwargs)
            async with Atomic(database, savepoint=False, **self._options):
                return await function(*args, **kwargs)

        return in_block

    @property
    def is_committed(self) -> bool:
        """Whether it has ended with COMMIT (an inner one: whether its work now belongs to the outer one)."""
        return self._transaction is not None and self._transaction.is_committed


@overload
def atomic(using: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """`@atomic` above an async function."""


@overload
def atomic(
    using: Database | str | None = None,
    savepoint: bool = True,
    durable: bool = False,
    *,
    isolation: str | None = None,
    retries: int = 0,
) -> Atomic:
    """`async with atomic(…)`, or `@atomic(…)` above an async function."""


def atomic(using: Any = None, savepoint: bool = True, durable: bool = False, **options: Any) -> Any:
    """A transaction, or a savepoint inside one: `async with atomic(): …`, or `@atomic` above an async function.

    `savepoint=False` makes an inner block part of the one around it: if it fails, all of that can only be rolled back.
    `durable=True` refuses to be an inner one. `isolation` and `retries` are `Database.atomic`'s.
    """
    made = Atomic(None if callable(using) else using, savepoint=savepoint, durable=durable, **options)
    return made(using) if callable(using) else made


def on_commit(
    function: Callable[[], Awaitable[object] | object], using: Database | str | None = None, robust: bool = False
) -> None:
    """Calls (and awaits) `function` when the open transaction has committed; at once when there is none.

    An exception of a `robust` one is logged and stops no other.
    """
    resolve(using).on_commit(function, robust=robust)


# By hand


async def savepoint(using: Database | str | None = None) -> Transaction | None:
    """Begins a savepoint in the open transaction, for `savepoint_commit` or `savepoint_rollback`; None without one.

    Savepoints are ended in the reverse of their order, all of them before the transaction is.
    """
    database = resolve(using)
    return await database.atomic().start() if database.in_transaction else None


async def savepoint_commit(sid: Transaction | None, using: Database | str | None = None) -> None:
    """Ends a savepoint; its work now belongs to what is around it."""
    if sid is not None:
        await sid.commit()


async def savepoint_rollback(sid: Transaction | None, using: Database | str | None = None) -> None:
    """Ends a savepoint and undoes what was done since it began."""
    if sid is not None:
        await sid.rollback()


_manual: ContextVar[Mapping[Database, Transaction]] = ContextVar("vivace_orm_manual")
"""The transactions of databases whose autocommit is off in this context."""


def get_autocommit(using: Database | str | None = None) -> bool:
    """Whether each statement is stored by itself: not in an `atomic()` block, nor behind `set_autocommit(False)`."""
    return not resolve(using).in_transaction


async def set_autocommit(autocommit: bool, using: Database | str | None = None) -> None:
    """Turned off, what this task does is stored by `commit()` and undone by `rollback()`, until it is turned on again.

    Turning it on stores what has not been. `atomic()` is what to use instead; inside, InterfaceError is raised.
    """
    database = resolve(using)
    transactions = dict(_manual.get({}))
    if autocommit == (database not in transactions):
        return
    if autocommit:
        await _innermost(database, transactions.pop(database)).commit()
    else:
        if database.in_transaction:
            raise InterfaceError("Autocommit cannot be turned off in a transaction: it is off there")
        transactions[database] = await database.transaction().start()
    _manual.set(transactions)


async def commit(using: Database | str | None = None) -> None:
    """Stores what was done since `set_autocommit(False)` or the last `commit()`. Raises InterfaceError elsewhere."""
    await _end_manual(using, lambda transaction: transaction.commit())


async def rollback(using: Database | str | None = None) -> None:
    """Undoes what was done since `set_autocommit(False)` or the last `commit()`. Raises InterfaceError elsewhere."""
    await _end_manual(using, lambda transaction: transaction.rollback())


async def _end_manual(using: Database | str | None, end: Callable[[Transaction], Awaitable[None]]) -> None:
    database = resolve(using)
    transactions = dict(_manual.get({}))
    open_one = transactions.pop(database, None)
    if open_one is None:
        raise InterfaceError("commit() and rollback() are for code behind set_autocommit(False); atomic() ends itself")
    await end(_innermost(database, open_one))
    _manual.set(transactions)
    transactions[database] = await database.transaction().start()


def _innermost(database: Database, transaction: Transaction) -> Transaction:
    if database.live_frame() is not transaction._frame:
        raise InterfaceError(
            "An atomic() block is open: commit(), rollback() and autocommit are for code outside of it"
        )
    return transaction


def get_rollback(using: Database | str | None = None) -> bool:
    """Whether the open transaction can only be rolled back. Raises InterfaceError when none is open."""
    return _frame_of(using).aborted is not None


def set_rollback(rollback: bool, using: Database | str | None = None) -> None:
    """Makes the open transaction end with a rollback, which cannot be taken back; statements raise from now on."""
    frame = _frame_of(using)
    if not rollback:
        raise InterfaceError("A transaction that is to be rolled back stays so: open an atomic() block and leave that")
    frame.abort("An inner block without a savepoint failed, or set_rollback(True) was called")


def _frame_of(using: Database | str | None) -> Any:
    database = resolve(using)
    frame = database.live_frame() if database.in_transaction else None
    if frame is None:
        raise InterfaceError("No transaction is open here: the rollback flag is for code inside atomic()")
    return frame
