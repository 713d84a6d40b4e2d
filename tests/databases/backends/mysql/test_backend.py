"""MySQL's and MariaDB's own ways: implicit commits, deadlocks, lost and killed connections, cursors."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database, DatabaseURL, Plan
from vivace.databases.errors import (
    CommitOutcomeUnknown,
    ConnectionFailed,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    PoolTimeout,
    ProgrammingError,
    SerializationFailure,
    TransactionAborted,
    TransactionError,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def table(mysql: Database) -> None:
    await mysql.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")


@asynccontextmanager
async def one_connection(url: str, **options: Any) -> AsyncIterator[Database]:
    async with Database(url, max_size=1, acquire_timeout=2.0, **options) as database:
        yield database


async def elsewhere(work: Any) -> Any:
    """Run outside the transaction of this task."""
    return await asyncio.get_running_loop().create_task(work, context=contextvars.Context())


async def kill(url: str, number: int) -> None:
    """Cut the connection of another session on the server's side."""
    async with Database(url) as other:
        await other.execute(f"KILL {number}")


async def running(database: Database, text: str) -> int:
    """How many statements with this text run on the server now."""
    found = await elsewhere(
        database.fetch_val(
            "SELECT count(*) FROM information_schema.processlist "
            "WHERE info LIKE :like AND info NOT LIKE '%processlist%'",
            {"like": f"%{text}%"},
        )
    )
    return int(found)


async def until_none_runs(database: Database, text: str) -> float:
    started = time.monotonic()
    async with asyncio.timeout(5):
        while await running(database, text):
            await asyncio.sleep(0.001)
    return time.monotonic() - started


# Transactions


async def test_a_failed_statement_undoes_itself_only(mysql: Database, table: None) -> None:
    async with mysql.transaction():
        await mysql.execute("INSERT INTO acc VALUES (1, 1)")
        with pytest.raises(IntegrityError):
            await mysql.execute("INSERT INTO acc VALUES (2, 1), (1, 1)")
        await mysql.execute("INSERT INTO acc VALUES (3, 1)")
    assert [row.id for row in await mysql.fetch_all("SELECT id FROM acc ORDER BY id")] == [1, 3]


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE other (id INTEGER)",
        "/*! CREATE */ TABLE other (id INTEGER)",
        "-- a comment\nALTER TABLE acc ADD COLUMN w INTEGER",
        "TRUNCATE TABLE acc",
        "DROP TABLE acc",
        "LOCK TABLES acc WRITE",
        "SET autocommit = 0",
        "SET @x = 1, SESSION autocommit = 1",
    ],
)
async def test_what_would_commit_a_transaction_is_refused_before_it_runs(
    mysql: Database, table: None, ddl: str
) -> None:
    async with mysql.transaction(force_rollback=True):
        await mysql.execute("INSERT INTO acc VALUES (1, 1)")
        with pytest.raises(TransactionError, match="outside the transaction"):
            await mysql.execute(ddl)
        await mysql.execute("INSERT INTO acc VALUES (2, 1)")
    assert await mysql.fetch_all("SELECT * FROM acc") == []


async def test_ddl_of_core_is_refused_too_and_temporary_tables_are_not(mysql: Database, table: None) -> None:
    async with mysql.transaction():
        with pytest.raises(TransactionError):
            await mysql.execute(sa.schema.DropTable(sa.Table("acc", sa.MetaData())))
        await mysql.execute("CREATE TEMPORARY TABLE mine (id INTEGER)")
        await mysql.execute("INSERT INTO mine VALUES (1)")
        await mysql.execute("DROP TEMPORARY TABLE mine")
        await mysql.execute("INSERT INTO acc VALUES (1, 1)")
    assert await mysql.fetch_val("SELECT count(*) FROM acc") == 1


async def test_a_procedure_that_commits_is_noticed_and_told(mysql: Database, table: None) -> None:
    await mysql.execute("CREATE PROCEDURE sly() BEGIN CREATE TABLE other (id INTEGER); END")
    with pytest.raises(TransactionError, match="is stored"):
        async with mysql.transaction():
            await mysql.execute("INSERT INTO acc VALUES (1, 1)")
            with pytest.raises(TransactionError, match="has committed"):
                await mysql.execute("CALL sly()")
            with pytest.raises(TransactionAborted, match="has committed"):
                await mysql.execute("INSERT INTO acc VALUES (2, 1)")
    assert [row.id for row in await mysql.fetch_all("SELECT id FROM acc")] == [1]


async def test_a_deadlock_is_a_serialization_failure_and_ends_the_transaction(mysql: Database, table: None) -> None:
    await mysql.execute("INSERT INTO acc VALUES (1, 0), (2, 0)")
    first_step, outcomes = asyncio.Barrier(2), []

    async def swap(one: int, two: int) -> None:
        try:
            async with mysql.transaction():
                await mysql.execute("UPDATE acc SET v = v + 1 WHERE id = :id", {"id": one})
                await first_step.wait()
                try:
                    await mysql.execute("UPDATE acc SET v = v + 1 WHERE id = :id", {"id": two})
                except SerializationFailure:
                    with pytest.raises(TransactionAborted, match="Deadlock"):
                        await mysql.fetch_val("SELECT 1")
                    raise
            outcomes.append("stored")
        except SerializationFailure:
            outcomes.append("lost")

    await asyncio.gather(swap(1, 2), swap(2, 1))
    assert sorted(outcomes) == ["lost", "stored"]
    assert [row.v for row in await mysql.fetch_all("SELECT v FROM acc")] == [1, 1]


async def test_retries_run_a_function_that_lost_again(mysql: Database, table: None) -> None:
    await mysql.execute("INSERT INTO acc VALUES (1, 0), (2, 0)")
    barrier, tries = asyncio.Barrier(2), []

    @mysql.transaction(retries=3)
    async def swap(one: int, two: int) -> None:
        tries.append(one)
        await mysql.execute("UPDATE acc SET v = v + 1 WHERE id = :id", {"id": one})
        if len(tries) <= 2:
            await barrier.wait()
        await mysql.execute("UPDATE acc SET v = v + 1 WHERE id = :id", {"id": two})

    await asyncio.gather(swap(1, 2), swap(2, 1))
    assert len(tries) == 3
    assert [row.v for row in await mysql.fetch_all("SELECT v FROM acc")] == [2, 2]


async def test_waiting_too_long_for_a_lock_is_a_serialization_failure(mysql: Database, table: None) -> None:
    await mysql.execute("INSERT INTO acc VALUES (1, 0)")
    async with mysql.transaction():
        await mysql.execute("UPDATE acc SET v = 1")
        impatient = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR UPDATE acc SET v = 2"
        with pytest.raises(SerializationFailure, match="Lock wait"):
            await elsewhere(mysql.execute(impatient))


async def test_isolation_and_read_only_reach_the_server(mysql: Database, table: None) -> None:
    async with mysql.transaction(isolation="read_committed"):
        await mysql.execute("INSERT INTO acc VALUES (1, 1)")
        level = await mysql.fetch_val(
            "SELECT trx_isolation_level FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()"
        )
        assert level == "READ COMMITTED"
    async with mysql.transaction(isolation="serializable", read_only=True):
        with pytest.raises(OperationalError, match="READ ONLY"):
            await mysql.execute("INSERT INTO acc VALUES (2, 1)")


# Cancelling


async def test_a_cancelled_statement_ends_on_the_server_even_when_the_pool_is_full(mysql_url: str) -> None:
    async with one_connection(mysql_url) as database, Database(mysql_url) as other:
        for kind in ("fetch_all", "execute"):
            task = asyncio.create_task(getattr(database, kind)(f"SELECT sleep(20), '{kind}'"))
            async with asyncio.timeout(5):
                while not await running(other, f"sleep(20), '{kind}'"):
                    await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await until_none_runs(other, f"sleep(20), '{kind}'") < 5
            assert await database.fetch_val("SELECT 1") == 1
        counted = database.statistics()
        assert (counted["size"], counted["in_use"], counted["discarded"]) == (1, 0, 2)


async def test_a_cancelled_statement_of_a_transaction_frees_its_locks(mysql: Database, table: None) -> None:
    await mysql.execute("INSERT INTO acc VALUES (1, 0)")
    with pytest.raises(TransactionAborted, match="cancelled halfway"):
        async with mysql.transaction():
            await mysql.execute("UPDATE acc SET v = 1")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(mysql.fetch_val("SELECT sleep(20)"), 0.05)
            with pytest.raises(TransactionAborted):
                await mysql.execute("UPDATE acc SET v = 2")
    quick = "SET STATEMENT innodb_lock_wait_timeout = 1 FOR UPDATE acc SET v = v + 10"
    assert await mysql.execute(quick) is None
    assert await mysql.fetch_val("SELECT v FROM acc") == 10


async def test_a_cancelled_inner_block_takes_the_outer_one_with_it(mysql: Database, table: None) -> None:
    with pytest.raises(TransactionAborted):
        async with mysql.transaction():
            await mysql.execute("INSERT INTO acc VALUES (1, 1)")
            with pytest.raises(TransactionAborted):
                async with mysql.transaction():
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(mysql.fetch_val("SELECT sleep(20)"), 0.05)
            await mysql.execute("INSERT INTO acc VALUES (2, 1)")
    assert await mysql.fetch_all("SELECT * FROM acc") == []


async def test_many_cancelled_statements_leak_nothing(mysql_url: str) -> None:
    async with Database(mysql_url, max_size=3, acquire_timeout=5.0) as database:
        for delay in (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01):
            tasks = [asyncio.create_task(database.fetch_val("SELECT sleep(0.02)")) for _ in range(8)]
            await asyncio.sleep(delay)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait(tasks)
        assert await database.fetch_val("SELECT 1") == 1
        async with asyncio.timeout(5):
            while database.statistics()["in_use"]:
                await asyncio.sleep(0.001)
        assert database.statistics()["size"] <= 3


# Lost connections


async def test_a_transaction_whose_connection_is_killed_fails_clearly_and_the_next_works(
    mysql: Database, table: None, mysql_url: str
) -> None:
    with pytest.raises(ConnectionFailed, match="lost"):
        async with mysql.transaction():
            await mysql.execute("INSERT INTO acc VALUES (1, 1)")
            await kill(mysql_url, await mysql.fetch_val("SELECT CONNECTION_ID()"))
            await mysql.execute("INSERT INTO acc VALUES (2, 1)")
    assert await mysql.fetch_all("SELECT * FROM acc") == []
    assert not mysql.in_transaction


async def test_a_connection_killed_before_commit_stores_nothing_and_says_so(
    mysql: Database, table: None, mysql_url: str
) -> None:
    with pytest.raises((ConnectionFailed, CommitOutcomeUnknown)):
        async with mysql.transaction():
            await mysql.execute("INSERT INTO acc VALUES (1, 1)")
            await kill(mysql_url, await mysql.fetch_val("SELECT CONNECTION_ID()"))
            await asyncio.sleep(0.05)
    assert await mysql.fetch_all("SELECT * FROM acc") == []


async def test_a_transaction_begins_anew_when_the_idle_connection_was_dead(mysql_url: str) -> None:
    async with one_connection(mysql_url) as database:
        number = await database.fetch_val("SELECT CONNECTION_ID()")
        await kill(mysql_url, number)
        async with database.transaction():
            assert await database.fetch_val("SELECT CONNECTION_ID()") != number


async def test_idle_connections_that_were_killed_cost_no_failed_statement(mysql_url: str) -> None:
    async with one_connection(mysql_url) as database:
        await kill(mysql_url, await database.fetch_val("SELECT CONNECTION_ID()"))
        await asyncio.sleep(0.05)
        assert await database.fetch_val("SELECT 1") == 1


async def test_a_full_pool_times_out_and_names_who_holds_it(mysql_url: str) -> None:
    async with Database(mysql_url, max_size=1, acquire_timeout=0.1) as database, database.transaction():
        await database.fetch_val("SELECT 1")
        with pytest.raises(PoolTimeout, match=r"all 1 are in use.*\(a transaction\)"):
            await elsewhere(database.fetch_val("SELECT 1"))


# Sessions


async def test_sessions_are_strict_in_utc_and_in_utf8(mysql: Database) -> None:
    row = await mysql.fetch_one("SELECT @@time_zone, @@sql_mode, @@character_set_client, @@autocommit")
    assert row is not None
    assert (row[0], row[2], row[3]) == ("+00:00", "utf8mb4", 1)
    assert {"STRICT_TRANS_TABLES", "NO_ZERO_DATE"} <= set(row[1].split(","))


async def test_session_settings_do_not_reach_the_next_borrower(mysql_url: str) -> None:
    async with one_connection(mysql_url) as database:
        number = await database.fetch_val("SELECT CONNECTION_ID()")
        state = "SELECT CONCAT_WS('|', @@sort_buffer_size, @@sql_mode, @@time_zone, @mine, DATABASE())"
        before = await database.fetch_val(state)
        async with database.connection() as connection:
            await connection.execute("SET SESSION sort_buffer_size = 65536, @mine = 'x'")
            await connection.execute("SET time_zone = '+05:00'")
            await connection.fetch_val("SELECT GET_LOCK('l', 1)")
            await connection.execute("CREATE TEMPORARY TABLE vivace.mine (id INTEGER)")
            await connection.execute("USE information_schema")
            assert await database.fetch_val(state) != before
        assert await database.fetch_val(state) == before
        with pytest.raises(ProgrammingError, match="mine"):
            await database.fetch_all("SELECT * FROM mine")
        for leaves_something in ("SET @mine = 5", "SELECT @mine := 5", "USE information_schema"):
            await database.execute(leaves_something)
            assert await database.fetch_val(state) == before
        async with database.connection() as connection:
            await connection.raw_connection.query("SET autocommit = 0")
        assert await database.fetch_val("SELECT @@autocommit") == 1
        assert await database.fetch_val("SELECT CONNECTION_ID()") == number


async def test_several_statements_in_one_text_are_refused(mysql: Database, table: None) -> None:
    for sql, values in (("SELECT 1; DROP TABLE acc", None), ("SELECT :n; DROP TABLE acc", {"n": 1})):
        with pytest.raises(ProgrammingError):
            await mysql.execute(sql, values)
    assert await mysql.fetch_all("SELECT * FROM acc") == []


# Cursors


async def test_iterate_reads_many_rows_in_flat_memory(mysql: Database) -> None:
    many = "SELECT seq AS n, REPEAT('x', 20) AS t FROM seq_1_to_100000"
    count = 0
    tracemalloc.start()
    try:
        async for _ in mysql.iterate_plan(Plan(many, reads=True, returns_rows=True), chunk_size=500):
            count += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 3_000_000  # all of them take 16 MB


async def test_leaving_a_loop_early_gives_the_connection_back_as_it_was(mysql_url: str) -> None:
    async with one_connection(mysql_url) as database:
        number = await database.fetch_val("SELECT CONNECTION_ID()")
        async with aclosing(database.iterate("SELECT seq AS n FROM seq_1_to_100000")) as rows:
            async for row in rows:
                if row.n == 600:
                    break
        assert await database.fetch_val("SELECT CONNECTION_ID()") == number
        async with database.transaction():
            async for row in database.iterate("SELECT seq AS n FROM seq_1_to_100000 WHERE seq > :n", {"n": 5}):
                if row.n == 600:
                    break
            assert await database.fetch_val("SELECT 1") == 1


async def test_a_loop_in_a_transaction_may_write_and_read_the_same(mysql: Database, table: None) -> None:
    await mysql.execute("INSERT INTO acc SELECT seq, 0 FROM seq_1_to_1200")
    select = "SELECT id, v FROM acc WHERE id > :id ORDER BY id"
    async with mysql.transaction():
        seen = []
        async for row in mysql.iterate(select, {"id": 0}):
            seen.append(row.id)
            if row.id % 100 == 0:
                await mysql.execute("UPDATE acc SET v = 1 WHERE id = :id", {"id": row.id})
                assert len(await mysql.fetch_all(select, {"id": 1190})) == 10
    assert seen == list(range(1, 1201))
    assert await mysql.fetch_val("SELECT sum(v) FROM acc") == 12


async def test_a_cancelled_loop_leaks_nothing(mysql_url: str) -> None:
    async with one_connection(mysql_url) as database:

        async def read() -> None:
            async for _ in database.iterate("SELECT seq, sleep(0.001) FROM seq_1_to_100000"):
                pass

        with suppress(TimeoutError):
            await asyncio.wait_for(read(), 0.1)
        assert await database.fetch_val("SELECT 1") == 1
        await until_none_runs(database, "sleep(0.001)")


async def test_iterate_over_what_has_no_cursor(mysql: Database, table: None) -> None:
    await mysql.execute("INSERT INTO acc VALUES (1, 1)")
    assert [row[0] async for row in mysql.iterate("SHOW TABLES")] == ["acc"]
    assert [row[0] async for row in mysql.iterate("DESCRIBE acc")] == ["id", "v"]
    assert [row async for row in mysql.iterate("SELECT * FROM acc WHERE id = 9")] == []
    assert [row.id async for row in mysql.iterate("DELETE FROM acc RETURNING id")] == [1]


# Results and errors


async def test_what_execute_returns(mysql: Database, table: None) -> None:
    await mysql.execute("CREATE TABLE keyed (id INTEGER PRIMARY KEY AUTO_INCREMENT, t TEXT)")
    assert await mysql.execute("INSERT INTO keyed (t) VALUES ('a')") == 1
    assert await mysql.execute("INSERT INTO keyed (t) VALUES (:t)", {"t": "b"}) == 2
    assert await mysql.execute("INSERT INTO keyed (t) VALUES ('c') RETURNING t") == "c"
    assert await mysql.execute("INSERT INTO acc VALUES (1, 1), (2, 1)") is None
    assert await mysql.execute("UPDATE acc SET v = 1") == 2
    assert await mysql.execute("DELETE FROM acc WHERE id = :id", {"id": 1}) == 1
    assert await mysql.execute("SELECT v FROM acc") == 1
    assert await mysql.execute("SELECT v FROM acc WHERE id = 99") is None
    assert await mysql.execute("DROP TABLE keyed") is None


async def test_procedures_give_their_first_result(mysql: Database) -> None:
    await mysql.execute("CREATE PROCEDURE two(n INTEGER) BEGIN SELECT n AS a; SELECT 2 AS b; END")
    for sql, values in (("CALL two(1)", None), ("CALL two(:n)", {"n": 1})):
        rows = await mysql.fetch_all(sql, values)
        assert [dict(row) for row in rows] == [{"a": 1}]
    assert await mysql.fetch_val("SELECT 5") == 5


async def test_errors_say_which_constraint_and_columns(mysql: Database) -> None:
    await mysql.execute(
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(20) NOT NULL, b INT, "
        "CONSTRAINT positive CHECK (b > 0), CONSTRAINT pair UNIQUE (a, b))"
    )
    await mysql.execute("CREATE TABLE child (t_id INT, CONSTRAINT parent FOREIGN KEY (t_id) REFERENCES t (id))")
    await mysql.execute("INSERT INTO t (a, b) VALUES ('secret', 1)")
    cases: list[tuple[str, str | None, tuple[str, ...]]] = [
        ("INSERT INTO t (a, b) VALUES (:a, :b)", "pair", ("a", "b")),
        ("INSERT INTO t (a, b) VALUES (IF(:a = '', '', NULL), :b)", None, ("a",)),
        ("INSERT INTO t (b) VALUES (IF(:a = '', 1, :b))", None, ("a",)),
        ("INSERT INTO t (a, b) VALUES (:a, -:b)", "positive", ()),
        ("INSERT INTO t (id, a, b) VALUES (1, CONCAT(:a, 'x'), :b)", "PRIMARY", ("id",)),
    ]
    for sql, constraint, columns in cases:
        with pytest.raises(IntegrityError) as caught:
            await mysql.execute(sql, {"a": "secret", "b": 1})
        assert (caught.value.constraint, caught.value.columns) == (constraint, columns), sql
        assert "secret" not in str(caught.value)
    with pytest.raises(IntegrityError) as refused:
        await mysql.execute("INSERT INTO child VALUES (99)")
    assert (refused.value.constraint, refused.value.columns) == ("parent", ("t_id",))


async def test_wrong_statements_and_values_have_their_error(mysql: Database, table: None) -> None:
    for wrong in ("SELEC 1", "SELECT * FROM nope", "SELECT nope FROM acc", "CALL nope()", "SELECT nope()"):
        with pytest.raises(ProgrammingError):
            await mysql.fetch_all(wrong)
    await mysql.execute("CREATE TABLE t (s VARCHAR(3), d DATE, j JSON)")
    for sql, value in (
        ("INSERT INTO acc VALUES (:v, 1)", 2**40),
        ("INSERT INTO acc VALUES (:v, 1)", 2**70),
        ("INSERT INTO acc VALUES (:v, 1)", "my (secret) 'password"),
        ("INSERT INTO t (s) VALUES (:v)", "secret"),
        ("INSERT INTO t (d) VALUES (:v)", "secret"),
        ("INSERT INTO acc VALUES (9, 1 / :v)", 0),
        ("SELECT :v", float("nan")),
        ("SELECT :v", "\ud800"),
    ):
        with pytest.raises(DataError) as caught:
            await mysql.execute(sql, {"v": value})
        assert "secret" not in str(caught.value)
    with pytest.raises(InterfaceError, match="no value of type object"):
        await mysql.execute("SELECT :v", {"v": object()})
    with pytest.raises(InterfaceError, match="In raw SQL"):
        await mysql.fetch_all("SELECT ?")


async def test_mysql_itself_has_no_returning(mysql: Database, table: None) -> None:
    # What MySQL 8 says is known from its manual; here a MariaDB plays it.
    mysql.backend._mysql_dialect.is_mariadb = False  # type: ignore[attr-defined]
    with pytest.raises(NotSupportedError, match="MySQL has no RETURNING"):
        await mysql.execute("INSERT INTO acc VALUES (1, 1) RETURNINGG id, RETURNING")


async def test_a_statement_of_more_bytes_than_the_server_takes_is_a_data_error(mysql: Database) -> None:
    size = await mysql.fetch_val("SELECT @@max_allowed_packet")
    with pytest.raises((DataError, ConnectionFailed)):
        await mysql.fetch_val("SELECT length(:v)", {"v": b"x" * (size + 1000)})
    assert await mysql.fetch_val("SELECT length(:v)", {"v": b"x" * (size - 1000)}) == size - 1000


async def test_changed_tables_are_seen_by_prepared_statements(mysql_url: str, mysql: Database, table: None) -> None:
    async with one_connection(str(mysql.url)) as database:
        select = "SELECT * FROM acc WHERE id < :id"
        await database.execute("INSERT INTO acc VALUES (1, 1)")
        assert dict((await database.fetch_all(select, {"id": 5}))[0]) == {"id": 1, "v": 1}
        await database.execute("ALTER TABLE acc ADD COLUMN w VARCHAR(9) DEFAULT 'new', MODIFY v BIGINT")
        for _ in range(2):
            assert dict((await database.fetch_all(select, {"id": 5}))[0]) == {"id": 1, "v": 1, "w": "new"}


async def test_an_event_loop_that_ended_does_not_hinder_the_next(mysql_url: str) -> None:
    database = Database(mysql_url)
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
        "import sys; sys.modules['asyncmy'] = None\n"
        "from vivace.databases import Database\n"
        "Database('mysql://user:secret@localhost/x')\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "DriverMissing" in process.stderr
    assert 'pip install "vivace[mysql]"' in process.stderr
    assert "secret@" not in process.stderr.splitlines()[-1]


async def test_connecting_to_nothing_is_explained_without_the_password(mysql_url: str) -> None:
    url = DatabaseURL(mysql_url)
    for wrong, words in (
        (url.replace(port=1), "Is MySQL or MariaDB running there"),
        (url.replace(password="topsecret"), "Check user and password"),
        (url.replace(database="no_such"), "CREATE DATABASE `no_such`"),
        (url.replace(options={"unix_socket": "/nowhere.sock"}), "Is MySQL or MariaDB running there"),
        (url.replace(options={"ssl": "true"}), "offers none"),
        (url.replace(options={"init_command": "SELEC"}), "syntax"),
    ):
        with pytest.raises(ConnectionFailed, match=words) as caught:
            await Database(wrong.replace(password=wrong.password or "")).connect()
        assert "topsecret" not in str(caught.value)
        assert "p@ss" not in str(caught.value)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = url.replace(port=silent.getsockname()[1])
        with pytest.raises(ConnectionFailed, match=r"no answer within 0\.2 s"):
            await Database(deaf, connect_timeout=0.2).connect()


async def test_all_ways_to_the_server(mysql_url: str) -> None:
    async with Database(mysql_url) as database:
        path = await database.fetch_val("SELECT @@socket")
    url = DatabaseURL(mysql_url)
    query = f"?unix_socket={path}&min_size=2&pool_recycle=300&charset=utf8mb4&ssl=false"
    for way in (
        *[mysql_url.replace("mysql", scheme, 1) for scheme in ("mysql", "mysql+asyncmy", "mysql+aiomysql")],
        *[mysql_url.replace("mysql", scheme, 1) for scheme in ("mariadb", "mariadb+asyncmy", "mariadb+aiomysql")],
        f"mysql://passwordless@127.0.0.1:{url.port}/vivace",
        f"mysql://vivace:p%40ss%2Fword@/vivace{query}",
        f"mysql://vivace:p%40ss%2Fword@/vivace?host={path}",
        f"mysql://vivace:p%40ss%2Fword@/vivace?unix_sock={path}&statement_cache_size=0&sql_mode=server",
    ):
        async with Database(way) as database:
            assert await database.fetch_val("SELECT :n + 1", {"n": 1}) == 2
            assert database.statistics()["size"] == (2 if "min_size" in way else 1)
            assert database.dialect.is_mariadb  # type: ignore[attr-defined]


async def test_tables_of_sqlalchemy_keep_microseconds(mysql: Database) -> None:
    metadata = sa.MetaData()
    moments = sa.Table("moments", metadata, sa.Column("at", sa.DateTime(timezone=True)), sa.Column("hour", sa.Time))
    await mysql.run_sync(metadata.create_all)
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
    await mysql.execute(moments.insert(), {"at": at, "hour": dt.time(1, 2, 3, 4)})
    row = await mysql.fetch_one(moments.select())
    assert row is not None
    assert tuple(row) == (at, dt.time(1, 2, 3, 4))
