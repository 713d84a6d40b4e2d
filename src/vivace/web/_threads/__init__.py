"""The threads that users' synchronous code runs in: handlers, dependencies, middleware, background tasks.

`places.py` decides which call may start: it is why cleaning up never waits behind new requests. `asyncio_pool.py` and
`trio_pool.py` run the calls; there is one pool for each event loop, made when it is first used.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from vivace.web._threads.asyncio_pool import AsyncioPool, running_loop
from vivace.web._threads.places import Kind, Places

__all__ = ["Kind", "Places", "Pool", "current_pool"]


class Pool(Protocol):
    """Threads of one event loop."""

    places: Places

    async def run(self, function: Callable[[], Any], kind: Kind) -> Any:
        """Call `function` in a thread, when it is its turn."""


class _Local(threading.local):
    pool: AsyncioPool | None = None


# The loop that runs in a thread is nearly always the same one.
_last = _Local()
_pools: WeakKeyDictionary[Any, Pool] = WeakKeyDictionary()


def current_pool() -> Pool:
    """The pool of the event loop that runs here. Raises RuntimeError when none runs."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        token = trio.lowlevel.current_trio_token()
        trio_pool = _pools.get(token)
        if trio_pool is None:
            from vivace.web._threads.trio_pool import TrioPool

            trio_pool = _pools[token] = TrioPool()
        return trio_pool
    loop = running_loop()
    pool = _last.pool
    if pool is None or pool.loop is not loop or pool.closed:
        pool = _pools.get(loop)  # type: ignore[assignment]  # of a loop of asyncio's, so an AsyncioPool
        if pool is None or pool.closed:
            pool = _pools[loop] = AsyncioPool(loop)
        _last.pool = pool
    return pool
