"""What SQLAlchemy Core can say runs on every database, as far as the database knows it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from typing import Annotated, Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from vivace.databases import Database
from vivace.databases.errors import InterfaceError

pytestmark = pytest.mark.anyio


class Money(sa.TypeDecorator[decimal.Decimal]):
    """Decimals, stored as whole cents."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: decimal.Decimal | None, dialect: Any) -> int | None:
        return None if value is None else int(value * 100)

    def process_result_value(self, value: int | None, dialect: Any) -> decimal.Decimal | None:
        return None if value is None else decimal.Decimal(value) / 100


class Kind(enum.Enum):
    TREE = "tree"
    LEAF = "leaf"


metadata = sa.MetaData()
nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer),
    sa.Column("name", sa.String(50), unique=True),
    sa.Column("price", Money),
    sa.Column("kind", sa.Enum(Kind, native_enum=False), server_default="TREE"),
    sa.Column("data", sa.JSON),
    sa.Column("order", sa.Integer, default=0, onupdate=7),
    sa.Column("made", sa.DateTime, server_default=sa.func.now()),
    sa.Column("took", sa.Interval),
)
copies = sa.Table(
    "Copies", metadata, sa.Column("Id", sa.Integer, primary_key=True), sa.Column("the name", sa.String(50))
)


@pytest.fixture(autouse=True)
async def _tables(database: Database) -> None:
    for table in (nodes, copies):
        await database.execute(sa.schema.CreateTable(table))
    await database.execute_many(
        nodes.insert(),
        [
            {"id": 1, "parent": None, "name": "a", "data": {"n": [1, {"x": "y"}]}},
            {"id": 2, "parent": 1, "name": "b", "data": {"n": [2]}},
            {"id": 3, "parent": 2, "name": "c", "data": None},
        ],
    )


def is_mysql(database: Database) -> bool:
    return database.dialect.name in ("mysql", "mariadb")


def only_postgresql(database: Database) -> Database:
    if database.dialect.name != "postgresql":
        pytest.skip("SQLite and MariaDB do not know it")
    return database


async def names(database: Database, query: sa.Select[Any]) -> list[str]:
    return [row[0] for row in await database.fetch_all(query)]


async def test_recursive_and_nested_ctes(database: Database) -> None:
    tree = sa.select(nodes.c.id, nodes.c.name).where(nodes.c.id == 2).cte("tree", recursive=True)
    child = nodes.alias()
    tree = tree.union_all(sa.select(child.c.id, child.c.name).join(tree, child.c.parent == tree.c.id))
    outer = sa.select(tree.c.name).cte("outer_part")
    assert await names(database, sa.select(outer.c.name).order_by(outer.c.name)) == ["b", "c"]


async def test_writing_ctes_of_postgresql(database: Database) -> None:
    postgres = only_postgresql(database)
    added = nodes.insert().values(id=9, name="z").returning(nodes.c.id, nodes.c.name).cte("added")
    assert await names(postgres, sa.select(added.c.name)) == ["z"]
    gone = nodes.delete().returning(nodes.c.name).cte("gone")
    assert sorted(await names(postgres, sa.select(gone.c.name))) == ["a", "b", "c", "z"]


async def test_windows_and_case(database: Database) -> None:
    share = sa.func.sum(nodes.c.id).over(order_by=nodes.c.id, rows=(None, 0)).label("share")
    size = sa.case((nodes.c.id > 2, "big"), (nodes.c.id > 1, "middle"), else_="small").label("size")
    rows = await database.fetch_all(sa.select(share, size).order_by(nodes.c.id))
    assert [(int(row.share), row.size) for row in rows] == [(1, "small"), (3, "middle"), (6, "big")]


async def test_lateral_joins(database: Database) -> None:
    only_postgresql(database)
    child = nodes.alias()
    inner = sa.select(child.c.name).where(child.c.parent == nodes.c.id).limit(1).lateral("inner_part")
    joined = sa.select(nodes.c.name + inner.c.name).select_from(nodes.join(inner, sa.true())).order_by(nodes.c.id)
    assert await names(database, joined) == ["ab", "bc"]


async def test_upserts_of_each_dialect(database: Database) -> None:
    upsert: Any
    added: Any
    if is_mysql(database):
        added = mysql.insert(nodes).values(name="a", order=5)
        upsert = added.on_duplicate_key_update(order=added.inserted.order + 1)
    elif database.dialect.name == "postgresql":
        added = postgresql.insert(nodes).values(id=9, name="a", order=5)
        upsert = added.on_conflict_do_update(index_elements=["name"], set_={"order": added.excluded.order + 1})
    else:
        added = sqlite.insert(nodes).values(name="a", order=5)
        upsert = added.on_conflict_do_update(index_elements=["name"], set_={"order": added.excluded.order + 1})
    await database.run(upsert)
    assert await database.fetch_val(sa.select(nodes.c.order).where(nodes.c.name == "a")) == 6


async def test_upserts_of_many_rows_that_do_nothing(database: Database) -> None:
    rows = [{"id": 7, "name": "a"}, {"id": 8, "name": "new"}]
    if is_mysql(database):
        await database.execute(mysql.insert(nodes).values(rows).prefix_with("IGNORE"))
    else:
        insert = postgresql.insert if database.dialect.name == "postgresql" else sqlite.insert
        await database.execute_many(insert(nodes).on_conflict_do_nothing(), rows)
    assert await names(database, sa.select(nodes.c.name).order_by(nodes.c.id)) == ["a", "b", "c", "new"]


async def test_insert_of_many_rows_and_from_a_select(database: Database) -> None:
    result = await database.run(nodes.insert().values([{"id": 11, "name": "x"}, {"id": 12, "name": "y"}]))
    assert (result.rowcount, result.rows, result.lastrowid) == (2, [], None)
    source = sa.select(nodes.c.id, nodes.c.name).where(nodes.c.id > 10)
    assert (await database.run(copies.insert().from_select(["Id", "the name"], source))).rowcount == 2
    assert [tuple(row) for row in await database.fetch_all(copies.select().order_by(copies.c.Id))] == [
        (11, "x"),
        (12, "y"),
    ]


async def test_returning_of_many_rows_and_with_expressions(database: Database) -> None:
    if not is_mysql(database):
        update = nodes.update().where(nodes.c.id > 1).values(price=decimal.Decimal("1.25"))
        rows = await database.fetch_all(update.returning(nodes.c.id, nodes.c.price, nodes.c.order))
        assert sorted(tuple(row) for row in rows) == [(2, decimal.Decimal("1.25"), 7), (3, decimal.Decimal("1.25"), 7)]
    insert = nodes.insert().values([{"id": 21, "name": "p"}, {"id": 22, "name": "q"}])
    rows = await database.fetch_all(insert.returning(nodes.c.id, (nodes.c.id + 1).label("next"), nodes.c.kind))
    assert sorted((row.id, row.next, row.kind) for row in rows) == [(21, 22, Kind.TREE), (22, 23, Kind.TREE)]


async def test_json_paths(database: Database) -> None:
    path = nodes.c.data["n"]
    assert await database.fetch_val(sa.select(path[0].as_integer()).where(nodes.c.id == 2)) == 2
    assert await database.fetch_val(sa.select(nodes.c.data[("n", 1, "x")].as_string()).where(nodes.c.id == 1)) == "y"
    assert await database.fetch_val(sa.select(path).where(nodes.c.id == 1)) == [1, {"x": "y"}]


async def test_types_of_ones_own_with_enums_and_intervals(database: Database) -> None:
    took = dt.timedelta(hours=2, microseconds=5)
    values = {"price": decimal.Decimal("9.99"), "kind": Kind.LEAF, "took": took}
    await database.execute(nodes.update().where(nodes.c.id == 1), values)
    row = await database.fetch_one(nodes.select().where(nodes.c.price == decimal.Decimal("9.99")))
    assert row is not None
    assert (row.price, row.kind, row.took, row.order) == (decimal.Decimal("9.99"), Kind.LEAF, took, 7)
    assert isinstance(row.made, dt.datetime)
    assert row[nodes.c.order] == row["order"] == 7


async def test_moments_with_a_zone_come_back_aware_and_in_utc(database: Database) -> None:
    moments = sa.Table(
        "moments",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("plain", sa.DateTime),
    )
    await database.execute(sa.schema.CreateTable(moments))
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    plain = at.astimezone(dt.UTC).replace(tzinfo=None)
    await database.execute(moments.insert(), {"id": 1, "at": at, "plain": plain})
    await database.execute("INSERT INTO moments (id, at, plain) VALUES (2, :at, :plain)", {"at": at, "plain": plain})
    await database.execute(moments.insert(), {"id": 3, "at": None, "plain": None})
    rows = await database.fetch_all(moments.select().order_by(moments.c.id))
    assert [tuple(row) for row in rows] == [(1, at, plain), (2, at, plain), (3, None, None)]
    assert rows[0].at.tzinfo is not None
    assert await database.fetch_val(sa.select(moments.c.id).where(moments.c.at == at).order_by(moments.c.id)) == 1

    class Moment(msgspec.Struct):
        at: Annotated[dt.datetime, msgspec.Meta(tz=True)]
        plain: dt.datetime

    for query in ("SELECT * FROM moments WHERE id < 3", moments.select().where(moments.c.id < 3)):
        assert await database.fetch_all(query, into=Moment) == [Moment(at, plain), Moment(at, plain)]


async def test_text_with_parameters_and_columns(database: Database) -> None:
    text = sa.text("SELECT id, price FROM nodes WHERE id >= :least ORDER BY id").bindparams(sa.bindparam("least"))
    typed = text.columns(nodes.c.id, nodes.c.price)
    await database.execute(nodes.update().values(price=decimal.Decimal("0.5")))
    rows = await database.fetch_all(typed, {"least": 2})
    assert [tuple(row) for row in rows] == [(2, decimal.Decimal("0.5")), (3, decimal.Decimal("0.5"))]
    assert rows[0][nodes.c.price] == decimal.Decimal("0.5")
    loose = sa.text("SELECT price, name, id FROM nodes WHERE id = 3").columns(id=sa.Integer, price=Money)
    assert [tuple(row) for row in await database.fetch_all(loose)] == [(decimal.Decimal("0.5"), "c", 3)]
    assert await database.fetch_val(loose) == (await database.run(loose)).rows[0].price == decimal.Decimal("0.5")
    raw = await database.fetch_all(text, {"least": 3})
    assert [row.price for row in raw] == [50]


async def test_in_of_tuples_empty_lists_and_expanding_parameters(database: Database) -> None:
    pair = sa.tuple_(nodes.c.id, nodes.c.name)
    assert await names(database, sa.select(nodes.c.name).where(pair.in_([(1, "a"), (2, "x")]))) == ["a"]
    assert await names(database, sa.select(nodes.c.name).where(nodes.c.id.in_([]))) == []
    some = sa.select(nodes.c.name).where(nodes.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(nodes.c.id)
    for ids, found in (([1, 3], ["a", "c"]), ([], []), ([2], ["b"]), ([1, 2, 3], ["a", "b", "c"])):
        assert [row.name for row in await database.fetch_all(some, {"ids": ids})] == found


async def test_literals_functions_and_set_operations(database: Database) -> None:
    query = sa.union_all(
        sa.select(sa.literal("x").label("v")), sa.select(sa.literal_column("'y:z'")), sa.select(sa.func.lower("Q"))
    )
    assert sorted(row.v for row in await database.fetch_all(query)) == ["q", "x", "y:z"]
    exists = sa.select(sa.exists().where(nodes.c.id == 2))
    assert await database.fetch_val(exists)
    total = sa.select(sa.func.count(), sa.func.max(nodes.c.name), sa.cast(sa.func.sum(nodes.c.id), sa.Integer))
    row = await database.fetch_one(total.select_from(nodes))
    assert row is not None
    assert tuple(row) == (3, "c", 6)


async def test_updates_from_other_tables_and_with_subqueries(database: Database) -> None:
    await database.execute(copies.insert(), {"Id": 1, "the name": "copied"})
    name = sa.select(copies.c["the name"]).where(copies.c.Id == nodes.c.id).scalar_subquery()
    assert await database.execute(nodes.update().where(nodes.c.id == 1).values(name=name)) == 1
    assert await database.fetch_val(sa.select(nodes.c.name).where(nodes.c.id == 1)) == "copied"


async def test_bound_values_of_updates_with_parameters_of_their_own(database: Database) -> None:
    update = nodes.update().where(nodes.c.id == sa.bindparam("which")).values(name=sa.bindparam("new"))
    await database.execute_many(update, [{"which": 1, "new": "one"}, {"which": 2, "new": "two"}])
    assert await names(database, sa.select(nodes.c.name).order_by(nodes.c.id)) == ["one", "two", "c"]


async def test_quoted_names_everywhere(database: Database) -> None:
    await database.execute(copies.insert(), {"Id": 5, "the name": "x"})
    row = await database.fetch_one(sa.select(copies).where(copies.c["the name"] == "x"))
    assert row is not None
    assert row["the name"] == row[copies.c["the name"]] == "x"
    labelled = await database.fetch_one(sa.select(copies.c.Id.label("Ein Name")))
    assert labelled is not None
    assert labelled["Ein Name"] == 5


async def test_columns_of_joins_with_the_same_name(database: Database) -> None:
    child = nodes.alias("child")
    join = nodes.join(child, child.c.parent == nodes.c.id)
    row = await database.fetch_one(sa.select(nodes, child).select_from(join).where(child.c.id == 3))
    assert row is not None
    assert (row[nodes.c.id], row[child.c.id], row[nodes.c.name], row[child.c.name]) == (2, 3, "b", "c")


async def test_paging_order_and_locks(database: Database) -> None:
    query = sa.select(nodes.c.name).order_by(nodes.c.id.desc()).limit(1).offset(1)
    assert await names(database, query) == ["b"]
    async with database.transaction():
        assert await database.fetch_val(sa.select(nodes.c.id).where(nodes.c.id == 1).with_for_update()) == 1


async def test_strings_of_a_subclass_are_raw_sql(database: Database) -> None:
    class Sql(str):
        __slots__ = ()

    assert await database.fetch_val(Sql("SELECT max(id) FROM nodes WHERE id < :id"), {"id": 3}) == 2


async def test_a_table_is_no_query_and_the_error_says_what_to_do(database: Database) -> None:
    for part in (nodes, nodes.c.id, nodes.select().subquery(), sa.exists(nodes.select())):
        with pytest.raises(InterfaceError, match=r"part of a statement and none itself; select it"):
            await database.fetch_all(part)
    assert await database.fetch_val(sa.func.lower("A")) == "a"


async def test_sequences_and_identities_of_postgresql(database: Database) -> None:
    postgres = only_postgresql(database)
    numbers = sa.Sequence("numbers", start=5)
    table = sa.Table(
        "numbered",
        sa.MetaData(),
        sa.Column("id", sa.Integer, numbers, primary_key=True),
        sa.Column("other", sa.Integer, sa.Identity(start=100)),
        sa.Column("tags", postgresql.ARRAY(sa.String)),
        sa.Column("span", postgresql.INT4RANGE),
        sa.Column("kind", sa.Enum(Kind, name="kind_type")),
    )
    await postgres.execute(sa.schema.CreateSequence(numbers))
    await postgres.execute(postgresql.CreateEnumType(table.c.kind.type))
    await postgres.execute(sa.schema.CreateTable(table))
    span = postgresql.Range(1, 5)
    insert = table.insert().values(tags=["a", "b"], span=span, kind=Kind.LEAF)
    assert await postgres.execute(insert) == 5
    row = await postgres.fetch_one(sa.select(table).where(table.c.tags.contains(["a"]), table.c.span.contains(3)))
    assert row is not None
    assert (row.id, row.other, row.tags, row.span, row.kind) == (5, 100, ["a", "b"], span, Kind.LEAF)
    assert await postgres.fetch_val(sa.select(sa.func.unnest(table.c.tags))) == "a"
    assert await postgres.execute(sa.select(numbers.next_value())) == 6
