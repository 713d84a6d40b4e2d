"""Work that a response leaves for after it was sent (names as in `starlette.background`).

It runs in the request's own task, so it sees the request's context variables; what it raises is logged by the server,
and the client has its answer all the same. The next request of the same connection does not wait for it. A server that
stops waits for it as for a request (`graceful_timeout`), and cancels it then: what must not be lost belongs in a queue
that outlives the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ParamSpec

from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.requests import ClientDisconnect

P = ParamSpec("P")


class BackgroundTask:
    """One call to make after the response; a plain function runs in a worker thread."""

    def __init__(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.is_async = is_async_callable(func)

    async def __call__(self) -> None:
        if self.is_async:
            await self.func(*self.args, **self.kwargs)
        else:
            await run_in_threadpool(self.func, *self.args, **self.kwargs)


class BackgroundTasks(BackgroundTask):
    """Several calls, made one after the other; the first that raises ends the row."""

    def __init__(self, tasks: Sequence[BackgroundTask] | None = None) -> None:
        self.tasks = list(tasks or ())

    def add_task(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        self.tasks.append(BackgroundTask(func, *args, **kwargs))

    async def __call__(self) -> None:
        for task in self.tasks:
            await task()


async def send_and_run(sending: Awaitable[None], background: BackgroundTask | None) -> None:
    """Has a response sent, then its background task run: also when the client left before it had everything."""
    try:
        await sending
    except (OSError, ClientDisconnect):
        if background is not None:
            await background()
        raise
    if background is not None:
        await background()
