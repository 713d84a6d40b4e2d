"""What `anyio.from_thread` has to find in a thread that anyio has not started; the one place with its private names.

`tests/web/threads/test_anyio_worker.py` fails when a release changes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
import anyio.to_thread
from anyio._core._eventloop import claim_worker_thread, get_async_backend, threadlocals


@contextmanager
def as_anyio_worker(loop: asyncio.AbstractEventLoop, scope: anyio.CancelScope) -> Iterator[None]:
    """Let `from_thread.run` find the loop, and `from_thread.check_cancelled` whether `scope` is cancelled."""
    with claim_worker_thread(get_async_backend("asyncio"), loop):
        threadlocals.current_cancel_scope = scope
        yield


def default_limit() -> Callable[[], float]:
    """How many calls run at a time unless somebody says: as many as anyio's default limiter lets, so 40.

    Who has migrated from Starlette may have set that: `anyio.to_thread.current_default_thread_limiter().total_tokens`.
    """
    limiter = anyio.to_thread.current_default_thread_limiter()
    return lambda: limiter.total_tokens
