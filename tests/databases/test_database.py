"""The API of encode/databases on every database: lifecycle, queries, connections, force_rollback."""

from __future__ import annotations

import asyncio
import contextvars
import logging

import pytest
import sqlalchemy as sa

from vivace.databases import Connection, Database, Plan
from vivace.databases.database import connected
from vivace.databases.errors import InterfaceError, ProgrammingError

pytestmark = pytest.mark.anyio

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(length=100)),
    sa.Column("completed", sa.Boolean),
)


@pytest.fixture
async def notes_database(database: Database) -> Database:
    await database.execute(sa.schema.CreateTable(notes))
    return database


async def test_queries_with_core_expressions(notes_database: Database) -> None:
    database = notes_database
    query = notes.insert()
    await database.execute(query=query, values={"text": "example1", "completed": True})
    await database.execute_many(
        query=query, values=[{"text": "example2", "completed": False}, {"text": "example3", "completed": True}]
    )
    rows = await database.fetch_all(query=notes.select())
    assert [(row.text, row["completed"], row[0]) for row in rows] == [
        ("example1", True, 1),
        ("example2", False, 2),
        ("example3", True, 3),
    ]
    row = await database.fetch_one(query=notes.select())
    assert row is not None
    assert row._mapping["text"] == "example1"
    assert await database.fetch_val(query=sa.select(notes.c.text)) == "example1"
    assert await database.fetch_val(query=notes.select(), column=notes.c.completed) is True
    assert await database.fetch_val(query=notes.select(), column="text") == "example1"
    assert [row.text async for row in database.iterate(query=notes.select())] == ["example1", "example2", "example3"]


async def test_queries_with_raw_sql(notes_database: Database) -> None:
    database = notes_database
    query = "INSERT INTO notes(text, completed) VALUES (:text, :completed)"
    if database.dialect.name == "postgresql":
        query = "INSERT INTO notes(text, completed) VALUES (:text, :completed) RETURNING id"
    assert await database.execute(query, {"text": "example1", "completed": True}) == 1
    await database.execute_many(query.removesuffix(" RETURNING id"), [{"text": "example2", "completed": False}])
    await database.execute_many(query, [])
    rows = await database.fetch_all("SELECT * FROM notes WHERE completed = :completed", {"completed": True})
    assert [row.text for row in rows] == ["example1"]
    assert await database.fetch_one("SELECT * FROM notes WHERE id = :id", {"id": 99}) is None
    assert await database.fetch_val("SELECT text FROM notes WHERE id = :id", {"id": 99}) is None
    assert await database.fetch_val("SELECT id, text FROM notes WHERE id = 2", column="text") == "example2"
    iterated = [row.text async for row in database.iterate("SELECT * FROM notes ORDER BY id DESC")]
    assert iterated == ["example2", "example1"]


async def test_plans(notes_database: Database) -> None:
    database = notes_database
    one, two = ("$1", "$2") if database.dialect.name == "postgresql" else ("?", "?")
    insert = Plan(f"INSERT INTO notes (id, text) VALUES ({one}, {two})", reads=False, returns_rows=False)
    assert await database.execute_plan(insert, (1, "a")) == 1
    await database.execute_plan_many(insert, [(number, "x") for number in range(2, 1002)])
    with pytest.raises(Exception, match=r"unique|UNIQUE|Duplicate"):
        await database.execute_plan_many(insert, [(2000, "x"), (1, "x")])
    select = Plan(f"SELECT id, text FROM notes WHERE id < {one} ORDER BY id", reads=True, returns_rows=True)
    assert [tuple(row) for row in await database.fetch_plan(select, (3,))] == [(1, "a"), (2, "x")]
    assert [row[0] async for row in database.iterate_plan(select, (800,), chunk_size=100)] == list(range(1, 800))
    if database.dialect.name != "mysql":  # it has no UPDATE … RETURNING
        update = Plan(f"UPDATE notes SET text = {one} WHERE id > {two} RETURNING id", reads=False, returns_rows=True)
        assert await database.execute_plan(update, ("y", 1000)) == 1
        assert [tuple(row) for row in await database.fetch_plan(update, ("y", 1000))] == [(1001,)]
    delete = Plan("DELETE FROM notes", reads=False, returns_rows=False)
    assert await database.execute_plan(delete) == 1001
    with pytest.raises(InterfaceError, match="chunk_size"):
        await anext(database.iterate_plan(select, (1,), chunk_size=0))


async def test_the_dialect_compiles_for_the_driver(database: Database) -> None:
    sql = str(sa.select(notes.c.id).where(notes.c.id == 3).compile(dialect=database.dialect))
    expected = {"sqlite": "notes.id = ?", "postgresql": "notes.id = $1::INTEGER", "mysql": "notes.id = ?"}
    assert sql.endswith(expected[database.dialect.name])


async def test_connect_and_disconnect_are_idempotent(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(sqlite_url)
    assert not is_open(database)
    with caplog.at_level(logging.DEBUG, "vivace.databases"):
        await asyncio.gather(database.connect(), database.connect())
        assert is_open(database)
        assert database in connected
        await database.disconnect()
        await database.disconnect()
    assert not is_open(database)
    assert database not in connected
    assert "Already connected" in caplog.text
    assert "Already disconnected" in caplog.text


def is_open(database: Database) -> bool:
    return database.is_connected


async def test_using_it_unconnected_says_what_to_do(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with pytest.raises(InterfaceError, match=r"await database\.connect\(\) first"):
        await database.fetch_all("SELECT 1")
    with pytest.raises(InterfaceError, match=r"await database\.connect\(\) first"):
        async with database.transaction():
            await database.fetch_all("SELECT 1")
    with pytest.raises(InterfaceError, match=r"await database\.connect\(\) first"):
        await anext(database.iterate("SELECT 1"))


def test_unknown_schemes_name_the_nearest() -> None:
    with pytest.raises(InterfaceError, match='Did you mean "postgresql"') as caught:
        Database("postgrsql://user:secret@localhost/x")
    assert "secret" not in str(caught.value)


def test_repr_hides_the_password() -> None:
    assert repr(Database("postgresql://user:secret@localhost/x")) == (
        "<Database 'postgresql://user:********@localhost/x', not connected>"
    )


async def test_a_connection_is_shared_with_the_database_in_its_block(notes_database: Database) -> None:
    database = notes_database
    async with database.connection() as connection:
        await connection.execute("CREATE TEMPORARY TABLE mine (id INTEGER)")
        await asyncio.gather(*[database.execute("INSERT INTO mine VALUES (1)") for _ in range(5)])
        assert await connection.fetch_val("SELECT count(*) FROM mine") == 5
        assert len(await connection.fetch_all("SELECT * FROM mine")) == 5
        assert [row.id async for row in connection.iterate("SELECT * FROM mine")] == [1] * 5
        assert connection.raw_connection is not None
        outside = database.in_transaction
        async with connection.transaction():
            assert (outside, database.in_transaction) == (False, True)
            await connection.execute_many("INSERT INTO mine VALUES (:id)", [{"id": 2}])
        with pytest.raises(ZeroDivisionError):
            async with database.transaction():
                await connection.execute("DELETE FROM mine")
                raise ZeroDivisionError
        async with database.connection() as inner:
            assert inner is connection
        assert await database.fetch_val("SELECT count(*) FROM mine") == 6
    with pytest.raises(InterfaceError, match="only inside its block"):
        await connection.fetch_all("SELECT 1")
    with pytest.raises(InterfaceError, match="only inside its block"):
        _ = connection.raw_connection


# In memory there is only one connection: the other context would wait for this block.
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
async def test_a_connection_can_be_used_from_a_task_of_another_context(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TEMPORARY TABLE mine (id INTEGER)")
        task = asyncio.get_running_loop().create_task(
            connection.fetch_val("SELECT count(*) FROM mine"), context=contextvars.Context()
        )
        assert await task == 0
        outside = asyncio.get_running_loop().create_task(
            database.fetch_val("SELECT count(*) FROM mine"), context=contextvars.Context()
        )
        with pytest.raises(ProgrammingError):
            await outside


async def test_a_connection_without_a_block_is_the_one_around_it(notes_database: Database) -> None:
    async def write(connection: Connection) -> None:
        await connection.execute(notes.insert(), {"text": "from a child"})

    async with notes_database.transaction(force_rollback=True):
        await asyncio.create_task(write(notes_database.connection()))
        assert await notes_database.fetch_val(sa.select(notes.c.text)) == "from a child"
    assert await notes_database.fetch_all(notes.select()) == []


async def test_the_connection_of_a_transaction_is_the_transactions(notes_database: Database) -> None:
    async with notes_database.transaction(force_rollback=True):
        async with notes_database.connection() as connection:
            await connection.execute(notes.insert(), {"text": "a"})
            assert connection.raw_connection is not None
        assert len(await notes_database.fetch_all(notes.select())) == 1
    assert await notes_database.fetch_all(notes.select()) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_force_rollback_of_a_whole_database(kind: str, request: pytest.FixtureRequest) -> None:
    plain = Database(request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url"))
    async with plain:
        await plain.execute("DROP TABLE IF EXISTS force_notes")
        await plain.execute("CREATE TABLE force_notes (id INTEGER)")
    for forced in (Database(plain.url, force_rollback=True), plain):
        with plain.force_rollback():
            await forced.connect()
        await forced.execute("INSERT INTO force_notes VALUES (1)")
        async with forced.transaction():
            await forced.execute("INSERT INTO force_notes VALUES (2)")
        elsewhere = forced.fetch_val("SELECT count(*) FROM force_notes")
        assert await asyncio.get_running_loop().create_task(elsewhere, context=contextvars.Context()) == 2
        assert not forced.in_transaction
        await forced.disconnect()
    async with plain:
        assert await plain.fetch_all("SELECT * FROM force_notes") == []
        async with plain.force_rollback():
            await plain.execute("INSERT INTO force_notes VALUES (1)")
            with pytest.raises(InterfaceError, match="cannot be nested"):
                async with plain.force_rollback():
                    pass
        assert await plain.fetch_all("SELECT * FROM force_notes") == []
        await plain.execute("DROP TABLE force_notes")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
async def test_disconnect_waits_for_running_statements(database: Database) -> None:
    await database.execute("CREATE TABLE t (n INTEGER)")
    tasks = [asyncio.create_task(database.execute(f"INSERT INTO t VALUES ({n})")) for n in range(5)]
    await asyncio.sleep(0)
    await database.disconnect()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await database.connect()
    stored = await database.fetch_val("SELECT count(*) FROM t")
    assert stored >= len([result for result in results if not isinstance(result, BaseException)])
