"""SQLAlchemy Core expressions on every database, and a canary for each private name of SQLAlchemy that is used."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from vivace.databases import Database
from vivace.databases.errors import InterfaceError, ProgrammingError

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


metadata = sa.MetaData()
ticks = iter(range(1000))
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(100), unique=True),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("weight", sa.Float),
    sa.Column("made", sa.DateTime),
    sa.Column("day", sa.Date),
    sa.Column("hour", sa.Time),
    sa.Column("key", sa.Uuid),
    sa.Column("data", sa.JSON),
    sa.Column("colour", sa.Enum(Colour, native_enum=False)),
    sa.Column("blob", sa.LargeBinary),
    sa.Column("done", sa.Boolean, default=False),
    sa.Column("rank", sa.Integer, default=lambda: next(ticks)),
    sa.Column("slug", sa.String(100), default=lambda context: context.get_current_parameters()["name"].lower()),
    sa.Column("touched", sa.Integer, onupdate=7),
)

VALUES: dict[str, Any] = {
    "name": "Lamp",
    "price": decimal.Decimal("12.50"),
    "weight": 1.5,
    "made": dt.datetime(2026, 1, 2, 3, 4, 5, 678),  # noqa: DTZ001 (as columns without a time zone have it)
    "day": dt.date(2026, 1, 2),
    "hour": dt.time(3, 4, 5),
    "key": uuid.UUID(int=7),
    "data": {"a": [1, None, "ü"]},
    "colour": Colour.BLUE,
    "blob": b"\x00\xff",
}


@pytest.fixture(autouse=True)
async def _table(database: Database) -> None:
    await database.execute(sa.schema.CreateTable(things))


@pytest.mark.filterwarnings("ignore:Dialect sqlite.* does \\*not\\* support Decimal:sqlalchemy.exc.SAWarning")
async def test_every_type_comes_back_as_it_went_in(database: Database) -> None:
    await database.execute(things.insert(), VALUES)
    row = await database.fetch_one(things.select())
    assert row is not None
    assert {name: row[name] for name in VALUES} == VALUES
    assert (row.done, row.slug, row.touched) == (False, "lamp", None)


async def test_insert_returns_the_new_key(database: Database) -> None:
    assert await database.execute(things.insert(), {"name": "a"}) == 1
    assert await database.execute(things.insert().values(name="b")) == 2
    assert await database.execute(things.insert().values(name="c").returning(things.c.name)) == "c"


async def test_update_and_delete_return_the_number_of_rows(database: Database) -> None:
    await database.execute_many(things.insert(), [{"name": "a"}, {"name": "b"}])
    assert await database.execute(things.update().values(weight=2.0)) == 2
    assert [row.touched for row in await database.fetch_all(things.select())] == [7, 7]
    assert await database.execute(things.delete().where(things.c.name == "a")) == 1


async def test_execute_many_fills_in_defaults_for_each_row(database: Database) -> None:
    await database.execute_many(things.insert(), [{"name": "A"}, {"name": "B"}])
    rows = await database.fetch_all(sa.select(things.c.slug, things.c.rank).order_by(things.c.id))
    assert [row.slug for row in rows] == ["a", "b"]
    assert rows[0].rank + 1 == rows[1].rank
    with pytest.raises(InterfaceError, match="row 1 differs"):
        await database.execute_many(things.insert(), [{"name": "C"}, {"price": 1}])
    await database.execute_many(things.insert(), [])


async def test_in_lists_of_every_length_share_a_compiled_form(database: Database) -> None:
    await database.execute_many(things.insert(), [{"name": name} for name in "abcd"])
    for names in ([], ["a"], ["a", "c"], ["a", "b", "c", "d", "e"]):
        query = sa.select(things.c.name).where(things.c.name.in_(names)).order_by(things.c.name)
        assert [row.name for row in await database.fetch_all(query)] == names[:4]


async def test_bound_parameters_take_values(database: Database) -> None:
    await database.execute(things.insert(), {"name": "a"})
    query = sa.select(things.c.id).where(things.c.name == sa.bindparam("wanted"))
    assert await database.fetch_val(query, {"wanted": "a"}) == 1
    assert await database.fetch_val(query, {"wanted": "b"}) is None
    with pytest.raises(InterfaceError, match="wanted"):
        await database.fetch_val(query)


async def test_ctes_windows_and_text(database: Database) -> None:
    await database.execute_many(things.insert(), [{"name": name} for name in "abc"])
    numbered = sa.select(things.c.name, sa.func.row_number().over(order_by=things.c.name.desc()).label("place")).cte()
    assert await database.fetch_val(sa.select(numbered.c.name).where(numbered.c.place == 1)) == "c"
    text = sa.text("SELECT name FROM things WHERE name > :after ORDER BY name").bindparams(after="a")
    assert [row.name for row in await database.fetch_all(text)] == ["b", "c"]


async def test_upserts(database: Database) -> None:
    insert = postgresql.insert if database.dialect.name == "postgresql" else sqlite.insert
    for weight in (1.0, 2.0):
        if database.dialect.name == "mysql":
            new = mysql.insert(things).values(name="a", weight=weight)
            await database.execute(new.on_duplicate_key_update(weight=new.inserted.weight))
            continue
        statement = insert(things).values(name="a", weight=weight)
        upsert = statement.on_conflict_do_update(index_elements=["name"], set_={"weight": statement.excluded.weight})
        await database.execute(upsert)
    assert [row.weight for row in await database.fetch_all(things.select())] == [2.0]


async def test_execute_of_a_select_converts_the_value(database: Database) -> None:
    await database.execute(things.insert(), VALUES | {"price": None})
    assert await database.execute(sa.select(things.c.data)) == VALUES["data"]
    assert await database.execute(sa.select(things.c.made)) == VALUES["made"]


async def test_ddl_and_reflection_free_drop(database: Database) -> None:
    await database.execute(sa.schema.CreateIndex(sa.Index("things_day", things.c.day)))
    await database.execute(sa.schema.DropTable(things))
    with pytest.raises(ProgrammingError, match="things"):
        await database.fetch_all(things.select())


async def test_what_is_no_query_is_refused(database: Database) -> None:
    with pytest.raises(InterfaceError, match="got int"):
        await database.fetch_all(3)  # type: ignore[call-overload]
    with pytest.raises(ProgrammingError, match="could not compile"):
        await database.fetch_all(sa.select(sa.cast(things.c.id, sa.types.NullType())))


async def test_raw_and_core_agree_on_what_is_stored(database: Database) -> None:
    if database.dialect.name == "sqlite":
        pairs = {name: VALUES[name] for name in ("made", "day", "hour", "key")}
        columns, parameters = ", ".join(pairs), ", ".join(f":{name}" for name in pairs)
        await database.execute(f"INSERT INTO things ({columns}) VALUES ({parameters})", pairs)
    else:
        await database.execute(
            "INSERT INTO things (made, day) VALUES (:made, :day)", {k: VALUES[k] for k in ("made", "day")}
        )
        pairs = {name: VALUES[name] for name in ("made", "day")}
    row = await database.fetch_one(things.select())
    assert row is not None
    assert {name: row[name] for name in pairs} == pairs


async def test_canary_for_sqlalchemys_private_names() -> None:
    column = things.c.slug
    for owner, names in (
        (things.select(), ["_compile_w_cache"]),
        (column, ["_default_description_tuple", "_onupdate_description_tuple"]),
        (column.type, ["_cached_result_processor"]),
        (
            SQLCompiler,
            ["_bind_processors", "_process_parameters_for_postcompile", "_within_exec_param_key_getter"],
        ),
        (
            things.select().compile(),
            ["_result_columns", "_ordered_columns", "positiontup", "insert_prefetch", "implicit_returning", "ctes"],
        ),
    ):
        for name in names:
            assert hasattr(owner, name), f"{owner!r} has no {name} any more; see vivace/databases/expressions.py"
    found = things.select()._compile_w_cache(sqlite.dialect(), compiled_cache={}, column_keys=[])
    assert len(found) == 4
