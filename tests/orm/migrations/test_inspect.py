"""inspectdb: models of tables that are there, and that these models make equal tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pprint import pformat
from typing import Any

import pytest

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.migrations import MigrationError, inspect
from vivace.orm.migrations.inspection import read_tables
from vivace.orm.registry import registry
from vivace.orm.schema import creation

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    with registry.isolated(empty=True):
        yield


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def anywhere(request: pytest.FixtureRequest, anyio_backend: str) -> Database:
    """Each of the three databases, empty."""
    database: Database = request.getfixturevalue(request.param)
    return database


def shop() -> list[type[models.Model]]:
    class Author(models.Model):
        name = models.CharField(max_length=80, db_comment="As on the cover")
        email = models.EmailField(unique=True, max_length=100)

        class Meta:
            app_label = "shop"
            db_table_comment = "Who writes"

    class Tag(models.Model):
        name = models.SlugField(max_length=40, primary_key=True)

        class Meta:
            app_label = "shop"

    class Book(models.Model):
        title = models.CharField(max_length=200, db_index=True)
        text = models.TextField(null=True, blank=True)
        published = models.DateField(null=True)
        price = models.DecimalField(max_digits=10, decimal_places=2, db_default=0)
        listed = models.BooleanField(db_default=True)
        added = models.DateTimeField()
        opens = models.TimeField(null=True)
        key = models.UUIDField(null=True)
        cover = models.BinaryField(null=True)
        rating = models.FloatField(null=True)
        pages = models.PositiveIntegerField(db_default=3)
        sold = models.BigIntegerField()
        stock = models.SmallIntegerField()
        language = models.CharField(max_length=2, db_default="it's"[:2])
        twice = models.GeneratedField(
            expression=models.F("sold") * 2, output_field=models.BigIntegerField(), db_persist=True, null=True
        )
        author = models.ForeignKey(Author, on_delete=models.CASCADE)
        editor = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="edited")
        follows: Any = models.OneToOneField("self", on_delete=models.DO_NOTHING, null=True)
        tags = models.ManyToManyField(Tag)

        class Meta:
            app_label = "shop"
            indexes = (
                models.Index(fields=["-published", "title"], name="newest"),
                models.Index(fields=["price", "sold"], name="worth", condition=models.Q(sold__gt=3)),
            )
            constraints = (
                models.CheckConstraint(condition=models.Q(price__gte=0), name="price_is_real"),
                models.UniqueConstraint(fields=["title", "author"], name="once"),
            )

    class Page(models.Model):
        pk = models.CompositePrimaryKey("book", "number")
        book = models.ForeignKey(Book, on_delete=models.CASCADE)
        number = models.IntegerField()

        class Meta:
            app_label = "shop"

    return [Author, Tag, Book, Page]


async def create(database: Database, made: list[type[models.Model]]) -> None:
    for statement in creation(made, database.dialect):
        await database.execute(statement.replace(":", r"\:"))


def models_of(source: str, label: str) -> list[type[models.Model]]:
    registry.clear()
    namespace: dict[str, Any] = {"__name__": f"{label}.models"}
    exec(compile(source, "inspected", "exec"), namespace)
    return registry.models()


async def drop_everything(database: Database) -> None:
    if database.dialect.name == "postgresql":
        await database.execute("DROP SCHEMA public CASCADE")
        await database.execute("CREATE SCHEMA public")
        return
    async with database.connection():
        off, on = (
            ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
            if database.dialect.name == "sqlite"
            else ("SET foreign_key_checks = 0", "SET foreign_key_checks = 1")
        )
        await database.execute(off)
        for name in await read_tables(database):
            await database.execute(f"DROP TABLE {name}")
        await database.execute(on)


def comparable(tables: Any) -> str:
    """Without names of constraints that the database gave, and in an order that does not matter."""
    return re.sub(r"0x[0-9a-f]+", "", pformat(tables, width=150))


async def test_inspected_models_make_an_equal_schema(anywhere: Database) -> None:
    await create(anywhere, shop())
    before = await read_tables(anywhere)
    source = await inspect(anywhere, label="shop")
    await drop_everything(anywhere)
    await create(anywhere, models_of(source, "shop"))
    assert comparable(await read_tables(anywhere)) == comparable(before)
    assert await inspect(anywhere, label="shop") == source


async def test_what_a_model_says_is_said(sqlite: Database) -> None:
    await create(sqlite, shop())
    source = await inspect(sqlite, label="shop")
    for line in (
        "class Book(models.Model):",
        "email = models.CharField(max_length=100, unique=True)",
        "title = models.CharField(max_length=200, db_index=True)",
        "pages = models.PositiveIntegerField(db_default=3)",
        'author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="book_author_set")',
        'follows = models.OneToOneField("self", on_delete=models.DO_NOTHING, null=True)',
        'tags = models.ManyToManyField("Tag")',
        'pk = models.CompositePrimaryKey("book", "number")',
        'models.Index(fields=["-published", "title"], name="newest"',
        'models.UniqueConstraint(fields=["title", "author"], name="once"',
    ):
        assert line in source


async def test_what_no_model_can_say_is_a_comment_or_sql(sqlite: Database) -> None:
    await sqlite.execute('CREATE TABLE "2 odd" ("a b" frobs, class INTEGER, save VARCHAR(3), __x INTEGER)')
    await sqlite.execute("CREATE TABLE pair (a INTEGER, b INTEGER, PRIMARY KEY (a, b))")
    await sqlite.execute(
        "CREATE TABLE refers (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c TEXT DEFAULT (lower('X, (')), "
        "CHECK (a % 2 = 0 OR c LIKE '50%'), FOREIGN KEY (a, b) REFERENCES pair (a, b))"
    )
    await sqlite.execute("CREATE UNIQUE INDEX odd ON refers (lower(c) DESC, a) WHERE c <> 'a, )'")
    await sqlite.execute("CREATE VIEW seen AS SELECT a FROM refers")
    source = await inspect(sqlite, views=True)
    for line in (
        "class Model2Odd(models.Model):",
        'class_field = models.IntegerField(null=True, db_column="class")',
        'save_field = models.CharField(max_length=3, null=True, blank=True, db_column="save")',
        "# The foreign key (a, b) to pair has several columns, which no field can say.",
        "c = models.TextField(null=True, blank=True, db_default=models.RawSQL(\"lower('X, (')\"))",
        'models.RawSQL("lower(c)")',
        "a %% 2 = 0 OR c LIKE '50%%'",
        "managed = False",
    ):
        assert line in source
    assert [model.__name__ for model in models_of(source, "odd")] == ["Model2Odd", "Pair", "Refers", "Seen"]


async def test_an_unknown_table_is_an_error_that_names_the_nearest(sqlite: Database) -> None:
    await create(sqlite, shop())
    with pytest.raises(MigrationError, match=r'no table "shop_bok". Did you mean "shop_book"'):
        await inspect(sqlite, ["shop_bok"])
