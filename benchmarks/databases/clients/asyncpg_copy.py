"""asyncpg's COPY: not an INSERT, so no RETURNING and no ON CONFLICT."""

from __future__ import annotations

from benchmarks.databases import data
from benchmarks.databases.clients import asyncpg_connection


class Client(asyncpg_connection.Client):
    """`Connection.copy_records_to_table()`."""

    async def fill(self) -> None:
        await self.connection.execute("TRUNCATE pressings")
        await self.connection.copy_records_to_table("pressings", records=self.rows, columns=data.PRESSING)
