"""SQLite as a whole: opening files, options, two processes, cancellation, what belongs to which connection."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import decimal
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends.sqlite.backend import SQLiteBackend
from vivace.databases.backends.sqlite.opener import Opener
from vivace.databases.backends.sqlite.options import Options
from vivace.databases.errors import (
    ConnectionFailed,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PoolTimeout,
    ProgrammingError,
    SerializationFailure,
    TransactionAborted,
)
from vivace.databases.url import DatabaseURL

pytestmark = pytest.mark.anyio


async def test_the_file_is_set_up_for_many_readers_and_a_writer(sqlite: Database) -> None:
    assert await sqlite.fetch_val("PRAGMA journal_mode") == "wal"
    assert await sqlite.fetch_val("PRAGMA synchronous") == 1
    assert await sqlite.fetch_val("PRAGMA foreign_keys") == 1
    async with sqlite.connection() as connection:
        assert await connection.fetch_val("PRAGMA foreign_keys") == 1
        assert await connection.fetch_val("PRAGMA busy_timeout") == 5000


async def test_options_of_the_url_and_keywords(sqlite_url: str) -> None:
    url = f"{sqlite_url}?foreign_keys=off&synchronous=full&journal_mode=DELETE"
    async with Database(url, timeout=1.5, cached_statements=10) as database:
        assert await database.fetch_val("PRAGMA foreign_keys") == 0
        assert await database.fetch_val("PRAGMA synchronous") == 2
        assert await database.fetch_val("PRAGMA journal_mode") == "delete"
        assert await database.fetch_val("PRAGMA busy_timeout") == 1500


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("forein_keys=1", 'Did you mean "foreign_keys"'),
        ("foreign_keys=maybe", "true or false, got 'maybe'"),
        ("timeout=long", "is a number, got 'long'"),
        ("mode=read", "no mode 'read'"),
        ("readers=0", "at least 1"),
        ("synchronous=sometimes", "Choices: extra, full, normal, off"),
    ],
)
def test_wrong_options_are_explained(option: str, message: str) -> None:
    with pytest.raises(InterfaceError, match=message):
        Database(f"sqlite:///x.db?{option}")


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match=r"the folder .*/no/such' does not exist"):
        await Database(f"sqlite:///{tmp_path}/no/such/x.db").connect()


async def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="it is a folder"):
        await Database(f"sqlite:///{tmp_path}").connect()
    with pytest.raises(ConnectionFailed, match="mode=ro does not make it"):
        await Database(f"sqlite:///{tmp_path}/x.db?mode=ro").connect()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("hello, I am no database at all, " * 100)
    with pytest.raises(ConnectionFailed, match="file is not a database"):
        await Database(f"sqlite:///{tmp_path}/x.db").connect()


async def test_read_only_files_can_be_read_but_not_written(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (id INTEGER)")
    async with Database(f"{sqlite.url}?mode=ro") as database:
        assert await database.fetch_all("SELECT * FROM t") == []
        with pytest.raises(OperationalError, match=r"readonly.*mode=ro"):
            await database.execute("INSERT INTO t VALUES (1)")


@pytest.mark.parametrize("name", ["with space.db", "quer?y#hash%.db", "ünï.db"])
async def test_odd_file_names(tmp_path: Path, name: str) -> None:
    url = Database("sqlite:///x.db").url.replace(database=str(tmp_path / "x.db")).replace(database=str(tmp_path / name))
    async with Database(url) as database:
        await database.execute("CREATE TABLE t (id INTEGER)")
    assert (tmp_path / name).exists()


async def test_values_of_raw_statements_are_stored_as_columns_have_them(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (a, b, c, d, e, f)")
    tokyo = dt.timezone(dt.timedelta(hours=9))
    values = {
        "a": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=tokyo),
        "b": dt.datetime(2026, 1, 2),  # noqa: DTZ001 (as columns without a time zone have it)
        "c": dt.date(2026, 1, 2),
        "d": dt.time(1, 2),
        "e": decimal.Decimal("1.50"),
        "f": uuid.UUID(int=5),
    }
    await sqlite.execute("INSERT INTO t VALUES (:a, :b, :c, :d, :e, :f)", values)
    assert await sqlite.fetch_one("SELECT * FROM t") == (
        "2026-01-01 18:04:05",
        "2026-01-02 00:00:00",
        "2026-01-02",
        "01:02:00",
        "1.50",
        "00000000000000000000000000000005",
    )


async def test_errors_say_which_constraint_and_columns(sqlite: Database) -> None:
    await sqlite.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INT, "
        "CONSTRAINT positive CHECK (b > 0), UNIQUE (a, b))"
    )
    await sqlite.execute("INSERT INTO t (a, b) VALUES ('x', 1)")
    with pytest.raises(IntegrityError) as caught:
        await sqlite.execute("INSERT INTO t (a, b) VALUES ('x', 1)")
    assert caught.value.columns == ("a", "b")
    with pytest.raises(IntegrityError) as caught:
        await sqlite.execute("INSERT INTO t (a) VALUES (NULL)")
    assert caught.value.columns == ("a",)
    with pytest.raises(IntegrityError) as caught:
        await sqlite.execute("INSERT INTO t (a, b) VALUES ('x', 0)")
    assert caught.value.constraint == "positive"
    assert "[SQL: INSERT INTO t (a, b) VALUES ('x', 0)]" in str(caught.value)


async def test_wrong_statements_and_values_have_their_error(sqlite: Database) -> None:
    for wrong in ("SELEC 1", "SELECT * FROM nope", "SELECT 'a"):
        with pytest.raises(ProgrammingError):
            await sqlite.fetch_all(wrong)
    with pytest.raises(DataError):
        await sqlite.fetch_all("SELECT :n", {"n": 2**70})
    with pytest.raises(DataError):
        await sqlite.fetch_all("SELECT :n", {"n": "\ud800"})
    with pytest.raises(InterfaceError):
        await sqlite.fetch_all("SELECT :n", {"n": object()})


async def test_two_processes_write_the_same_file(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (who TEXT, n INTEGER)")
    script = (
        "import asyncio, sys\n"
        "from vivace.databases import Database\n"
        "async def main():\n"
        "    async with Database(sys.argv[1], timeout=20) as database:\n"
        "        for n in range(100):\n"
        "            await database.execute('INSERT INTO t VALUES (:w, :n)', {'w': 'other', 'n': n})\n"
        "            async with database.atomic():\n"
        "                top = await database.fetch_val('SELECT count(*) FROM t')\n"
        "                await database.execute('INSERT INTO t VALUES (:w, :n)', {'w': 'count', 'n': top})\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(sqlite.url), stderr=subprocess.PIPE
    )

    async def write() -> None:
        for n in range(100):
            await asyncio.gather(
                *[sqlite.execute("INSERT INTO t VALUES ('ours', :n)", {"n": n * 3 + k}) for k in range(3)]
            )
            async with sqlite.atomic():
                top = await sqlite.fetch_val("SELECT count(*) FROM t")
                await sqlite.execute("INSERT INTO t VALUES ('count', :n)", {"n": top})

    _, (_, stderr) = await asyncio.gather(write(), process.communicate())
    assert process.returncode == 0, stderr.decode()
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 600
    # Each atomic block saw the exact number of rows before its own: nobody wrote in between.
    wrong = "SELECT count(*) FROM t WHERE who = 'count' AND n <> rowid - 1"
    assert await sqlite.fetch_val(wrong) == 0


async def test_a_cancelled_read_is_interrupted(sqlite: Database) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT count(*) FROM n"
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sqlite.fetch_val(slow), 0.05)
    with pytest.raises(TimeoutError):
        async with sqlite.connection() as connection:
            await asyncio.wait_for(connection.fetch_val(slow), 0.05)
    await sqlite.disconnect()
    assert time.monotonic() - started < 2


async def test_a_cancelled_write_is_interrupted_and_takes_nothing_with_it(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER)")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000)"
    slow = f"INSERT INTO t {numbers} SELECT i FROM n"
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sqlite.execute(slow), 0.05)
    assert await sqlite.execute("INSERT INTO t VALUES (1)") == 1
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 1
    assert time.monotonic() - started < 2


async def test_a_pinned_connection_keeps_its_settings_and_loses_them_after(sqlite: Database) -> None:
    async with sqlite.connection() as connection:
        await connection.execute("PRAGMA foreign_keys = OFF")
        await connection.execute("CREATE TEMP TABLE mine (id INTEGER)")
        assert await sqlite.fetch_val("PRAGMA foreign_keys") == 0
        async with connection.transaction():
            await connection.execute("INSERT INTO mine VALUES (1)")
        assert await connection.fetch_val("SELECT count(*) FROM mine") == 1
        assert connection.raw_connection.total_changes == 1
    async with sqlite.connection() as connection:
        assert await connection.fetch_val("PRAGMA foreign_keys") == 1
        with pytest.raises(ProgrammingError):
            await connection.execute("INSERT INTO mine VALUES (1)")


async def test_sessions_are_limited_and_the_timeout_names_their_holders(sqlite_url: str) -> None:
    async with Database(sqlite_url, max_size=1, acquire_timeout=0.05) as database:
        async with database.connection():
            with pytest.raises(PoolTimeout, match=r"all 1 are in use.*a connection"):
                await asyncio.get_running_loop().create_task(_pin(database), context=contextvars.Context())
        await _pin(database)


async def _pin(database: Database) -> None:
    async with database.connection() as connection:
        await connection.fetch_val("SELECT 1")


async def test_iterate_reads_one_snapshot_in_bounded_memory(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER)")
    await sqlite.execute_many("INSERT INTO t VALUES (:n)", [{"n": n} for n in range(2000)])
    seen = 0
    async for row in sqlite.iterate("SELECT n FROM t"):
        if row.n == 10:
            await sqlite.execute("DELETE FROM t WHERE n > 1000")
        seen += 1
    assert seen == 2000
    async with aclosing(sqlite.iterate("SELECT n FROM t")) as rows:
        async for _ in rows:
            break
    assert sqlite.statistics()["in_use"] == 0


async def test_databases_in_memory_are_apart_and_vanish() -> None:
    async with Database("sqlite://") as one, Database("sqlite:///:memory:") as other:
        await one.execute("CREATE TABLE t (n INTEGER)")
        with pytest.raises(ProgrammingError):
            await other.fetch_all("SELECT * FROM t")
    async with one:
        with pytest.raises(ProgrammingError):
            await one.fetch_all("SELECT * FROM t")


async def test_in_memory_autocommit_reads_never_see_an_open_transaction() -> None:
    async with Database("sqlite://") as database:
        await database.execute("CREATE TABLE t (n INTEGER)")
        async with database.transaction(force_rollback=True):
            await database.execute("INSERT INTO t VALUES (1)")
            outside = asyncio.get_running_loop().create_task(
                database.fetch_val("SELECT count(*) FROM t"), context=contextvars.Context()
            )
            await asyncio.sleep(0.01)
            assert not outside.done()
        assert await outside == 0


async def test_reader_threads_are_added_only_when_reads_stall(sqlite: Database) -> None:
    await asyncio.gather(*[sqlite.fetch_val(f"SELECT {n}") for n in range(50)])
    assert sqlite.statistics()["readers"] <= 2
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n"
    await asyncio.gather(*[sqlite.fetch_val(slow) for _ in range(3)])
    assert 2 <= sqlite.statistics()["readers"] <= 4


async def test_nothing_is_left_open_after_disconnect(sqlite_url: str) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with Database(sqlite_url) as database:
            await database.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
            async with database.transaction():
                await database.fetch_all("SELECT * FROM t")
    assert len(os.listdir("/proc/self/fd")) <= descriptors


async def test_a_cancelled_insert_of_many_rows_is_interrupted(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER)")
    plan = Plan("INSERT INTO t VALUES (?)", reads=False, returns_rows=False)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sqlite.execute_plan_many(plan, ((n,) for n in range(10**8))), 0.05)
    assert await sqlite.execute_plan(plan, (1,)) == 1
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 1
    assert time.monotonic() - started < 5


async def test_rows_changed_by_statements_that_begin_with_with_are_counted(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    assert await sqlite.execute("/* a */ WITH a AS (SELECT 5 AS n) INSERT INTO t SELECT n FROM a") == 5
    assert await sqlite.execute("-- b\nINSERT INTO t VALUES (6)") == 6
    assert await sqlite.execute("WITH a AS (SELECT 5 AS n) DELETE FROM t WHERE n IN (SELECT n FROM a)") == 1
    plan = Plan("WITH a AS (SELECT 6 AS n) DELETE FROM t WHERE n IN (SELECT n FROM a)", reads=False, returns_rows=False)
    assert await sqlite.execute_plan(plan) == 1


async def test_slow_reads_leave_a_thread_to_the_others(sqlite_url: str) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n) SELECT count(*) FROM n"
    async with Database(f"{sqlite_url}?readers=2") as database:
        await database.fetch_val(slow, {"n": 100_000})
        reads = [asyncio.create_task(database.fetch_val(slow, {"n": 10**9})) for _ in range(4)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            assert await database.fetch_val("SELECT count(*) FROM sqlite_master") == 0
        for read in reads:
            read.cancel()
        await asyncio.wait(reads)


async def test_disconnect_breaks_off_what_does_not_end(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivace.databases.backends.sqlite.backend.CLOSE_TIMEOUT", 0.1)
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    read = asyncio.create_task(sqlite.fetch_val(slow))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await sqlite.disconnect()
    with pytest.raises(OperationalError, match="interrupted"):
        await read


async def test_a_full_disk_fails_only_whoever_needed_the_room(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, v TEXT)")
    await sqlite.execute("PRAGMA max_page_count = 20")
    insert = "INSERT INTO t (v) VALUES (:v)"
    found = await asyncio.gather(
        *[sqlite.execute(insert, {"v": "x" * size}) for size in (10, 10, 1_000_000, 10)], return_exceptions=True
    )
    assert [isinstance(result, OperationalError) for result in found] == [False, False, True, False]
    assert "full" in str(found[2])
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 3


async def test_a_trigger_that_rolls_back_takes_back_only_its_own_statement(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER)")
    await sqlite.execute(
        "CREATE TRIGGER no_threes BEFORE INSERT ON t WHEN new.n = 3 BEGIN SELECT RAISE(ROLLBACK, 'no threes'); END"
    )
    inserts = [sqlite.execute("INSERT INTO t VALUES (:n)", {"n": n}) for n in range(6)]
    found = await asyncio.gather(*inserts, return_exceptions=True)
    assert [isinstance(result, IntegrityError) for result in found] == [False, False, False, True, False, False]
    assert await sqlite.fetch_val("SELECT group_concat(n) FROM t") == "0,1,2,4,5"
    with pytest.raises(TransactionAborted):
        async with sqlite.atomic():
            await sqlite.execute("INSERT INTO t VALUES (7)")
            with suppress(IntegrityError):
                await sqlite.execute("INSERT INTO t VALUES (3)")
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 5


async def test_tables_may_change_under_readers(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER)")
    await sqlite.execute("INSERT INTO t VALUES (1)")
    for number in range(4):
        for _ in range(3):
            row = await sqlite.fetch_one("SELECT * FROM t")
            assert row is not None
            assert list(row.keys()) == ["n", *[f"c{k}" for k in range(number)]]
        await sqlite.execute(f"ALTER TABLE t ADD COLUMN c{number}")
        await sqlite.execute("VACUUM")


async def test_odd_values_come_back_as_they_went_in(sqlite: Database) -> None:
    for value in ("a\0b", "", "\U0001f600", b"", b"\0\xff", 2**63 - 1, -(2**63), float("inf"), -0.0, True):
        assert await sqlite.fetch_val("SELECT :v", {"v": value}) == value
    # SQLite has no NaN.
    assert await sqlite.fetch_val("SELECT :v", {"v": float("nan")}) is None
    with pytest.raises(DataError, match="not UTF-8") as caught:
        await sqlite.fetch_val("SELECT CAST(x'ff5151' AS TEXT) AS name")
    assert "QQ" not in str(caught.value)


async def test_a_statement_that_comes_too_late_is_told_so(sqlite: Database) -> None:
    transaction = await sqlite.transaction()
    await sqlite.execute("CREATE TABLE t (n INTEGER)")
    backend = sqlite.backend
    backend.abandon()
    with pytest.raises(InterfaceError, match="disconnect"):
        await sqlite.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(InterfaceError, match="disconnect"):
        await transaction.rollback()


def test_a_new_file_may_be_opened_by_many_at_the_same_time(tmp_path: Path) -> None:
    for number in range(10):
        opener = Opener(DatabaseURL(f"sqlite:///{tmp_path}/{number}.db"), Options())
        with ThreadPoolExecutor(8) as threads:
            for opening in [threads.submit(opener.open) for _ in range(8)]:
                opening.result().close()


async def test_the_error_of_a_locked_file_names_the_process(sqlite_url: str) -> None:
    async with Database(f"{sqlite_url}?timeout=0.2") as database:
        await database.execute("CREATE TABLE t (n INTEGER)")
        script = (
            "import sqlite3, sys\n"
            "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('BEGIN IMMEDIATE')\n"
            "print('locked', flush=True)\n"
            "sys.stdin.readline()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, database.url.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            holder = f"process {process.pid}" if sys.platform == "linux" else "another process"
            with pytest.raises(SerializationFailure, match=f"{holder}.* held SQLite's lock"):
                await database.execute("INSERT INTO t VALUES (1)")
            inserts = [database.execute("INSERT INTO t VALUES (1)") for _ in range(3)]
            found = await asyncio.gather(*inserts, return_exceptions=True)
            assert all(holder in str(error) for error in found)
            process.communicate(b"\n")
        assert await database.execute("INSERT INTO t VALUES (1)") == 1


async def test_what_is_set_outside_a_transaction_holds_for_every_connection(sqlite: Database, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    async with Database(f"sqlite:///{other}") as database:
        await database.execute("CREATE TABLE o (n INTEGER)")
        await database.execute("INSERT INTO o VALUES (7)")
    async with sqlite.connection() as connection:
        assert await connection.fetch_val("SELECT 1") == 1  # a session opened before
    await sqlite.execute("ATTACH :file AS other", {"file": str(other)})
    await sqlite.execute("PRAGMA case_sensitive_like = ON")
    sql = "SELECT n FROM other.o WHERE 'a' NOT LIKE 'A'"
    for _ in range(3):
        assert await sqlite.fetch_val(sql) == 7
    async with sqlite.transaction(read_only=True):
        assert await sqlite.fetch_val(sql) == 7
    await sqlite.execute("DETACH other")
    with pytest.raises(ProgrammingError):
        await sqlite.fetch_val(sql)


@pytest.mark.parametrize("url", ["file", "sqlite:///:memory:", "sqlite:///file::memory:?cache=shared&uri=true"])
async def test_on_connect_sets_up_every_connection(sqlite_url: str, url: str) -> None:
    def on_connect(connection: sqlite3.Connection) -> None:
        connection.create_function("double", 1, lambda value: value * 2, deterministic=True)
        connection.create_collation("backwards", lambda a, b: (a < b) - (a > b))

    async with Database(sqlite_url if url == "file" else url, on_connect=on_connect) as database:
        for _ in range(3):
            assert await database.fetch_val("SELECT double(:n)", {"n": 4}) == 8
        async with database.connection() as connection:
            assert await connection.fetch_val("SELECT max('a' COLLATE backwards, 'b')") == "a"
        async with database.atomic():
            assert await database.fetch_val("SELECT double(3)") == 6


async def test_an_on_connect_that_fails_is_named(sqlite_url: str) -> None:
    def on_connect(connection: sqlite3.Connection) -> None:
        connection.load_extension("no_such_extension")

    with pytest.raises(ConnectionFailed, match="on_connect failed for"):
        await Database(sqlite_url, on_connect=on_connect).connect()


async def test_options_of_other_packages_are_taken_or_refused_with_a_reason(sqlite_url: str) -> None:
    url = f"{sqlite_url}?check_same_thread=false&uri=true&isolation_level=IMMEDIATE&detect_types=0&min_size=1"
    async with Database(f"{url}&busy_timeout=1500&cache_size=-4000&temp_store=memory") as database:
        async with database.connection() as connection:
            assert await connection.fetch_val("PRAGMA busy_timeout") == 1500
            assert await connection.fetch_val("PRAGMA cache_size") == -4000
            assert await connection.fetch_val("PRAGMA temp_store") == 2
    for option, reason in [
        ("detect_types=3", "into="),
        ("factory=x", "on_connect"),
        ("locking_mode=exclusive", "several connections"),
        ("cache_size=1;DROP", "a number or a word"),
        ("busy_timeout=soon", "is a number"),
    ]:
        with pytest.raises(InterfaceError, match=reason):
            Database(f"{sqlite_url}?{option}")


async def test_a_backup_is_a_snapshot_while_others_write(sqlite: Database, tmp_path: Path) -> None:
    await sqlite.execute("CREATE TABLE t (n INTEGER, v TEXT)")
    await sqlite.execute_many("INSERT INTO t VALUES (:n, :v)", [{"n": n, "v": "x" * 2000} for n in range(500)])
    target = tmp_path / "copy.db"
    seen: list[tuple[int, int]] = []
    backend = sqlite.backend
    assert isinstance(backend, SQLiteBackend)
    copying = asyncio.create_task(backend.backup(target, pages=10, progress=lambda *found: seen.append(found)))
    written = 0
    while not copying.done():
        await sqlite.execute("INSERT INTO t VALUES (:n, 'late')", {"n": 1000 + written})
        written += 1
    await copying
    assert len(seen) > 10
    assert seen[-1][0] == seen[-1][1]
    async with Database(f"sqlite:///{target}") as copy:
        late = await copy.fetch_all("SELECT n FROM t WHERE v = 'late' ORDER BY n")
        assert [row.n for row in late] == [1000 + number for number in range(len(late))]
        assert await copy.fetch_val("PRAGMA integrity_check") == "ok"
        assert len(late) < written
    with pytest.raises(OperationalError):
        await backend.backup(tmp_path / "no" / "folder.db")
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 500 + written


async def test_a_cancelled_backup_leaves_no_part_of_a_file(sqlite: Database, tmp_path: Path) -> None:
    await sqlite.execute("CREATE TABLE t (v TEXT)")
    await sqlite.execute_many("INSERT INTO t VALUES (:v)", [{"v": "x" * 5000} for _ in range(1000)])
    is_going = asyncio.Event()
    backend = sqlite.backend
    assert isinstance(backend, SQLiteBackend)
    copying = asyncio.create_task(backend.backup(tmp_path / "copy.db", pages=1, progress=lambda *_: is_going.set()))
    await is_going.wait()
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    await sqlite.disconnect()
    # On a busy machine the copy may have been complete before the thread heard of it.
    own = {"test.db", "test.db-wal", "test.db-shm"}
    assert {file.name for file in tmp_path.iterdir()} - own <= {"copy.db"}


async def test_statistics_of_tables_are_brought_up_to_date_at_the_end(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (a INTEGER, b INTEGER)")
    await sqlite.execute("CREATE INDEX t_a ON t (a)")
    await sqlite.execute("CREATE INDEX t_b ON t (b)")
    await sqlite.execute_many("INSERT INTO t VALUES (:a, :b)", [{"a": n % 3, "b": n} for n in range(1000)])
    await sqlite.execute("ANALYZE")
    await sqlite.execute("DELETE FROM sqlite_stat1")
    await sqlite.disconnect()
    await sqlite.connect()
    await sqlite.fetch_all("SELECT * FROM t WHERE a = 1 AND b = 4")
    await sqlite.disconnect()
    await sqlite.connect()
    assert await sqlite.fetch_val("SELECT count(*) FROM sqlite_stat1") == 2


async def test_disconnect_does_not_wait_for_a_lock_to_bring_statistics_up_to_date(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (a INTEGER)")
    await sqlite.fetch_all("SELECT * FROM t WHERE a = 1")
    other = sqlite3.connect(sqlite.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(4):  # the lock would be waited for 5 seconds
        await sqlite.disconnect()
    other.close()
