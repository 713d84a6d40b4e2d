"""PostgreSQL's own ways: failed transactions, lost connections, cancelled statements."""

from __future__ import annotations

import asyncio

import pytest

from vivace.databases import Database, frames
from vivace.databases.errors import IntegrityError, TransactionAborted

pytestmark = pytest.mark.anyio


async def test_an_error_that_was_swallowed_never_commits_half_on_postgresql(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")
    with pytest.raises(TransactionAborted, match=r"rolled back instead|failed before"):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            with pytest.raises(IntegrityError):
                await postgres.execute("INSERT INTO acc VALUES (1, 1)")
    assert await postgres.fetch_all("SELECT * FROM acc") == []


async def test_slow_work_behind_a_gate_is_waited_for(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.1)
    async with postgres.transaction():
        await asyncio.gather(postgres.execute("SELECT pg_sleep(0.4)"), postgres.execute("SELECT 1"))
