"""What the tests of PostgreSQL's own share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

from vivace.databases import Database

Poll = Callable[..., Awaitable[None]]


@pytest.fixture
def until() -> Poll:
    """Waits until a function, plain or async, gives something true."""

    async def wait(condition: Callable[[], Any], *, seconds: float = 10.0) -> None:
        end = monotonic() + seconds
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            assert monotonic() < end, "it did not come true in time"
            await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def running() -> Callable[[Database, str], Awaitable[list[int]]]:
    """The processes of the server that run a statement with this text now, the asking one apart."""

    async def find(watcher: Database, text: str) -> list[int]:
        rows = await watcher.fetch_all(
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
            "AND position(cast(:text AS text) IN query) > 0",
            {"text": text},
        )
        return [row.pid for row in rows]

    return find
