"""`database.sync` in the threads of an application: its loop, its connections, its transactions."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database
from vivace.databases.errors import InterfaceError, TransactionEnded

pytestmark = pytest.mark.anyio

ADD = "INSERT INTO note (id) VALUES (:id)"


async def make_table(database: Database) -> None:
    await database.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")


async def ids(database: Database) -> list[int]:
    return [row.id for row in await database.fetch_all("SELECT id FROM note ORDER BY id")]


async def test_a_thread_uses_the_applications_connections(database: Database) -> None:
    await make_table(database)

    def work() -> int:
        database.sync.connect()  # it is connected
        database.sync.execute(ADD, {"id": 1})
        return len(list(database.sync.iterate("SELECT * FROM note")))

    assert await asyncio.to_thread(work) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "vivace-database-sync"]


async def test_a_thread_belongs_to_the_transaction_it_was_started_in(database: Database) -> None:
    await make_table(database)

    def work() -> int:
        assert database.sync.in_transaction
        database.sync.execute(ADD, {"id": 2})
        count: int = database.sync.fetch_val("SELECT count(*) FROM note")
        return count

    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            await database.execute(ADD, {"id": 1})
            assert await asyncio.to_thread(work) == 2
            raise ZeroDivisionError
    assert await ids(database) == []


async def test_inner_transactions_of_a_thread_are_savepoints_of_the_tasks(database: Database) -> None:
    await make_table(database)
    sync = database.sync

    def work() -> None:
        with pytest.raises(ZeroDivisionError), sync.transaction():
            sync.execute(ADD, {"id": 2})
            with sync.transaction():
                sync.execute(ADD, {"id": 3})
            raise ZeroDivisionError
        with sync.transaction():
            sync.execute(ADD, {"id": 4})

    async with database.transaction():
        await database.execute(ADD, {"id": 1})
        await asyncio.gather(asyncio.to_thread(work), database.execute(ADD, {"id": 5}))
    assert await ids(database) == [1, 4, 5]


async def test_threads_have_transactions_of_their_own_outside_of_the_tasks(database: Database) -> None:
    await make_table(database)

    def work(number: int) -> None:
        with database.sync.atomic():
            database.sync.execute(ADD, {"id": number})
            if number % 2:
                raise ZeroDivisionError

    await asyncio.gather(*[asyncio.to_thread(work, number) for number in range(6)], return_exceptions=True)
    assert await ids(database) == [0, 2, 4]


async def test_on_the_loops_own_thread_it_says_so_at_once(database: Database) -> None:
    for call in (
        lambda: database.sync.fetch_val("SELECT 1"),
        database.sync.connect,
        database.sync.disconnect,
        database.sync.transaction().start,
        lambda: next(database.sync.iterate("SELECT 1")),
    ):
        with pytest.raises(InterfaceError, match="to_thread"):
            call()


async def test_a_thread_whose_transaction_ended_meanwhile_does_not_go_on_outside_it(database: Database) -> None:
    await make_table(database)
    is_waiting, may_go_on = threading.Event(), threading.Event()
    found: list[Any] = []

    def work() -> None:
        database.sync.execute(ADD, {"id": 1})
        is_waiting.set()
        may_go_on.wait(10)
        try:
            database.sync.execute(ADD, {"id": 2})
        except TransactionEnded as error:
            found.append(error)

    async def request() -> None:
        async with database.transaction():
            await asyncio.to_thread(work)

    task = asyncio.create_task(request())
    while not is_waiting.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_go_on.set()
    async with asyncio.timeout(10):
        while not found:
            await asyncio.sleep(0.01)
    assert await ids(database) == []


async def test_a_thread_that_never_used_the_transaction_goes_on_outside_it(database: Database) -> None:
    await make_table(database)
    may_go_on = threading.Event()

    def work() -> None:
        may_go_on.wait(10)
        database.sync.execute(ADD, {"id": 1})

    async with database.transaction():
        thread = asyncio.create_task(asyncio.to_thread(work))
        await database.fetch_val("SELECT 1")
    may_go_on.set()
    await thread
    assert await ids(database) == [1]


async def test_a_thread_of_its_own_begins_outside_of_all_transactions(database: Database) -> None:
    await make_table(database)
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def work() -> None:
        assert not database.sync.in_transaction
        assert database.sync.fetch_val("SELECT 1") == 1
        loop.call_soon_threadsafe(done.set)

    async with database.transaction():
        if "memory" not in str(database.url):
            thread = threading.Thread(target=work)
            thread.start()
            await asyncio.wait_for(done.wait(), 10)
            thread.join()


async def test_reads_of_a_thread_see_its_writes_with_replicas(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("primary", "replica")]
    for url in urls:
        async with Database(url) as each:
            await make_table(each)
    async with Database(urls[0], replicas=urls[1:]) as database:

        def work() -> tuple[int, int]:
            before = database.sync.fetch_val("SELECT count(*) FROM note")
            database.sync.execute(ADD, {"id": 1})
            return before, database.sync.fetch_val("SELECT count(*) FROM note")

        assert await asyncio.to_thread(work) == (0, 1)


@pytest.mark.parametrize("disconnects", [True, False])
def test_a_loop_that_ends_does_not_leave_its_threads_waiting(sqlite_url: str, disconnects: bool) -> None:
    database = Database(sqlite_url)
    found: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                database.sync.fetch_val("SELECT 1")
        except InterfaceError as error:
            found.append(error)

    async def application() -> None:
        await database.connect()
        thread.start()
        await asyncio.sleep(0.05)
        if disconnects:
            await database.disconnect()

    thread = threading.Thread(target=work, daemon=True)
    asyncio.run(application())
    thread.join(15)
    assert not thread.is_alive()
    assert len(found) == 1
