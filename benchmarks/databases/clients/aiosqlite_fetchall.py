"""aiosqlite with `execute_fetchall`, which takes one trip to the thread instead of three."""

from __future__ import annotations

from typing import Any

from benchmarks.databases.clients import aiosqlite_connection


class Client(aiosqlite_connection.Client):
    """`connection.execute_fetchall(…)`."""

    async def book(self, key: int) -> Any:
        return (await self.connection.execute_fetchall(aiosqlite_connection.BOOK, (key,)))[0]

    async def books(self, count: int) -> Any:
        return await self.connection.execute_fetchall(aiosqlite_connection.BOOKS, (count,))
