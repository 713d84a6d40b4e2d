"""PostgreSQL's own ways: failed transactions, lost connections, cancelled statements, options."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import decimal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL, frames
from vivace.databases.errors import (
    CommitOutcomeUnknown,
    ConnectionFailed,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PoolTimeout,
    ProgrammingError,
    TransactionAborted,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def table(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")


@asynccontextmanager
async def one_connection(url: str, **options: Any) -> AsyncIterator[Database]:
    async with Database(url, max_size=1, acquire_timeout=2.0, **options) as database:
        yield database


async def kill(url: str, pid: int) -> None:
    """Cut the connection of another session on the server's side."""
    async with Database(url) as other:
        await other.fetch_val("SELECT pg_terminate_backend(:pid)", {"pid": pid})


async def test_an_error_that_was_swallowed_never_commits_half(postgres: Database, table: None) -> None:
    with pytest.raises(TransactionAborted, match="rolled back instead"):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            with pytest.raises(IntegrityError):
                await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            with pytest.raises(TransactionAborted, match="of its own"):
                await postgres.execute("INSERT INTO acc VALUES (2, 1)")
    assert await postgres.fetch_all("SELECT * FROM acc") == []


async def test_an_error_swallowed_in_an_inner_block_costs_only_that_block(postgres: Database, table: None) -> None:
    async with postgres.transaction():
        await postgres.execute("INSERT INTO acc VALUES (1, 1)")
        with pytest.raises(TransactionAborted, match="failed before"):
            async with postgres.transaction():
                with pytest.raises(IntegrityError):
                    await postgres.execute("INSERT INTO acc VALUES (1, 1)")
        await postgres.execute("INSERT INTO acc VALUES (2, 1)")
    assert [row.id for row in await postgres.fetch_all("SELECT id FROM acc ORDER BY id")] == [1, 2]


async def slow_commits(database: Database) -> None:
    """Make each COMMIT after an INSERT into acc take a second."""
    await database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END'"
    )
    await database.execute(
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON acc DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION slow()"
    )


async def test_a_cancelled_task_does_not_wait_for_ever_for_its_commit(
    postgres: Database, table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.databases.transactions.END_TIMEOUT", 0.1)
    await slow_commits(postgres)

    async def work() -> None:
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(CommitOutcomeUnknown):
        await task
    assert time.monotonic() - started < 0.8
    assert await postgres.fetch_val("SELECT 1") == 1


async def test_a_restart_costs_at_most_one_statement_a_connection(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=4, max_size=4) as database, Database(postgres_url) as other:
        pids = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await asyncio.gather(*[database.fetch_val("SELECT pg_sleep(0.02)") for _ in range(4)])
        await other.fetch_all(f"SELECT pg_terminate_backend(pid) FROM ({pids}) AS theirs")
        statements = [database.fetch_val("SELECT 1") for _ in range(30)]
        results = await asyncio.gather(*statements, return_exceptions=True)
        failures = [result for result in results if result != 1]
        assert len(failures) <= 4
        assert all(isinstance(failure, ConnectionFailed) for failure in failures)
        async with database.transaction():
            assert await database.fetch_val("SELECT 1") == 1


async def test_a_transaction_begins_anew_when_the_idle_connection_was_dead(postgres_url: str) -> None:
    async with one_connection(postgres_url) as database, Database(postgres_url) as other:
        pid = await database.fetch_val("SELECT pg_backend_pid()")
        await other.fetch_val("SELECT pg_terminate_backend(:pid)", {"pid": pid})
        async with database.transaction():
            assert await database.fetch_val("SELECT pg_backend_pid()") != pid


async def test_slow_work_behind_a_gate_is_waited_for(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.1)
    async with postgres.transaction():
        await asyncio.gather(postgres.execute("SELECT pg_sleep(0.4)"), postgres.execute("SELECT 1"))


async def test_a_cancelled_statement_ends_on_the_server_and_its_connection_is_used_again(
    postgres_url: str,
) -> None:
    async with one_connection(postgres_url) as database:
        pid = await database.fetch_val("SELECT pg_backend_pid()")
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.fetch_val("SELECT pg_sleep(10)"), 0.05)
        assert await database.fetch_val("SELECT pg_backend_pid()") == pid
        assert time.monotonic() - started < 1
        counted = database.statistics()
        assert (counted["size"], counted["in_use"], counted["discarded"]) == (1, 0, 0)


async def test_many_cancelled_statements_leak_nothing(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=3, acquire_timeout=5.0) as database:
        for delay in (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01):
            tasks = [asyncio.create_task(database.fetch_val("SELECT pg_sleep(0.02)")) for _ in range(8)]
            await asyncio.sleep(delay)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait(tasks)
        assert await database.fetch_val("SELECT 1") == 1
        async with asyncio.timeout(5):
            while database.statistics()["in_use"]:
                await asyncio.sleep(0.001)


async def test_a_transaction_whose_connection_is_killed_fails_clearly_and_the_next_works(
    postgres: Database, table: None, postgres_url: str
) -> None:
    with pytest.raises(ConnectionFailed, match="lost"):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            await kill(postgres_url, await postgres.fetch_val("SELECT pg_backend_pid()"))
            await postgres.execute("INSERT INTO acc VALUES (2, 1)")
    assert await postgres.fetch_all("SELECT * FROM acc") == []
    assert not postgres.in_transaction


async def test_a_connection_killed_before_commit_stores_nothing_and_says_so(
    postgres: Database, table: None, postgres_url: str
) -> None:
    with pytest.raises((ConnectionFailed, CommitOutcomeUnknown)):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            await kill(postgres_url, await postgres.fetch_val("SELECT pg_backend_pid()"))
            await asyncio.sleep(0.05)
    assert await postgres.fetch_all("SELECT * FROM acc") == []


async def test_a_savepoint_on_a_killed_connection_takes_the_outer_transaction_with_it(
    postgres: Database, table: None, postgres_url: str
) -> None:
    with pytest.raises(TransactionAborted):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            with pytest.raises(ConnectionFailed):
                async with postgres.transaction():
                    await kill(postgres_url, await postgres.fetch_val("SELECT pg_backend_pid()"))
                    await postgres.execute("INSERT INTO acc VALUES (2, 1)")
    assert await postgres.fetch_all("SELECT * FROM acc") == []


async def test_a_commit_whose_answer_never_comes_has_an_unknown_outcome(postgres: Database, table: None) -> None:
    await slow_commits(postgres)
    with pytest.raises(CommitOutcomeUnknown, match="Look before"):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO acc VALUES (1, 1)")
            async with postgres.connection() as connection:
                raw = connection.raw_connection
            asyncio.get_running_loop().call_later(0.1, raw.terminate)
    assert await postgres.fetch_val("SELECT 1") == 1


async def test_idle_connections_that_were_killed_cost_no_failed_statement(postgres_url: str) -> None:
    async with one_connection(postgres_url) as database:
        await kill(postgres_url, await database.fetch_val("SELECT pg_backend_pid()"))
        await asyncio.sleep(0.05)
        assert await database.fetch_val("SELECT 1") == 1


async def test_a_full_pool_times_out_and_names_who_holds_it(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1, acquire_timeout=0.1) as database:
        async with database.transaction():
            await database.fetch_val("SELECT 1")
            with pytest.raises(PoolTimeout, match=r"all 1 are in use.*\(a transaction\)"):
                await asyncio.get_running_loop().create_task(
                    database.fetch_val("SELECT 1"), context=contextvars.Context()
                )


async def test_session_settings_do_not_reach_the_next_borrower(postgres_url: str) -> None:
    async with one_connection(postgres_url) as database:
        pid = await database.fetch_val("SELECT pg_backend_pid()")
        before = await database.fetch_val("SHOW work_mem")
        async with database.connection() as connection:
            await connection.execute("SET work_mem = '7MB'")
            assert await database.fetch_val("SHOW work_mem") == "7MB"
            await database.fetch_val("SELECT pg_advisory_lock(42)")
        assert await database.fetch_val("SHOW work_mem") == before
        assert await database.fetch_val("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
        await database.execute("SET work_mem = '7MB'")
        assert await database.fetch_val("SHOW work_mem") == before
        async with database.connection() as connection:
            await connection.raw_connection.execute("SET work_mem = '7MB'; BEGIN")
        assert await database.fetch_val("SHOW work_mem") == before
        assert await database.fetch_val("SELECT pg_backend_pid()") == pid


async def test_isolation_read_only_and_deferrable_reach_the_server(postgres: Database) -> None:
    async with postgres.transaction(isolation="repeatable_read", read_only=True, deferrable=True):
        assert await postgres.fetch_val("SHOW transaction_isolation") == "repeatable read"
        assert await postgres.fetch_val("SHOW transaction_read_only") == "on"
        assert await postgres.fetch_val("SHOW transaction_deferrable") == "on"


async def test_iterate_uses_a_cursor_and_gives_its_connection_back(postgres: Database, table: None) -> None:
    await postgres.execute("INSERT INTO acc SELECT n, n FROM generate_series(1, 1300) n")
    assert [row.id async for row in postgres.iterate("SELECT id FROM acc ORDER BY id")] == list(range(1, 1301))
    async with aclosing(postgres.iterate("SELECT generate_series(1, 1000000000) AS n")) as rows:
        async for row in rows:
            if row.n == 600:
                break
    async with asyncio.timeout(2):
        while postgres.statistics()["in_use"]:
            await asyncio.sleep(0.001)


async def test_values_cross_as_asyncpg_takes_them(postgres: Database) -> None:
    await postgres.execute(
        "CREATE TABLE kinds (a timestamptz, b uuid, c numeric, d boolean, e date, f bytea, g integer[], h jsonb)"
    )
    values = {
        "a": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "b": uuid.UUID(int=5),
        "c": decimal.Decimal("1.50"),
        "d": True,
        "e": dt.date(2026, 1, 2),
        "f": b"\x00",
        "g": [1, 2],
        "h": '{"a": 1}',
    }
    await postgres.execute("INSERT INTO kinds VALUES (:a, :b, :c, :d, :e, :f, :g, :h)", values)
    row = await postgres.fetch_one("SELECT * FROM kinds")
    assert row is not None
    assert dict(row._mapping) == values


async def test_what_execute_returns(postgres: Database, table: None) -> None:
    assert await postgres.execute("INSERT INTO acc VALUES (1, 1)") is None
    assert await postgres.execute("INSERT INTO acc VALUES (2, 1) RETURNING id") == 2
    assert await postgres.execute("UPDATE acc SET v = 3") == 2
    assert await postgres.execute("DELETE FROM acc WHERE id = :id", {"id": 1}) == 1
    assert await postgres.execute("SELECT v FROM acc") == 3
    assert await postgres.execute("SELECT v FROM acc WHERE id = 99") is None


async def test_execute_many_is_all_or_nothing(postgres: Database, table: None) -> None:
    with pytest.raises(IntegrityError):
        await postgres.execute_many("INSERT INTO acc VALUES (:id, 1)", [{"id": 1}, {"id": 2}, {"id": 1}])
    assert await postgres.fetch_all("SELECT * FROM acc") == []


async def test_errors_say_which_constraint_and_columns(postgres: Database) -> None:
    await postgres.execute(
        "CREATE TABLE t (id SERIAL PRIMARY KEY, a TEXT NOT NULL, b INT CONSTRAINT positive CHECK (b > 0), "
        "CONSTRAINT pair UNIQUE (a, b))"
    )
    await postgres.execute("INSERT INTO t (a, b) VALUES ('x', 1)")
    with pytest.raises(IntegrityError) as caught:
        await postgres.execute("INSERT INTO t (a, b) VALUES ('x', 1)")
    assert (caught.value.constraint, caught.value.columns) == ("pair", ("a", "b"))
    with pytest.raises(IntegrityError) as caught:
        await postgres.execute("INSERT INTO t (b) VALUES (1)")
    assert caught.value.columns == ("a",)
    with pytest.raises(IntegrityError) as caught:
        await postgres.execute("INSERT INTO t (a, b) VALUES ('y', 0)")
    assert caught.value.constraint == "positive"


async def test_wrong_statements_and_values_have_their_error(postgres: Database, table: None) -> None:
    for wrong in ("SELEC 1", "SELECT * FROM nope", "SELECT nope FROM acc"):
        with pytest.raises(ProgrammingError):
            await postgres.fetch_all(wrong)
    with pytest.raises(DataError):
        await postgres.execute("INSERT INTO acc VALUES (:id, 1)", {"id": 2**40})
    with pytest.raises(DataError):
        await postgres.execute("INSERT INTO acc VALUES (:id, 1)", {"id": "x"})
    with pytest.raises(DataError, match=r"argument \$1: 'str' object cannot") as caught:
        await postgres.execute("INSERT INTO acc VALUES (:id, 1)", {"id": "my (secret) password"})
    assert "secret" not in str(caught.value)
    with pytest.raises(DataError):
        await postgres.fetch_val("SELECT 1 / 0")


async def test_command_timeout_is_an_operational_error(postgres_url: str) -> None:
    async with one_connection(f"{postgres_url}?command_timeout=0.05") as database:
        with pytest.raises(OperationalError, match="command_timeout"):
            await database.fetch_val("SELECT pg_sleep(2)")
        assert await database.fetch_val("SELECT 1") == 1


async def test_connecting_to_nothing_is_explained_without_the_password(postgres_url: str) -> None:
    url = DatabaseURL("postgresql://user:topsecret@127.0.0.1:1/x")
    with pytest.raises(ConnectionFailed, match="Is PostgreSQL running there") as caught:
        await Database(url).connect()
    assert "topsecret" not in str(caught.value)
    missing = DatabaseURL(postgres_url).replace(database="no_such")
    with pytest.raises(ConnectionFailed, match="createdb no_such"):
        await Database(missing).connect()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+aiopg"])
async def test_all_spellings_of_the_scheme(postgres_url: str, scheme: str) -> None:
    async with Database(postgres_url.replace("postgresql", scheme, 1) + "?min_size=2&ssl=false") as database:
        assert await database.fetch_val("SELECT 1") == 1
        assert database.statistics()["size"] == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [("min_siz=1", 'Did you mean "min_size"'), ("max_size=many", "is a number"), ("server_settings=x", "dictionary")],
)
def test_wrong_options_are_explained(option: str, message: str) -> None:
    with pytest.raises(InterfaceError, match=message):
        Database(f"postgresql://localhost/x?{option}")


async def test_an_event_loop_that_ended_does_not_hinder_the_next(postgres_url: str) -> None:
    database = Database(postgres_url)

    other_loop = asyncio.new_event_loop()
    await asyncio.to_thread(other_loop.run_until_complete, database.connect())
    with pytest.raises(InterfaceError, match="another event loop"):
        await database.fetch_val("SELECT 1")
    await database.disconnect()
    await asyncio.to_thread(other_loop.run_until_complete, asyncio.sleep(0.01))
    other_loop.close()
    async with database:
        assert await database.fetch_val("SELECT 1") == 1


def test_driver_missing_says_how_to_install_it() -> None:
    script = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from vivace.databases import Database\n"
        "Database('sqlite://')\n"
        "Database('postgresql://user:secret@localhost/x')\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "DriverMissing" in process.stderr
    assert 'pip install "vivace[postgres]"' in process.stderr
    assert "secret@" not in process.stderr.splitlines()[-1]
