"""Which server a statement goes to. The replicas here are files of their own, so that their answers differ."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends import replicated
from vivace.databases.backends.base import Backend
from vivace.databases.backends.replicated import ReplicatedBackend, _is_primary_only
from vivace.databases.errors import ConnectionFailed, InterfaceError
from vivace.databases.observing.events import QueryEvent

pytestmark = pytest.mark.anyio

WHO = "SELECT name FROM server"


@pytest.fixture
def urls(tmp_path: Path) -> list[str]:
    """The URLs of a primary and two replicas."""
    for name in ("primary", "one", "two"):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("CREATE TABLE server (name TEXT)")
            connection.execute("CREATE TABLE note (id INTEGER)")
            connection.execute("INSERT INTO server VALUES (?)", (name,))
            connection.commit()
    return [f"sqlite:///{tmp_path}/{name}.db" for name in ("primary", "one", "two")]


@pytest.fixture
async def database(urls: list[str]) -> AsyncIterator[Database]:
    async with Database(urls[0], replicas=urls[1:]) as database:
        yield database


async def who(database: Database) -> Any:
    return await database.fetch_val(WHO)


def replicas_of(database: Database) -> list[replicated.Replica]:
    assert isinstance(database.backend, ReplicatedBackend)
    return database.backend.replicas


def in_fresh_context(work: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(work, context=contextvars.Context())


async def test_reads_take_turns_on_the_replicas(database: Database) -> None:
    assert {await who(database) for _ in range(4)} == {"one", "two"}
    assert {row.name async for row in database.iterate(WHO)} < {"one", "two"}
    found = await database.fetch_plan(Plan(WHO, reads=True, returns_rows=True))
    assert found[0][0] in ("one", "two")


async def test_after_a_write_this_context_reads_the_primary_and_others_do_not(database: Database) -> None:
    await who(database)
    await database.execute("INSERT INTO note VALUES (1)")
    assert await who(database) == "primary"
    assert await database.fetch_val("SELECT count(*) FROM note") == 1
    assert [row.name async for row in database.iterate(WHO)] == ["primary"]
    assert await in_fresh_context(who(database)) in ("one", "two")


async def test_after_sticky_seconds_it_reads_replicas_again(urls: list[str]) -> None:
    async with Database(urls[0], replicas=urls[1:], sticky=0.05) as database:
        await database.execute("INSERT INTO note VALUES (1)")
        await asyncio.sleep(0.1)
        assert await who(database) in ("one", "two")


async def test_a_write_of_a_child_task_counts(database: Database) -> None:
    await who(database)
    await asyncio.gather(database.execute("INSERT INTO note VALUES (1)"), asyncio.sleep(0))
    assert await who(database) == "primary"


async def test_in_a_scope_the_first_statement_may_be_a_childs(urls: list[str]) -> None:
    async with Database(urls[0], replicas=urls[1:], sticky=0) as database:
        with database.read_your_writes():
            assert await who(database) in ("one", "two")
            await asyncio.create_task(database.execute("INSERT INTO note VALUES (1)"))
            assert await who(database) == "primary"
        assert await who(database) in ("one", "two")


async def test_a_write_in_a_scope_counts_for_the_one_around_it(database: Database) -> None:
    with database.read_your_writes():
        with database.read_your_writes():
            await database.execute("INSERT INTO note VALUES (1)")
        assert await who(database) == "primary"
    assert await who(database) in ("one", "two")


async def test_a_new_scope_forgets_what_was_written_before(database: Database) -> None:
    await database.execute("INSERT INTO note VALUES (1)")
    with database.read_your_writes():
        assert await who(database) in ("one", "two")
    assert await who(database) == "primary"

    async def request() -> Any:
        database.begin_read_scope()
        return await who(database)

    assert await asyncio.create_task(request()) in ("one", "two")
    assert await who(database) == "primary"


async def test_use_primary_reads_the_primary(database: Database) -> None:
    with database.use_primary():
        assert await who(database) == "primary"
        assert await asyncio.create_task(who(database)) == "primary"
    assert await who(database) in ("one", "two")
    with database.use_primary():
        await database.execute("INSERT INTO note VALUES (1)")
    assert await who(database) == "primary"


async def test_what_use_primary_wrote_first_of_all_counts_after_it(urls: list[str]) -> None:
    async with Database(urls[0], replicas=urls[1:]) as database:
        with database.use_primary():
            await database.execute("INSERT INTO note VALUES (1)")
        assert await who(database) == "primary"


async def test_transactions_use_the_primary_unless_they_are_read_only(database: Database) -> None:
    async with database.transaction(read_only=True):
        assert await who(database) in ("one", "two")
    async with database.transaction():
        assert await who(database) == "primary"
        await database.execute("INSERT INTO note VALUES (1)")
    assert await who(database) == "primary"
    async with database.transaction(read_only=True):
        assert await who(database) == "primary"
    assert [statistics["running"] for statistics in database.statistics()["replicas"]] == [0, 0]


async def test_pinned_connections_and_force_rollback_use_the_primary(database: Database) -> None:
    async with database.connection() as connection:
        assert await connection.fetch_val(WHO) == "primary"
    async with database.force_rollback():
        await database.execute("INSERT INTO note VALUES (1)")
        assert await who(database) == "primary"
        assert await database.fetch_val("SELECT count(*) FROM note") == 1
    with database.use_primary():
        assert await database.fetch_val("SELECT count(*) FROM note") == 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nextval('ids')",
        "SELECT * FROM note FOR UPDATE",
        "SELECT * FROM note FOR NO KEY UPDATE SKIP LOCKED",
        "select * from note for  share",
        "SELECT * FROM note FOR KEY SHARE",
        "SELECT * FROM note LOCK IN SHARE MODE",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_try_advisory_lock_shared(1)",
        "SELECT pg_notify('a', 'b')",
        "SELECT set_config('a', 'b', false)",
        "SELECT GET_LOCK('a', 1)",
        "SELECT last_insert_id()",
    ],
)
def test_reads_with_effects_go_to_the_primary(sql: str) -> None:
    assert _is_primary_only(Plan(sql, reads=True, returns_rows=True))


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM note", "SELECT shared, for_update FROM share", "SELECT lower(x) FROM t"]
)
def test_plain_reads_do_not(sql: str) -> None:
    assert not _is_primary_only(Plan(sql, reads=True, returns_rows=True))


async def test_hooks_see_which_replica_answered(database: Database) -> None:
    seen: list[QueryEvent] = []
    with database.add_query_hook(seen.append):
        names = [await who(database), await who(database)]
        async with database.transaction(read_only=True):
            names.append(await who(database))
        async with database.transaction():
            await who(database)
    assert [("one", "two")[(event.replica or 0) - 1] for event in seen[:3]] == names
    assert seen[3].replica is None
    assert [Path(url.database).stem for url in database.server_urls] == ["primary", "one", "two"]


async def test_a_replica_that_is_missing_at_the_start_is_left_out_and_comes_by_itself(
    urls: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicated, "FIRST_PAUSE", 0.02)
    late = tmp_path / "two.db"
    late.rename(tmp_path / "away.db")
    caplog.set_level(logging.INFO, logger="vivace.databases")
    async with Database(urls[0], replicas=[urls[1], f"{urls[2]}?mode=rw"]) as database:
        assert {await who(database) for _ in range(4)} == {"one"}
        assert [each["is_up"] for each in database.statistics()["replicas"]] == [True, False]
        assert caplog.text.count("Reads do without replica 2") == 1
        (tmp_path / "away.db").rename(late)
        async with asyncio.timeout(5):
            while not database.statistics()["replicas"][1]["is_up"]:
                await asyncio.sleep(0.01)
        assert "Reads use replica 2" in caplog.text
        assert {await who(database) for _ in range(4)} == {"one", "two"}


class Broken:
    """Makes the calls of one backend fail as when its server is gone."""

    def __init__(self, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        for name in ("run", "run_with", "acquire"):
            monkeypatch.setattr(backend, name, self.fail)

    async def fail(self, *args: Any, **keywords: Any) -> Any:
        self.calls += 1
        raise ConnectionFailed("gone")


async def test_a_replica_that_fails_is_left_out_and_its_read_is_asked_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = replicas_of(database)
    with monkeypatch.context() as patched:
        patched.setattr(replicated, "FIRST_PAUSE", 0.05)
        broken = Broken(one.backend, patched)
        assert {await who(database) for _ in range(4)} == {"two"}
        assert broken.calls == 1
        two.is_up = False
        assert await who(database) == "primary"
        assert [row.name async for row in database.iterate(WHO)] == ["primary"]
        async with database.transaction(read_only=True):
            assert await who(database) == "primary"
        two.is_up = True
    async with asyncio.timeout(5):
        while not one.is_up:
            await asyncio.sleep(0.01)
    assert {await who(database) for _ in range(4)} == {"one", "two"}


async def test_a_read_only_transaction_passes_a_broken_replica_by(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = replicas_of(database)
    Broken(one.backend, monkeypatch)
    Broken(two.backend, monkeypatch)
    async with database.transaction(read_only=True):
        assert await who(database) == "primary"


async def test_the_replica_with_the_least_to_do_is_asked(database: Database) -> None:
    async with database.transaction(read_only=True):
        busy = await who(database)
        others = {await in_fresh_context(who(database)) for _ in range(4)}
    assert others == {"one", "two"} - {busy}


async def test_connecting_again_works(urls: list[str]) -> None:
    database = Database(urls[0], replicas=urls[1:])
    for _ in range(2):
        async with database:
            assert await who(database) in ("one", "two")


def test_a_loop_that_ends_without_disconnect_leaves_nothing_in_the_way(urls: list[str]) -> None:
    database = Database(urls[0], replicas=urls[1:])

    async def use() -> Any:
        await database.connect()
        return await who(database)

    assert asyncio.run(use()) in ("one", "two")
    assert asyncio.run(use()) in ("one", "two")

    async def end() -> None:
        await database.disconnect()

    asyncio.run(end())


async def test_without_replicas_the_blocks_mean_nothing(sqlite: Database) -> None:
    with sqlite.read_your_writes(), sqlite.use_primary():
        assert await sqlite.fetch_val("SELECT 1") == 1
    sqlite.begin_read_scope()


def test_wrong_options_are_refused(sqlite_url: str, postgres_url: str) -> None:
    with pytest.raises(InterfaceError, match="belongs to replicas"):
        Database(sqlite_url, sticky=5)
    with pytest.raises(InterfaceError, match="is sqlite too"):
        Database(sqlite_url, replicas=[postgres_url])
    with pytest.raises(InterfaceError, match="PostgreSQL"):
        Database(sqlite_url, replicas=[sqlite_url], max_lag=1)
    with pytest.raises(InterfaceError, match="number of seconds"):
        Database(sqlite_url, replicas=[sqlite_url], sticky="long")


def test_whatever_a_backend_can_is_passed_on() -> None:
    """A new method of `Backend` with a default must be passed on, too."""
    inherited = {name for name in vars(Backend) if not name.startswith("_")} - set(vars(ReplicatedBackend))
    assert inherited == {"replica", "inline", "values"}  # the last is taken over when it is made
