"""Statement timeouts: how long a statement may take, in this context or for the whole database.

There is one mechanism for all databases: the statement is cancelled as that of a cancelled task is, so the server stops
working at it. Its time begins when it has its connection; what it waits for before that (the transaction's other
statements, the pool) has limits of its own. It includes waiting for locks. An inner block replaces the outer limit,
longer or shorter, as `SET LOCAL statement_timeout` would: a report in a site whose requests are quick needs more.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vivace.databases.errors import InterfaceError, StatementTimeout

if TYPE_CHECKING:
    from vivace.databases.observing.watch import Watch

T = TypeVar("T")

_NONE: Mapping[Any, float | None] = {}
# The limit of the innermost block, by what watches the database. As that of frames.py: replaced, never changed, and put
# back by value, because generators and fixtures may leave a block in another context.
_limits: ContextVar[Mapping[Any, float | None]] = ContextVar("vivace.databases.timeouts", default=_NONE)


def checked(seconds: Any) -> float | None:
    """`seconds` if it is a time that a statement may take. Raises `InterfaceError`."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise InterfaceError(
            f"statement_timeout is a number of seconds above zero, or None for no limit; got {seconds!r}"
        )
    return float(seconds)


def limit_of(watch: Watch) -> float | None:
    """How long a statement of this context may take."""
    return _limits.get().get(watch, watch.statement_timeout)


class TimeoutBlock:
    """What `Database.statement_timeout()` returns."""

    __slots__ = ("_before", "_seconds", "_watch")

    def __init__(self, watch: Watch, seconds: float | None) -> None:
        self._watch = watch
        self._seconds = checked(seconds)
        self._before = _NONE

    def __enter__(self) -> Self:
        self._before = _limits.get()
        _limits.set({**self._before, self._watch: self._seconds})
        self._watch.count_block(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _limits.set(self._before)
        self._watch.count_block(-1)


async def within(seconds: float, work: Awaitable[T], sql: str, *, stands_alone: bool = False) -> T:
    """What `work` gives, if it does so in time; else it is cancelled. Raises `StatementTimeout`.

    A write that `stands_alone`, outside of a transaction, may be done before the cancellation reaches the server.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        message = f"The statement was cancelled: it took longer than its statement_timeout of {seconds:g} s"
        if stands_alone:
            message += ". Whether it was done before that is not known: look before trying again"
        raise StatementTimeout(message, sql=sql) from error
