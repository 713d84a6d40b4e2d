"""asyncpg with its own pool, told not to reset connections: the user must know when that is safe."""

from __future__ import annotations

import asyncpg

from benchmarks.databases import data
from benchmarks.databases.clients import asyncpg_pool


async def leave_as_it_is(connection: object) -> None:
    """In place of the query that asyncpg sends after each use."""


class Client(asyncpg_pool.Client):
    """As documented for `create_pool(reset=…)`."""

    async def open(self, url: str) -> None:
        size = data.POOL_SIZE
        self.pool = await asyncpg.create_pool(url, min_size=size, max_size=size, reset=leave_as_it_is)
