"""Work that a cancelled task still brings to its end: COMMIT, ROLLBACK, giving a connection back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, TypeVar

from anyio import CancelScope

T = TypeVar("T")


async def uninterrupted(
    work: Coroutine[Any, Any, T], *, give_up_after: float | None = None, give_up: Callable[[], object] | None = None
) -> T:
    """Run `work` to its end; a cancellation that arrives meanwhile is raised afterwards, unless `work` itself raises.

    A cancelled task that has waited another `give_up_after` seconds calls `give_up`, which must make `work` end soon.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError as error:
        cancelled = error
    else:
        return task.result()
    # A cancelled scope of anyio cancels again at every turn of the event loop; without its shield this would spin.
    with CancelScope(shield=True):
        cancelled = await _outlast(task, cancelled, give_up_after, give_up)
    task.result()
    raise cancelled


async def _outlast(
    task: asyncio.Task[Any],
    cancelled: asyncio.CancelledError,
    give_up_after: float | None,
    give_up: Callable[[], object] | None,
) -> asyncio.CancelledError:
    """Wait for `task`, however often the waiting is cancelled; the last cancellation."""
    deadline = None if give_up_after is None else monotonic() + give_up_after
    while not task.done():
        try:
            await asyncio.wait([task], timeout=None if deadline is None else max(0.0, deadline - monotonic()))
        except asyncio.CancelledError as error:
            cancelled = error
        if deadline is not None and monotonic() >= deadline and not task.done():
            deadline = None
            if give_up is not None:
                give_up()
    return cancelled
