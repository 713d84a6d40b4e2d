"""Work that a cancelled task still brings to its end: COMMIT, ROLLBACK, giving a connection back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(
    work: Coroutine[Any, Any, T], *, give_up_after: float | None = None, give_up: Callable[[], object] | None = None
) -> T:
    """Run `work` to its end; a cancellation that arrives meanwhile is raised afterwards, unless `work` itself raises.

    A cancelled task that has waited another `give_up_after` seconds calls `give_up`, which must make `work` end soon.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task], timeout=give_up_after if cancelled is not None else None)
            if cancelled is not None and not task.done() and give_up is not None:
                give_up()
                give_up = None
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result
