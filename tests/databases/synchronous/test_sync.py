"""`database.sync`, from scripts and from the threads of an application."""

from __future__ import annotations

import asyncio
import inspect
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from tests.databases.slow import slow_read

from vivace.databases import Connection, Database
from vivace.databases.errors import (
    ConnectionFailed,
    InterfaceError,
    SerializationFailure,
    StatementTimeout,
)
from vivace.databases.queries import Queries
from vivace.databases.synchronous.facade import SyncConnection, SyncDatabase
from vivace.databases.synchronous.queries import SyncQueries

KINDS = ["sqlite", "memory", "postgresql", "mysql"]


@dataclass
class Note:
    id: int
    text: str


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Every kind of database, connected by `sync`, with a table."""
    fixtures = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mysql": "mysql_url"}
    url = request.getfixturevalue(fixtures[request.param]) if request.param in fixtures else "sqlite:///:memory:"
    database = Database(url)
    with database.sync as sync:
        sync.execute(f"CREATE TABLE {table_of(database)} (id INTEGER PRIMARY KEY, text VARCHAR(50))")
        yield database
        sync.execute(f"DROP TABLE {table_of(database)}")


def table_of(database: Database) -> str:
    return vars(database).setdefault("test_table", f"note_{uuid.uuid4().hex[:12]}")  # type: ignore[no-any-return]


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "vivace-database-sync"]


def test_every_method_of_queries_has_its_twin() -> None:
    """With the same parameters; those of plans are the ORM's, which awaits."""
    for name, method in vars(Queries).items():
        if callable(method) and not name.startswith("_") and "_plan" not in name:
            twin = getattr(SyncQueries, name)
            assert list(inspect.signature(twin).parameters) == list(inspect.signature(method).parameters), name
    for mine, theirs in ((SyncDatabase, Database), (SyncConnection, Connection)):
        expected = set(inspect.signature(theirs.transaction).parameters)
        assert expected <= set(inspect.signature(mine.transaction).parameters)


def wait_until_idle(database: Database) -> None:
    """Until all connections are back in the pool, which cleans them in the background."""
    limit = monotonic() + 5
    while database.statistics().get("in_use"):
        assert monotonic() < limit
        sleep(0.01)


def test_a_script_needs_no_event_loop(database: Database) -> None:
    note = table_of(database)
    sync = database.sync
    sync.execute_many(
        f"INSERT INTO {note} (id, text) VALUES (:id, :text)", ({"id": i, "text": f"n{i}"} for i in range(1, 4))
    )
    assert [row.text for row in sync.fetch_all(f"SELECT * FROM {note} ORDER BY id")] == ["n1", "n2", "n3"]
    assert sync.fetch_all(f"SELECT id, text FROM {note} WHERE id = 2", into=Note) == [Note(2, "n2")]
    assert sync.fetch_one(f"SELECT id, text FROM {note} WHERE id = :id", {"id": 3}, into=Note) == Note(3, "n3")
    assert sync.fetch_one(f"SELECT * FROM {note} WHERE id = 9") is None
    assert sync.fetch_val(f"SELECT count(*) FROM {note}") == 3
    assert sync.execute(f"UPDATE {note} SET text = 'x' WHERE id < 3") == 2
    assert sync.run(f"DELETE FROM {note} WHERE id = 3").rowcount == 1
    assert sync.call(database.fetch_val, f"SELECT count(*) FROM {note}") == 2
    assert sync.is_connected
    assert "sync" in repr(sync)


def test_iterate_comes_in_chunks_and_may_be_left_early(database: Database) -> None:
    note = table_of(database)
    sync = database.sync
    sync.execute_many(
        f"INSERT INTO {note} (id, text) VALUES (:id, :text)", [{"id": i, "text": "x"} for i in range(1200)]
    )
    assert [row.id for row in sync.iterate(f"SELECT id FROM {note} ORDER BY id")] == list(range(1200))
    assert [found.id for found in sync.iterate(f"SELECT id, text FROM {note} WHERE id < 3 ORDER BY id", into=Note)] == [
        0,
        1,
        2,
    ]
    with closing(sync.iterate(f"SELECT id FROM {note} ORDER BY id")) as rows:
        assert next(rows).id == 0
    wait_until_idle(database)
    with sync.transaction():
        for row in sync.iterate(f"SELECT id FROM {note} WHERE id < 600 ORDER BY id"):
            if row.id % 100 == 0:
                sync.execute(f"UPDATE {note} SET text = 'y' WHERE id = :id", {"id": row.id})
    assert sync.fetch_val(f"SELECT count(*) FROM {note} WHERE text = 'y'") == 6


def test_transactions_in_their_three_forms(database: Database) -> None:
    note = table_of(database)
    sync = database.sync
    add = f"INSERT INTO {note} (id, text) VALUES (:id, '')"

    with sync.transaction():
        states = [sync.in_transaction]
        sync.execute(add, {"id": 1})
        with pytest.raises(ZeroDivisionError), sync.transaction():
            sync.execute(add, {"id": 2})
            raise ZeroDivisionError
    assert [*states, sync.in_transaction] == [True, False]

    @sync.atomic()
    def fail(number: int) -> None:
        sync.execute(add, {"id": number})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(3)
    by_hand = sync.transaction().start()
    sync.execute(add, {"id": 4})
    by_hand.rollback()
    by_hand = sync.transaction(isolation="serializable").start()
    sync.execute(add, {"id": 5})
    by_hand.commit()
    assert [row.id for row in sync.fetch_all(f"SELECT id FROM {note} ORDER BY id")] == [1, 5]


def test_a_decorated_function_is_tried_again_when_it_lost_a_race(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    tries = []

    @database.sync.transaction(retries=2)
    def work() -> int:
        tries.append(database.sync.in_transaction)
        if len(tries) < 3:
            raise SerializationFailure("lost")
        return len(tries)

    with database.sync:
        assert work() == 3
        assert tries == [True] * 3
        tries.clear()
        with pytest.raises(SerializationFailure), database.sync.transaction():
            work()  # an inner one cannot be tried again
        with pytest.raises(InterfaceError, match="decorator"):
            database.sync.transaction(retries=1).start()
        with pytest.raises(InterfaceError, match="zero or more"):
            database.sync.transaction(retries=-1)
        with pytest.raises(InterfaceError, match="not started"):
            database.sync.transaction().commit()


def test_a_connection_of_its_own(database: Database) -> None:
    note = table_of(database)
    sync = database.sync
    with sync.connection() as connection:
        connection.execute(f"INSERT INTO {note} (id, text) VALUES (1, 'a')")
        assert connection.raw_connection is not None
        with sync.connection() as same:
            assert same.raw_connection is connection.raw_connection
        assert connection.raw_connection is not None
        with pytest.raises(ZeroDivisionError), connection.transaction():
            sync.execute(f"DELETE FROM {note}")
            raise ZeroDivisionError
        assert connection.fetch_val(f"SELECT count(*) FROM {note}") == 1


def test_force_rollback_and_on_commit(database: Database) -> None:
    note = table_of(database)
    sync = database.sync
    called: list[Any] = []
    with sync.force_rollback():
        sync.execute(f"INSERT INTO {note} (id, text) VALUES (1, 'a')")
    assert sync.fetch_val(f"SELECT count(*) FROM {note}") == 0
    with sync.transaction():
        # It may use the database: it runs in a thread, after the commit.
        sync.on_commit(lambda: called.append(sync.fetch_val("SELECT 1")))
        assert called == []
    sync.on_commit(lambda: called.append(2))
    assert called == [1, 2]


def test_errors_arrive_as_they_are(database: Database) -> None:
    with pytest.raises(InterfaceError, match="No value for the parameter :id"):
        database.sync.fetch_all("SELECT :id")
    with database.sync._database.statement_timeout(0.05), pytest.raises(StatementTimeout):
        database.sync.fetch_all(slow_read(database, 20))
    assert database.sync.fetch_val("SELECT 1") == 1


def test_its_loop_ends_with_disconnect_and_with_a_failed_connect(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    for _ in range(2):
        with database.sync:
            assert len(loop_threads()) == 1
            database.sync.connect()
            assert len(loop_threads()) == 1
        assert loop_threads() == []
    database.sync.disconnect()
    with pytest.raises(ConnectionFailed):
        Database(f"sqlite:///{tmp_path}/nowhere/x.db").sync.connect()
    assert loop_threads() == []


def test_without_a_connection_it_says_how_to_get_one(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with pytest.raises(InterfaceError, match=r"with database\.sync:"):
        database.sync.fetch_val("SELECT 1")

    async def leave_connected() -> None:
        await database.connect()

    asyncio.run(leave_connected())
    with pytest.raises(InterfaceError, match="does not run"):
        database.sync.fetch_val("SELECT 1")
    with database.sync:
        assert database.sync.fetch_val("SELECT 1") == 1


def test_a_script_that_forgets_to_disconnect_ends_quietly(sqlite_url: str, postgres_url: str) -> None:
    for url in (sqlite_url, postgres_url):
        program = (
            "from vivace.databases import Database\n"
            f"database = Database({url!r})\n"
            "database.sync.connect()\n"
            "print(database.sync.fetch_val('SELECT 42'))\n"
        )
        found = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
        )
        assert (found.stdout, found.stderr, found.returncode) == ("42\n", "", 0)


def test_ctrl_c_cancels_the_statement(database: Database) -> None:
    started = monotonic()
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        database.sync.fetch_all(slow_read(database, 60))
    timer.join()
    assert monotonic() - started < 20
    assert database.sync.fetch_val("SELECT 1") == 1


def test_many_threads_at_once(database: Database) -> None:
    note = table_of(database)
    sync = database.sync

    def work(number: int) -> None:
        with sync.atomic():
            sync.execute(f"INSERT INTO {note} (id, text) VALUES (:id, 'x')", {"id": number})
            sync.fetch_val(f"SELECT count(*) FROM {note}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sync.fetch_val(f"SELECT count(*) FROM {note}") == 20


def test_an_abandoned_generator_is_closed_in_the_loops_thread_too(sqlite_url: str) -> None:
    with Database(sqlite_url).sync as sync:
        sync.execute("CREATE TABLE note (id INTEGER)")
        sync.execute_many("INSERT INTO note VALUES (:id)", [{"id": number} for number in range(1000)])
        rows: list[Any] = [sync.iterate("SELECT id FROM note")]
        next(rows[0])

        async def collect() -> None:
            rows.clear()

        sync.call(collect)
        wait_until_idle(sync._database)
