"""The examples of encode/databases' documentation, each as a program of its own, on `vivace.databases`.

Written with the URLs that its users have, so the old drivers' names are in them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import fastapi
import fastapi.testclient
import pytest
import sqlalchemy
import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.testclient
from sqlalchemy.dialects import mysql, postgresql, sqlite

from vivace.databases import Database, DatabaseURL
from vivace.databases.core import Connection
from vivace.databases.interfaces import Record

pytestmark = pytest.mark.anyio

metadata = sqlalchemy.MetaData()
notes = sqlalchemy.Table(
    "documented_notes",
    metadata,
    sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
    sqlalchemy.Column("text", sqlalchemy.String(length=100)),
    sqlalchemy.Column("completed", sqlalchemy.Boolean),
)
DIALECTS = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect, "mysql": mysql.dialect}


@pytest.fixture(params=["sqlite+aiosqlite", "postgresql+asyncpg", "mysql+aiomysql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the table of the examples, empty."""
    scheme: str = request.param
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mysql": "mysql_url"}
    address = DatabaseURL(request.getfixturevalue(names[scheme.partition("+")[0]]))
    text = str(address.replace(driver=scheme.partition("+")[2]))
    asyncio.run(Database(text).run_sync(metadata.create_all))
    yield text
    asyncio.run(Database(text).run_sync(metadata.drop_all))


async def test_the_quickstart(url: str) -> None:
    database = Database(url)
    await database.connect()
    await database.execute(query="CREATE TEMPORARY TABLE warm_up (id INTEGER PRIMARY KEY)")
    query = "INSERT INTO documented_notes(text, completed) VALUES (:text, :completed)"
    values = [{"text": "Daisy", "completed": True}, {"text": "Neil", "completed": False}]
    await database.execute_many(query=query, values=values)
    rows = await database.fetch_all(query="SELECT * FROM documented_notes ORDER BY id")
    assert [row["text"] for row in rows] == ["Daisy", "Neil"]
    await database.disconnect()


async def test_tables_are_made_by_compiling_them(url: str) -> None:
    async with Database(url) as database:
        dialect = DIALECTS[database.url.dialect]()
        for table in metadata.tables.values():
            await database.execute(sqlalchemy.schema.DropTable(table))
            schema = sqlalchemy.schema.CreateTable(table, if_not_exists=True)
            query = str(schema.compile(dialect=dialect))
            await database.execute(query=query)
            await database.execute(query=query)
        assert await database.fetch_val("SELECT count(*) FROM documented_notes") == 0


async def test_queries_of_sqlalchemy_core(url: str) -> None:
    async with Database(url) as database:
        values: dict[str, Any] = {"text": "example1", "completed": True}
        key = await database.execute(query=notes.insert(), values=values)
        assert isinstance(key, int)
        more = [{"text": "example2", "completed": False}, {"text": "example3", "completed": True}]
        await database.execute_many(query=notes.insert(), values=more)

        rows = await database.fetch_all(query=notes.select().order_by(notes.c.id))
        assert [(row.text, row.completed) for row in rows] == [
            ("example1", True),
            ("example2", False),
            ("example3", True),
        ]
        row = await database.fetch_one(query=notes.select().where(notes.c.id == key))
        assert row is not None
        assert row.completed is True
        assert await database.fetch_val(query=notes.select().where(notes.c.id == key)) == key
        assert await database.fetch_val(query=notes.select().where(notes.c.id == key), column=1) == "example1"
        seen = [row.text async for row in database.iterate(query=notes.select().order_by(notes.c.id))]
        assert seen == ["example1", "example2", "example3"]

        # .values(**values) there, so what stands in it may be an expression, too.
        await database.execute(notes.update().where(notes.c.id == key), {"text": sqlalchemy.func.upper(notes.c.text)})
        assert await database.fetch_val(sqlalchemy.select(notes.c.text).where(notes.c.id == key)) == "EXAMPLE1"


async def test_raw_queries_and_their_results(url: str) -> None:
    async with Database(url) as database:
        query = "INSERT INTO documented_notes(text, completed) VALUES (:text, :completed)"
        await database.execute(query=query, values={"text": "example1", "completed": True})
        rows = await database.fetch_all(
            query="SELECT * FROM documented_notes WHERE completed = :completed", values={"completed": True}
        )
        result = await database.fetch_one(
            query="SELECT * FROM documented_notes WHERE id = :id", values={"id": rows[0].id}
        )
        assert result is not None
        assert result.text == result["text"] == result[1] == result._mapping["text"] == "example1"
        assert isinstance(result, Record)
        assert isinstance(result._mapping, Mapping)
        assert dict(result) == dict(result._mapping) == {**result}
        assert list(result.keys()) == ["id", "text", "completed"]
        assert list(result.values()) == [rows[0].id, "example1", True]
        assert len(result) == 3
        assert notes.c.text.name in result._mapping


async def test_transactions_in_all_their_forms(url: str) -> None:
    async with Database(url) as database:

        async def count() -> int:
            number: int = await database.fetch_val("SELECT count(*) FROM documented_notes")
            return number

        async with database.transaction():
            await database.execute(notes.insert(), {"text": "block"})
        async with database.connection() as connection, connection.transaction():
            await connection.execute(notes.insert(), {"text": "of a connection"})
        async with database.connection().transaction():
            await database.execute(notes.insert(), {"text": "of a connection without a block"})

        transaction = await database.transaction()
        try:
            await database.execute(notes.insert(), {"text": "by hand"})
        except BaseException:
            await transaction.rollback()
            raise
        else:
            await transaction.commit()
        assert await count() == 4

        transaction = await database.transaction()
        await database.execute(notes.delete())
        await transaction.rollback()
        assert await count() == 4

        @database.transaction()
        async def create_two() -> None:
            await database.execute(notes.insert(), {"text": "decorated"})
            await database.execute(notes.insert(), {"text": "decorated"})

        await create_two()
        assert await count() == 6

        async with database.transaction(force_rollback=True):
            await database.execute(notes.delete())
        assert await count() == 6
        async with database.transaction(isolation="serializable"):
            assert await count() == 6


async def test_a_child_task_works_in_the_transaction_of_its_parent(url: str) -> None:
    async def add_excitement(connection: Connection, id: int) -> None:
        excited = notes.c.text + "!!!"
        await connection.execute(notes.update().where(notes.c.id == id).values(text=excited))

    async with Database(url) as database:
        async with database.transaction():
            await database.execute(notes.insert().values(id=1, text="databases is cool"))
            await asyncio.create_task(add_excitement(database.connection(), id=1))
        assert await database.fetch_val("SELECT text FROM documented_notes WHERE id = 1") == "databases is cool!!!"


async def test_an_inner_transaction_fails_alone(url: str) -> None:
    async with Database(url) as db:
        async with db.transaction():
            await db.execute(notes.insert(), {"text": "outer"})
            with contextlib.suppress(ValueError):
                async with db.transaction():
                    await db.execute(notes.insert(), {"text": "inner"})
                    raise ValueError("Abort the inner transaction")
        assert [row.text for row in await db.fetch_all(notes.select())] == ["outer"]


async def test_force_rollback_isolates_tests_also_of_concurrent_tasks(url: str) -> None:
    database = Database(url, force_rollback=True)
    for _ in range(2):
        async with database:
            assert await database.fetch_all(notes.select()) == []
            await asyncio.gather(*[database.execute(notes.insert(), {"text": f"{n}"}) for n in range(10)])
            assert len(await database.fetch_all(notes.select())) == 10

    database = Database(url)
    with database.force_rollback():
        async with database:
            await database.execute(notes.insert(), {"text": "example"})
    async with database:
        assert await database.fetch_all(notes.select()) == []


async def test_many_tasks_on_one_connection_wait_for_each_other(url: str) -> None:
    async with Database(url) as database, database.connection() as connection:
        await asyncio.gather(*[connection.execute(notes.insert(), {"text": f"{n}"}) for n in range(10)])
        found = await asyncio.gather(
            *[connection.fetch_val("SELECT count(*) FROM documented_notes") for _ in range(10)]
        )
        assert found == [10] * 10


def test_a_starlette_application(url: str) -> None:
    database = Database(url, force_rollback=True)

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        await database.connect()
        yield
        await database.disconnect()

    async def list_notes(request: starlette.requests.Request) -> starlette.responses.Response:
        results = await database.fetch_all(notes.select())
        return starlette.responses.JSONResponse(
            [{"text": result["text"], "completed": result["completed"]} for result in results]
        )

    @database.transaction()
    async def add_note(request: starlette.requests.Request) -> starlette.responses.Response:
        data = await request.json()
        await database.execute(notes.insert().values(text=data["text"], completed=data["completed"]))
        if data["text"] == "not this":
            raise ValueError
        return starlette.responses.JSONResponse(data)

    routes = [
        starlette.routing.Route("/notes", list_notes, methods=["GET"]),
        starlette.routing.Route("/notes", add_note, methods=["POST"]),
    ]
    app = starlette.applications.Starlette(routes=routes, lifespan=lifespan)
    with starlette.testclient.TestClient(app) as client:
        note = {"text": "example", "completed": True}
        assert client.post("/notes", json=note).json() == note
        with pytest.raises(ValueError):  # noqa: PT011
            client.post("/notes", json={"text": "not this", "completed": True})
        assert client.get("/notes").json() == [note]
    with starlette.testclient.TestClient(app) as client:
        assert client.get("/notes").json() == []  # each connect() begins anew


def test_a_fastapi_application(url: str) -> None:
    database = Database(url)

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        async with database:
            yield

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.post("/notes")
    async def add_note(text: str) -> dict[str, Any]:
        query = notes.insert().values(text=text, completed=False)
        return {"id": await database.execute(query), "text": text}

    @app.get("/notes")
    async def list_notes() -> list[dict[str, Any]]:
        return [dict(row) for row in await database.fetch_all(notes.select())]

    with fastapi.testclient.TestClient(app) as client:
        added = client.post("/notes", params={"text": "example"}).json()
        assert client.get("/notes").json() == [{**added, "completed": False}]
