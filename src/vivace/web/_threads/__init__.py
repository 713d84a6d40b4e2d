"""The threads that users' synchronous code runs in: handlers, dependencies, middleware, background tasks.

`places.py` decides which call may start: it is why cleaning up never waits behind new requests. `asyncio_pool.py` and
`trio_pool.py` run the calls; there is one pool for each event loop, made when it is first used.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from vivace.web._threads.asyncio_pool import AsyncioPool
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
_asyncio_pools: dict[asyncio.AbstractEventLoop, AsyncioPool] = {}
_trio_pools: WeakKeyDictionary[Any, Pool] = WeakKeyDictionary()


def current_pool() -> Pool:
    """The pool of the event loop that runs here. Raises RuntimeError when none runs."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return _trio_pool(trio.lowlevel.current_trio_token())
    loop = asyncio.get_running_loop()
    pool = _last.pool
    if pool is None or pool.loop is not loop or pool.closed:
        pool = _last.pool = _asyncio_pool(loop)
    return pool


def _trio_pool(token: Any) -> Pool:
    pool = _trio_pools.get(token)
    if pool is None:
        from vivace.web._threads.trio_pool import TrioPool

        pool = _trio_pools[token] = TrioPool()
    return pool


def _asyncio_pool(loop: asyncio.AbstractEventLoop) -> AsyncioPool:
    # Those of loops that were closed and nothing else.
    for each in [pool for pool in list(_asyncio_pools.values()) if pool.closed or pool.loop.is_closed()]:
        each.stop()
        _asyncio_pools.pop(each.loop, None)
    pool = _asyncio_pools.get(loop)
    if pool is None:
        pool = _asyncio_pools[loop] = AsyncioPool(loop)
    return pool
