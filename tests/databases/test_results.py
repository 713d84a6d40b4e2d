"""What `run()` returns is defined alike on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from vivace.databases import Database, Result

pytestmark = pytest.mark.anyio

metadata = sa.MetaData()
notes = sa.Table(
    "notes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(100), unique=True)
)


@pytest.fixture(autouse=True)
async def _table(database: Database) -> AsyncIterator[None]:
    await database.execute(sa.schema.CreateTable(notes))
    await database.execute_many(notes.insert(), [{"text": "a"}, {"text": "b"}, {"text": "c"}])
    yield
    await database.execute(sa.schema.DropTable(notes, if_exists=True))


def has_last_key(database: Database) -> bool:
    return database.dialect.name != "postgresql"


async def test_a_select_gives_rows_and_their_number(database: Database) -> None:
    result = await database.run("SELECT id, text FROM notes WHERE id > :id ORDER BY id", {"id": 1})
    assert [row.text for row in result.rows] == ["b", "c"]
    assert (result.rowcount, result.lastrowid) == (2, None)
    assert await database.run("SELECT id FROM notes WHERE id > 7") == Result([], 0, None)


async def test_an_insert_counts_what_it_added_and_tells_the_key_of_one_row(database: Database) -> None:
    one = await database.run("INSERT INTO notes (text) VALUES (:text)", {"text": "d"})
    assert one == Result([], 1, 4 if has_last_key(database) else None)
    two = await database.run("INSERT INTO notes (text) VALUES ('e'), ('f')")
    assert two == Result([], 2, None)
    copied = "CONCAT(text, 'x')" if database.dialect.name == "mysql" else "text || 'x'"
    copies = await database.run(f"INSERT INTO notes (text) SELECT {copied} FROM notes WHERE id < 3")
    assert copies == Result([], 2, None)


async def test_an_insert_of_core_tells_the_key_everywhere(database: Database) -> None:
    assert await database.run(notes.insert(), {"text": "d"}) == Result([], 1, 4)
    assert (await database.run(notes.insert().values([{"text": "e"}, {"text": "f"}]))).rowcount == 2


async def test_returning_gives_rows(database: Database) -> None:
    result = await database.run("INSERT INTO notes (text) VALUES (:text) RETURNING id, text", {"text": "d"})
    assert [tuple(row) for row in result.rows] == [(4, "d")]
    assert (result.rowcount, result.lastrowid) == (1, 4 if database.dialect.name == "sqlite" else None)
    result = await database.run(notes.delete().returning(notes.c.text))
    assert sorted(row.text for row in result.rows) == ["a", "b", "c", "d"]
    assert result.rowcount == 4


async def test_update_counts_the_rows_found_and_delete_the_rows_removed(database: Database) -> None:
    assert await database.run("UPDATE notes SET text = text WHERE id < 3") == Result([], 2, None)
    assert await database.run(notes.update().where(notes.c.id == 7).values(text="x")) == Result([], 0, None)
    assert await database.run("DELETE FROM notes WHERE id = 1") == Result([], 1, None)


async def test_an_upsert_tells_no_key_as_it_may_have_changed_a_row(database: Database) -> None:
    if database.dialect.name == "mysql":
        raw = "INSERT INTO notes (text) VALUES ('a') ON DUPLICATE KEY UPDATE text = 'z'"
        assert await database.run(raw) == Result([], 2, None)  # MySQL counts a row that was changed twice
        upsert_of_core = mysql.insert(notes).values(text="b").on_duplicate_key_update(text="y")
        assert (await database.run(upsert_of_core)).lastrowid is None
        assert await database.run("INSERT IGNORE INTO notes (text) VALUES ('z')") == Result([], 0, None)
        return
    raw = "INSERT INTO notes (text) VALUES ('a') ON CONFLICT (text) DO UPDATE SET text = 'z'"
    assert await database.run(raw) == Result([], 1, None)
    insert = (postgresql if database.dialect.name == "postgresql" else sqlite).insert(notes).values(text="b")
    upsert = insert.on_conflict_do_update(index_elements=["text"], set_={"text": "y"})
    assert await database.run(upsert.returning(notes.c.id)) == Result([(2,)], 1, None)  # type: ignore[list-item]
    ignored = "INSERT INTO notes (text) VALUES ('z') ON CONFLICT DO NOTHING"
    assert await database.run(ignored) == Result([], 0, None)


async def test_all_other_statements_count_nothing(database: Database) -> None:
    for sql in ("CREATE TABLE copies AS SELECT * FROM notes", "DROP TABLE copies"):
        assert await database.run(sql) == Result([], 0, None)
    assert await database.run(sa.schema.DropTable(notes)) == Result([], 0, None)


async def test_a_connection_and_a_transaction_run_alike(database: Database) -> None:
    async with database.connection() as connection:
        assert (await connection.run("UPDATE notes SET text = 'x' WHERE id = 1")).rowcount == 1
    async with database.transaction():
        assert (await database.run("SELECT text FROM notes WHERE id = 1")).rows[0].text == "x"
