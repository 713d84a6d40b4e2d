"""Running blocking code beside the event loop (names as in `starlette.concurrency`), on asyncio and trio alike."""

from __future__ import annotations

import functools
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from vivace.web.exceptions import StarletteDeprecationWarning

P = ParamSpec("P")
T = TypeVar("T")

# `StopIteration` cannot leave a future, so the end of the iterator travels as a value.
_END = object()


async def run_in_threadpool(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a blocking function in a worker thread and gives back what it returns or raises.

    The function sees the caller's context variables. A cancelled caller waits until the thread is done.
    """
    if kwargs:
        return await anyio.to_thread.run_sync(functools.partial(func, *args, **kwargs))
    return await anyio.to_thread.run_sync(func, *args)


async def iterate_in_threadpool(iterator: Iterable[T]) -> AsyncIterator[T]:
    """Iterates over a blocking iterable, each step in a worker thread; a generator that is left early is closed."""
    steps: Iterator[T] = iter(iterator)
    ended = False
    try:
        while not ended:
            item = await anyio.to_thread.run_sync(_next_or_end, steps)
            if item is _END:
                ended = True
            else:
                yield item  # type: ignore[misc]  # mypy does not narrow `T | object` by identity
    finally:
        close = None if ended else getattr(steps, "close", None)
        if close is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(close)


def _next_or_end(iterator: Iterator[T]) -> T | object:
    return next(iterator, _END)


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
