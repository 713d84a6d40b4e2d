"""COPY in and out: every kind of source and destination, in transactions, cancelled, failing halfway."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.databases.errors import (
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
    TransactionAborted,
)

pytestmark = pytest.mark.anyio

CSV = b"1,Emma\n2,\n"


@pytest.fixture
async def book(postgres: Database) -> str:
    await postgres.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)")
    return "book"


async def rows_of(database: Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.fetch_all("SELECT id, title FROM book ORDER BY id")]


async def in_pieces() -> AsyncIterator[bytes]:
    for position in range(len(CSV)):
        await asyncio.sleep(0)
        yield CSV[position : position + 1]


@pytest.mark.parametrize("kind", ["path", "text path", "file", "bytes", "bytearray", "memoryview", "async iterable"])
async def test_a_table_is_filled_from_any_source(postgres: Database, book: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_bytes(CSV)
    sources: dict[str, Any] = {
        "path": path,
        "text path": str(path),
        "file": io.BytesIO(CSV),
        "bytes": CSV,
        "bytearray": bytearray(CSV),
        "memoryview": memoryview(CSV),
        "async iterable": in_pieces(),
    }
    assert await postgres.copy_to_table(book, source=sources[kind], columns=["id", "title"], format="csv") == 2
    assert await rows_of(postgres) == [(1, "Emma"), (2, None)]


@pytest.mark.parametrize("kind", ["path", "file", "function"])
async def test_a_table_is_written_to_any_destination(postgres: Database, book: str, kind: str, tmp_path: Path) -> None:
    await postgres.copy_to_table(book, source=CSV, format="csv")
    path, file, pieces = tmp_path / "out.csv", io.BytesIO(), list[bytes]()

    async def take(data: bytes) -> None:
        await asyncio.sleep(0)
        pieces.append(data)

    outputs: dict[str, Any] = {"path": path, "file": file, "function": take}
    assert await postgres.copy_from_table(book, output=outputs[kind], columns=["id", "title"], format="csv") == 2
    written = {
        "path": path.read_bytes() if path.exists() else b"",
        "file": file.getvalue(),
        "function": b"".join(pieces),
    }
    assert written[kind] == CSV


async def test_a_query_is_copied_with_its_parameters(postgres: Database, book: str) -> None:
    await postgres.copy_to_table(book, source=CSV, format="csv")
    file = io.BytesIO()
    query = "SELECT title FROM book WHERE id = :id AND ':id' <> title"
    assert await postgres.copy_from_query(query, {"id": 1}, output=file, format="csv", header=True) == 1
    assert file.getvalue() == b"title\nEmma\n"
    table = sa.Table(book, sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("title", sa.String))
    file = io.BytesIO()
    assert await postgres.copy_from_query(sa.select(table.c.id).where(table.c.title == "Emma"), output=file) == 1
    assert file.getvalue() == b"1\n"
    assert await postgres.copy_from_table(table, output=file) == 2


async def numbered(count: int) -> AsyncIterator[tuple[int, str]]:
    for number in range(count):
        yield number, f"title {number}"


async def test_records_come_from_lists_and_async_iterables(postgres: Database, book: str) -> None:
    assert await postgres.copy_records_to_table(book, records=[(1, "a"), (2, None)]) == 2
    await postgres.execute("DELETE FROM book")
    assert await postgres.copy_records_to_table(book, records=numbered(3), columns=["id", "title"]) == 3
    assert await rows_of(postgres) == [(0, "title 0"), (1, "title 1"), (2, "title 2")]
    await postgres.execute("DELETE FROM book")
    assert await postgres.copy_records_to_table(book, records=((i, str(i)) for i in range(9)), where="id > 6") == 2


async def test_a_schema_may_be_named(postgres: Database, book: str) -> None:
    schema = await postgres.fetch_val("SELECT current_schema()")
    assert await postgres.copy_records_to_table(book, records=[(1, "a")], schema_name=schema) == 1
    table = sa.Table(book, sa.MetaData(), schema=schema)
    assert await postgres.copy_from_table(table, output=io.BytesIO()) == 1


async def test_copying_belongs_to_the_transaction(postgres: Database, book: str) -> None:
    with pytest.raises(RuntimeError):
        async with postgres.transaction():
            await postgres.copy_records_to_table(book, records=numbered(3))
            assert len(await rows_of(postgres)) == 3
            raise RuntimeError
    assert await rows_of(postgres) == []
    async with postgres.connection() as connection, connection.transaction():
        await connection.copy_to_table(book, source=CSV, format="csv")
    assert len(await rows_of(postgres)) == 2


async def test_what_fails_on_our_side_is_raised_as_it_is_and_nothing_is_stored(
    postgres: Database, book: str, tmp_path: Path
) -> None:
    class DiskFull(OSError):
        pass

    async def broken() -> AsyncIterator[Any]:
        yield b"1,Emma\n"
        raise DiskFull

    async def broken_records() -> AsyncIterator[Any]:
        yield (1, "Emma")
        raise DiskFull

    async def full(data: bytes) -> None:
        raise DiskFull

    with pytest.raises(DiskFull):
        await postgres.copy_to_table(book, source=broken(), format="csv")
    with pytest.raises(DiskFull):
        await postgres.copy_records_to_table(book, records=broken_records())
    with pytest.raises(FileNotFoundError):
        await postgres.copy_to_table(book, source=tmp_path / "none")
    assert await rows_of(postgres) == []
    await postgres.copy_to_table(book, source=CSV, format="csv")
    with pytest.raises(DiskFull):
        await postgres.copy_from_table(book, output=full)
    counted = postgres.statistics()
    assert counted["in_use"] == counted["discarded"] == 0


async def test_in_a_transaction_a_failed_copy_cannot_be_committed(postgres: Database, book: str) -> None:
    with pytest.raises(TransactionAborted):
        async with postgres.transaction():
            await postgres.execute("INSERT INTO book VALUES (9, 'x')")
            with pytest.raises(DataError):
                await postgres.copy_records_to_table(book, records=[(1, "a"), ("no", "b")])
    assert await rows_of(postgres) == []


async def test_a_record_that_does_not_fit_is_named_without_its_values(postgres: Database, book: str) -> None:
    with pytest.raises(DataError, match=r"Record 2 .*'str' object cannot") as caught:
        await postgres.copy_records_to_table(book, records=[(1, "a"), ("my secret", "b")])
    assert "secret" not in str(caught.value)
    with pytest.raises(DataError, match="Record 1 "):
        await postgres.copy_records_to_table(book, records=[(1,)])
    await postgres.execute("CREATE TABLE keys (id UUID)")
    with pytest.raises(DataError, match="Record 1 ") as caught:
        await postgres.copy_records_to_table("keys", records=[("my secret",)])
    assert "secret" not in str(caught.value)


async def test_what_the_server_refuses_has_its_error(postgres: Database, book: str) -> None:
    with pytest.raises(IntegrityError):
        await postgres.copy_records_to_table(book, records=[(1, "a"), (1, "b")])
    with pytest.raises(DataError):
        await postgres.copy_to_table(book, source=b"x,y\n", format="csv")
    with pytest.raises(ProgrammingError):
        await postgres.copy_records_to_table("nowhere", records=[(1,)])
    with pytest.raises(ProgrammingError):
        await postgres.copy_from_query("SELEC 1", output=io.BytesIO())
    assert await rows_of(postgres) == []


async def test_wrong_sources_and_destinations_are_explained(postgres: Database, book: str) -> None:
    wrong: Any = 5
    with pytest.raises(InterfaceError, match="path, a binary file"):
        await postgres.copy_to_table(book, source=wrong)
    with pytest.raises(InterfaceError, match="path, a binary file"):
        await postgres.copy_from_table(book, output=wrong)
    with pytest.raises(InterfaceError, match="iterable of records"):
        await postgres.copy_records_to_table(book, records=wrong)
    text: Any = io.StringIO("1,a\n")
    with pytest.raises(InterfaceError, match="mode 'rb'"):
        await postgres.copy_to_table(book, source=text)


@pytest.mark.parametrize("inside", [False, True])
async def test_copying_is_cancelled_on_the_server_and_the_connection_kept(
    postgres_url: str, running: Any, until: Any, inside: bool
) -> None:
    async def endless() -> AsyncIterator[Any]:
        number = 0
        while True:
            number += 1
            yield (number, "x" * 100)
            await asyncio.sleep(0)

    async def endless_bytes() -> AsyncIterator[bytes]:
        while True:
            yield b"1\tx\n"
            await asyncio.sleep(0.001)

    async def slowly(data: bytes) -> None:
        await asyncio.sleep(0.01)

    async with (
        Database(postgres_url, max_size=1, application_name="copier") as database,
        Database(postgres_url) as watcher,
    ):
        pid = await database.fetch_val("SELECT pg_backend_pid()")
        await watcher.execute("CREATE TABLE copied (id BIGINT, title TEXT)")
        endless_query = "SELECT generate_series(1, 100000000) AS copied"
        try:
            works = (
                lambda: database.copy_records_to_table("copied", records=endless()),
                lambda: database.copy_to_table("copied", source=endless_bytes()),
                lambda: database.copy_from_query(endless_query, output=slowly),
            )
            for work in works:

                async def run(work: Any = work) -> None:
                    if not inside:
                        await work()
                        return
                    async with database.transaction():
                        await work()

                task = asyncio.create_task(run())
                await until(lambda: running(watcher, "COPY "))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await until(lambda: _nothing(running, watcher), seconds=5)
                assert await database.fetch_val("SELECT pg_backend_pid()") == pid
                assert not await database.fetch_all("SELECT * FROM copied")
        finally:
            await watcher.execute("DROP TABLE copied")


async def _nothing(running: Any, watcher: Database) -> bool:
    return not await running(watcher, "COPY ")


async def test_many_records_need_little_memory_and_leave_the_loop_free(postgres: Database, book: str) -> None:
    def records() -> Iterator[tuple[int, str]]:
        for number in range(40_000):
            yield number, "x" * 100

    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    tracemalloc.start()
    try:
        assert await postgres.copy_records_to_table(book, records=records()) == 40_000
        size = 0

        async def measure(data: bytes) -> None:
            nonlocal size
            size += len(data)

        await postgres.copy_from_table(book, output=measure)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        counting.cancel()
    assert size > 4_000_000
    assert peak < 4_000_000
    assert turns > 40


async def test_a_slow_source_that_uses_its_own_transaction_is_told(postgres: Database, book: str) -> None:
    async def asking() -> AsyncIterator[Any]:
        yield (await postgres.fetch_val("SELECT 1"), "x")

    assert await postgres.copy_records_to_table(book, records=asking()) == 1  # another connection: no harm


async def test_sqlite_says_what_to_use(sqlite: Database) -> None:
    with pytest.raises(NotSupportedError, match=r"execute_many\(\)"):
        await sqlite.copy_records_to_table("book", records=[])
    with pytest.raises(NotSupportedError, match=r"iterate\(\)"):
        await sqlite.copy_from_query("SELECT 1", output=io.BytesIO())
