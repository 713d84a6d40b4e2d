"""Running blocking code beside the event loop (names as in `starlette.concurrency`), on asyncio and trio alike.

It has threads of its own (`web/_threads/`), bounded, and in an order in which requests cannot lock one another out.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import anyio

from vivace.web._threads import Kind, current_pool
from vivace.web.exceptions import StarletteDeprecationWarning

P = ParamSpec("P")
T = TypeVar("T")

# `StopIteration` cannot leave a future, so the end of the iterator travels as a value.
_END = object()


# Whether this request has had something called in a thread: it may hold what others wait for.
_has_begun: ContextVar[bool] = ContextVar("vivace.web.threads", default=False)


def forget_calls() -> None:
    """What is called in threads from here on, and in copies of this context, is of a request that has not begun."""
    _has_begun.set(False)


async def run_in_threadpool(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a blocking function in a worker thread and gives back what it returns or raises.

    The function sees the caller's context variables, and may use `anyio.from_thread`. It waits for a thread while as
    many calls run as `set_thread_limit` says; the second call of a request does not wait behind the first of another.
    A caller that is cancelled before its turn leaves at once; afterwards it waits until the thread is done.
    """
    kind = Kind.CONTINUING
    if not _has_begun.get():
        kind = Kind.ENTERING
        _has_begun.set(True)
    function = functools.partial(func, *args, **kwargs) if args or kwargs else func
    result: T = await current_pool().run(function, kind)
    return result


async def run_cleanup_in_threadpool(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`run_in_threadpool` for what gives something back: a connection, a lock, a file.

    It never waits behind other calls than such ones, for those may be waiting for what it gives back. A cancelled
    caller waits until it is done.
    """
    with anyio.CancelScope(shield=True):
        result: T = await current_pool().run(functools.partial(func, *args, **kwargs), Kind.CLEANUP)
    return result


@asynccontextmanager
async def contextmanager_in_threadpool(manager: AbstractContextManager[T]) -> AsyncGenerator[T]:
    """A blocking context manager used by async code: entered in a worker thread, and left in one without waiting."""
    entered = await run_in_threadpool(manager.__enter__)
    try:
        yield entered
    except BaseException as error:
        if not await run_cleanup_in_threadpool(manager.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await run_cleanup_in_threadpool(manager.__exit__, None, None, None)


async def iterate_in_threadpool(iterator: Iterable[T]) -> AsyncIterator[T]:
    """Iterates over a blocking iterable, each step in a worker thread; a generator that is left early is closed."""
    steps: Iterator[T] = iter(iterator)
    ended = False
    try:
        while not ended:
            item = await run_in_threadpool(_next_or_end, steps)
            if item is _END:
                ended = True
            else:
                yield item  # type: ignore[misc]  # mypy does not narrow `T | object` by identity
    finally:
        close = None if ended else getattr(steps, "close", None)
        if close is not None:
            await run_cleanup_in_threadpool(close)


def _next_or_end(iterator: Iterator[T]) -> T | object:
    return next(iterator, _END)


def set_thread_limit(limit: int, *, reserve: int | None = None) -> None:
    """How many synchronous calls run at a time in the event loop that runs here, each in a thread.

    Without it 40, or what `anyio.to_thread.current_default_thread_limiter().total_tokens` was set to. `reserve` more
    are there for requests that have begun (`limit` if it is None), for they may hold what the others wait for. Call it
    in the application's lifespan. Raises ValueError for less than one, or a negative reserve.
    """
    if limit < 1:
        raise ValueError(f"set_thread_limit() takes one thread or more, got {limit}")
    if reserve is not None and reserve < 0:
        raise ValueError(f"set_thread_limit() takes a reserve of zero or more threads, got {reserve}")
    places = current_pool().places
    places.limit = lambda: limit
    places.reserve = reserve
    places.let_in()


async def run_until_first_complete(*args: tuple[Callable[..., Awaitable[Any]], dict[str, Any]]) -> None:
    """Runs the `(function, keyword arguments)` pairs together and cancels the others when one ends. Deprecated."""
    warnings.warn(
        "run_until_first_complete is deprecated and will be removed in a future version.",
        StarletteDeprecationWarning,
        stacklevel=2,
    )
    async with anyio.create_task_group() as group:

        async def run(function: Callable[..., Awaitable[Any]], keywords: dict[str, Any]) -> None:
            await function(**keywords)
            group.cancel_scope.cancel()

        for function, keywords in args:
            group.start_soon(run, function, keywords)
