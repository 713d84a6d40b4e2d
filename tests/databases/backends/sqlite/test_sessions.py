"""Transactions as SQLite has them: snapshots, one writer."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from vivace.databases import Database
from vivace.databases.errors import SerializationFailure

pytestmark = pytest.mark.anyio


async def test_a_failed_race_without_retries_is_a_serialization_failure(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")
    with pytest.raises(SerializationFailure, match="atomic"):
        async with sqlite.transaction():
            await sqlite.fetch_all("SELECT * FROM acc")
            # A context without the transaction: another task that was started before it.
            await asyncio.create_task(sqlite.execute("INSERT INTO acc VALUES (1, 1)"), context=contextvars.Context())
            await sqlite.execute("INSERT INTO acc VALUES (2, 1)")
    assert await sqlite.fetch_val("SELECT group_concat(id) FROM acc") == "1"
