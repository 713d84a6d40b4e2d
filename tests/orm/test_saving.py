"""What the database makes of a saved row, versions, and what is written again after a rollback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.schema import CreateTable
from tests.orm.library import Author, Book, Everything, Node, Tag, statements

from vivace.databases import Database
from vivace.orm import Count, F, Value, models
from vivace.orm.exceptions import FieldError, IntegrityError, NotUpdated, StaleObjectError
from vivace.orm.functions import Concat, Lower, Upper
from vivace.orm.registry import registry
from vivace.orm.schema import metadata

pytestmark = pytest.mark.anyio

Make = Callable[..., Awaitable[None]]


@pytest.fixture
async def make(database: Database) -> AsyncIterator[Make]:
    """Makes the table of a model that a test defines."""

    async def create(*made: type[models.Model]) -> None:
        for table in metadata(made).sorted_tables:
            await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))

    with registry.isolated():
        yield create


async def test_a_value_that_the_database_fills_in_is_read_back(database: Database, make: Make) -> None:
    class Paper(models.Model):
        title = models.CharField(max_length=50)
        stars = models.IntegerField(db_default=3)
        word = models.CharField(max_length=20, db_default=Lower(Value("NEW")))

        class Meta:
            app_label = "press"

    await make(Paper)
    with statements(database) as seen:
        paper = await Paper.objects.create(title="x")
    assert (paper.stars, paper.word) == (3, "new")
    if database.dialect.insert_returning:
        assert len(seen) == 1
    paper.title = "y"
    await paper.save()
    again = await Paper.objects.get()
    assert (again.title, again.stars) == ("y", 3)
    other = Paper(id=again.pk, title="z", stars=1)
    await other.save()
    assert await Paper.objects.values_list("title", "stars", "word") == [("z", 1, "new")]
    made = await Paper.objects.bulk_create([Paper(title="a"), Paper(title="b", stars=9), Paper(id=77, title="c")])
    assert [(each.title, each.stars, each.word) for each in made] == [("a", 3, "new"), ("b", 9, "new"), ("c", 3, "new")]
    assert {each.pk: each.title async for each in Paper.objects.exclude(pk=again.pk)} == {
        each.pk: each.title for each in made
    }


async def test_a_generated_column_follows_every_write(database: Database, make: Make) -> None:
    class Square(models.Model):
        side = models.IntegerField()
        area = models.GeneratedField(
            expression=F("side") * F("side"), output_field=models.IntegerField(), db_persist=True, null=True
        )

        class Meta:
            app_label = "shapes"

    await make(Square)
    square = await Square.objects.create(side=3)
    assert square.area == 9
    square.side = 4
    await square.save()
    assert square.area == 16
    square.side = F("side") + 1  # type: ignore[assignment]
    await square.save()
    assert (square.side, square.area) == (5, 25)
    made = await Square.objects.bulk_create([Square(side=1), Square(side=2)])
    assert [each.area for each in made] == [1, 4]
    for wrong in (Square.objects.update(area=1), Square.objects.bulk_update(made, ["area"])):
        with pytest.raises(FieldError, match="computes"):
            await wrong
    with pytest.raises(ValueError, match="computes"):
        await square.save(update_fields=["area"])


async def test_expressions_are_computed_by_the_insert(database: Database) -> None:
    with statements(database) as seen:
        ann = await Author.objects.create(name=Upper(Value("ann")), age=Value(3) + 4)
    assert (ann.name, ann.age) == ("ANN", 7)
    if database.dialect.insert_returning:
        assert len(seen) == 1
    ann.age = 8
    await ann.save()
    assert await Author.objects.values_list("name", "age") == [("ANN", 8)]
    rows: list[Author] = [Author(name=Lower(Value("B"))), Author(name="c")]  # type: ignore[arg-type,unused-ignore]
    await Author.objects.bulk_create(rows)
    assert [row.name for row in rows] == ["b", "c"]
    for wrong in (F("age"), F("age") + 1, F("books__pages")):
        with pytest.raises(FieldError, match=r"F\(\) is for rows that exist"):
            await Author.objects.create(name="x", age=wrong)
    with pytest.raises(FieldError, match="an aggregate cannot be assigned"):
        await Author.objects.create(name="x", age=Count("*"))


async def test_an_expression_is_written_and_read_back_by_one_statement(database: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=1)
    ann.age = F("age") + 1  # type: ignore[assignment]
    ann.name = Concat("name", Value("a"))  # type: ignore[assignment]
    with statements(database) as seen:
        await ann.save()
    assert (ann.name, ann.age) == ("Anna", 2)
    if database.dialect.update_returning:
        assert len(seen) == 1
    with statements(database) as seen:
        await ann.save()
    assert seen == []


async def test_a_stale_object_overwrites_nothing(database: Database, make: Make) -> None:
    class Page(models.Model):
        text = models.TextField()
        views = models.IntegerField(default=0)
        version = models.VersionField()

        class Meta:
            app_label = "wiki"

    await make(Page)
    page = await Page.objects.create(text="a")
    assert page.version == 1
    mine, yours = await Page.objects.get(), await Page.objects.get()
    mine.text = "mine"
    await mine.save()
    assert mine.version == 2
    yours.text = "yours"
    for options in ({}, {"update_fields": ["text"]}, {"force_update": True}):
        with pytest.raises(StaleObjectError, match="changed or deleted by somebody else"):
            await yours.save(**options)
    assert yours.version == 1
    yours.text = F("text")  # type: ignore[assignment]
    with pytest.raises(StaleObjectError):
        await yours.save()
    await yours.refresh_from_db()
    yours.views = F("views") + 1  # type: ignore[assignment]
    await yours.save()
    assert (yours.text, yours.views, yours.version) == ("mine", 1, 3)
    await yours.save()
    assert yours.version == 3
    await Page.objects.update(text="all")
    assert await Page.objects.values_list("version", flat=True) == [4]
    await Page.objects.all().delete()
    yours.text = "gone"
    with pytest.raises(StaleObjectError):
        await yours.save()
    assert issubclass(StaleObjectError, NotUpdated)
    fresh = Page(id=5, text="with a key")
    await fresh.save()
    assert (await Page.objects.get()).version == 1


async def test_bulk_update_and_upserts_count_versions(database: Database, make: Make) -> None:
    class Page(models.Model):
        slug = models.SlugField(unique=True)
        text = models.TextField()
        version = models.VersionField()

        class Meta:
            app_label = "wiki"

    await make(Page)
    pages = await Page.objects.bulk_create([Page(slug=str(number), text="a") for number in range(3)])
    for page in pages:
        page.text = "b"
    assert await Page.objects.bulk_update(pages, ["text"]) == 3
    assert [page.version for page in pages] == [2, 2, 2]
    other = await Page.objects.get(slug="1")
    other.text = "other"
    await other.save()
    for page in pages:
        page.text = "c"
    with pytest.raises(StaleObjectError):
        await Page.objects.bulk_update(pages, ["text"])
    assert await Page.objects.order_by("pk").values_list("text", "version") == [("b", 2), ("other", 3), ("b", 2)]
    assert [page.version for page in pages] == [2, 2, 2]


async def test_concurrent_saves_of_one_version_let_one_win(database: Database, make: Make) -> None:
    class Page(models.Model):
        text = models.TextField()
        version = models.VersionField()

        class Meta:
            app_label = "wiki"

    await make(Page)
    await Page.objects.create(text="a")
    copies = [await Page.objects.get() for _ in range(8)]
    for number, copy in enumerate(copies):
        copy.text = str(number)
    results = await asyncio.gather(*(copy.save() for copy in copies), return_exceptions=True)
    assert [type(result) for result in results].count(StaleObjectError) == 7
    assert (await Page.objects.get()).version == 2


async def test_after_a_rollback_everything_is_written_again(database: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=1)
    transaction = await database.atomic().start()
    ann.age = 2
    await ann.save()
    await transaction.rollback()
    await ann.save()
    assert (await Author.objects.get()).age == 2

    async def failing(work: Awaitable[Any]) -> None:
        async with database.atomic():
            await work
            raise KeyError

    bea = Author(name="Bea", age=1)
    with pytest.raises(KeyError):
        await failing(bea.save())
    await bea.save()
    assert await Author.objects.filter(name="Bea").count() == 1
    async with database.atomic():
        with pytest.raises(KeyError):
            await failing(Author.objects.filter(pk=bea.pk).update(name="Bee"))
        bea.name = "B"
        with pytest.raises(KeyError):
            await failing(bea.save())
        await bea.save()
        assert (await Author.objects.get(pk=bea.pk)).name == "B"
    with statements(database) as seen:
        await bea.save()
    assert seen == []


async def test_a_row_seen_in_a_transaction_that_was_undone_is_written_whole(database: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=1)
    transaction = await database.atomic().start()
    await Author.objects.update(age=5)
    seen = await Author.objects.get()
    await transaction.rollback()
    assert seen.age == 5
    await seen.save()
    await ann.refresh_from_db()
    assert ann.age == 5


async def test_update_fields_writes_exactly_these_even_unchanged(database: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=1)
    await Author.objects.update(name="Bea", age=2)
    await ann.save(update_fields=["age"])
    assert await Author.objects.values_list("name", "age") == [("Bea", 1)]
    with pytest.raises(ValueError, match="primary key"):
        await ann.save(update_fields=["pk"])
    with pytest.raises(ValueError, match="Cannot force both"):
        await ann.save(force_insert=True, update_fields=["age"])


async def test_select_on_save_asks_first(database: Database, make: Make) -> None:
    class Asked(models.Model):
        name = models.CharField(max_length=10)

        class Meta:
            app_label = "asking"
            select_on_save = True

    await make(Asked)
    row = await Asked.objects.create(name="a")
    row.name = "b"
    with statements(database) as seen:
        await row.save()
    assert [sql.split()[0] for sql in seen] == ["SELECT", "UPDATE"]
    await Asked.objects.all().delete()
    row.name = "c"
    with statements(database) as seen:
        await row.save()
    assert [sql.split()[0] for sql in seen] == ["SELECT", "INSERT"]


async def test_a_model_of_nothing_but_its_key_can_be_saved(database: Database, make: Make) -> None:
    class Token(models.Model):
        class Meta:
            app_label = "tokens"

    await make(Token)
    first = await Token.objects.create()
    await first.save()
    await Token(id=50).save()
    await Token(id=50).save()
    made = await Token.objects.bulk_create([Token() for _ in range(5)])
    assert len({each.pk for each in made}) == 5
    assert await Token.objects.count() == 7


async def test_a_copy_of_a_row_with_a_default_key_gets_a_new_one(database: Database) -> None:
    made = await Everything.objects.create(text="a")
    made.pk = None
    made._state.adding = True
    await made.save()
    assert await Everything.objects.count() == 2


async def test_save_base_writes_raw_values_and_tells_so(database: Database) -> None:
    node = Node(name="x")
    await node.save_base(raw=True)
    assert await Node.objects.count() == 1


async def test_refreshing_from_a_queryset_and_of_named_fields(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    book = await Book.objects.create(title="x", author=ann)
    await book.tags.add(await Tag.objects.create(name="red"))
    await book.refresh_from_db(from_queryset=Book.objects.select_related("author").prefetch_related("tags"))
    with statements(database) as seen:
        assert book.author.name == "Ann"
        assert [tag.name for tag in book.tags.all()] == ["red"]
        await book.refresh_from_db(fields=["tags"])
        assert seen == []
    assert not book.tags.is_loaded
    with pytest.raises(Book.DoesNotExist):
        await book.refresh_from_db(from_queryset=Book.objects.filter(title="other"))
    with pytest.raises(ValueError, match="__"):
        await book.refresh_from_db(fields=["author__name"])
    with pytest.raises(FieldError, match='Did you mean "title"'):
        await book.refresh_from_db(fields=["titel"])


async def test_from_db_may_be_overridden(database: Database, make: Make) -> None:
    class Watched(models.Model):
        name = models.CharField(max_length=10)
        size = models.IntegerField(default=1)
        parent: models.ForeignKey[Watched | None] = models.ForeignKey("self", models.CASCADE, null=True)
        as_loaded: dict[str, Any]

        class Meta:
            app_label = "watching"

        @classmethod
        def from_db(cls, db: Any, field_names: Any, values: Any) -> Any:
            made = super().from_db(db, field_names, values)
            made.as_loaded = dict(zip(field_names, values, strict=True))
            return made

    await make(Watched)
    root = await Watched.objects.create(name="a")
    await Watched.objects.create(name="b", parent=root)
    [leaf] = await Watched.objects.select_related("parent").filter(name="b")
    assert leaf.as_loaded == {"id": leaf.pk, "name": "b", "size": 1, "parent_id": root.pk}
    assert leaf.parent is not None
    assert leaf.parent.as_loaded["name"] == "a"
    leaf.size = 5
    with statements(database) as seen:
        await leaf.save()
    assert len(seen) == 1
    assert "name" not in seen[0]
    partial = await Watched.objects.only("name").get(pk=root.pk)
    assert partial.as_loaded == {"id": root.pk, "name": "a"}
    assert (await partial).size == 1


async def test_column_names_of_any_spelling_are_quoted(database: Database, make: Make) -> None:
    class Odd(models.Model):
        one = models.IntegerField(db_column="a VALUES (b")
        two = models.IntegerField(db_column='$1 "?" `x` %s :p', default=2)
        version = models.VersionField(db_column="count; --")

        class Meta:
            app_label = "odd"
            db_table = 'odd "table" ? $2 `t`'

    await make(Odd)
    row = await Odd.objects.create(one=1)
    row.two = 3
    await row.save()
    made = await Odd.objects.bulk_create([Odd(one=2), Odd(id=50, one=3)])
    for each in made:
        each.two = each.one * 10
    await Odd.objects.bulk_update(made, ["two"])
    await Odd.objects.update(one=F("one") + F("two"))
    unique = None if database.dialect.name == "mysql" else ["id"]
    await Odd.objects.upsert(Odd(id=50, one=7), unique_fields=unique)
    assert await Odd.objects.order_by("pk").values_list("one", "two", "version") == [(4, 3, 3), (22, 20, 3), (7, 2, 4)]


async def test_an_ordered_update_shifts_unique_numbers_where_rows_are_checked_one_by_one(
    database: Database, make: Make
) -> None:
    class Place(models.Model):
        number = models.IntegerField(unique=True)

        class Meta:
            app_label = "queues"
            ordering = ("number",)

    await make(Place)
    await Place.objects.bulk_create([Place(number=number) for number in range(1, 4)])
    if database.dialect.name == "mysql":
        with pytest.raises(IntegrityError):
            await Place.objects.update(number=F("number") + 1)
        assert await Place.objects.filter(number__lt=9).order_by("-number").update(number=F("number") + 1) == 3
    else:
        assert await Place.objects.order_by("-number").update(number=F("number") + 10) == 3
    assert await Place.objects.count() == 3


async def test_a_version_guards_all_tables_of_a_row(database: Database, make: Make) -> None:
    class Place(models.Model):
        name = models.CharField(max_length=10)
        version = models.VersionField()

        class Meta:
            app_label = "towns"

    class Cafe(Place):
        seats = models.IntegerField(default=0)

        class Meta:
            app_label = "towns"

    await make(Place, Cafe)
    cafe = await Cafe.objects.create(name="a", seats=1)
    mine, yours = await Cafe.objects.get(), await Cafe.objects.get()
    mine.seats = 2
    await mine.save()
    assert mine.version == 2
    yours.seats = 3
    for update_fields in (None, ["seats"]):
        with pytest.raises(StaleObjectError):
            await yours.save(update_fields=update_fields)
    with pytest.raises(StaleObjectError):
        await Cafe.objects.bulk_update([cafe], ["seats"])
    assert (await Cafe.objects.get()).seats == 2
    await mine.save()
    assert mine.version == 2
    await Cafe.objects.update(seats=7)
    fresh = await Cafe.objects.get()
    assert (fresh.seats, fresh.version) == (7, 3)
    fresh.seats = 8
    await Cafe.objects.bulk_update([fresh], ["seats"])
    await fresh.save()
    assert await Cafe.objects.values_list("seats", "version") == [(8, 4)]


@pytest.fixture
def without_returning(mysql: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database as MySQL is, which has no RETURNING at all; MariaDB has it for INSERT."""
    monkeypatch.setattr(mysql.dialect, "insert_returning", False)
    # Statements are kept by the name of the driver.
    monkeypatch.setattr(mysql.dialect, "driver", "without-returning")
    return mysql


async def test_without_returning_rows_are_read_back_by_a_query(without_returning: Database) -> None:
    class Leaf(models.Model):
        name = models.CharField(max_length=20)
        size = models.IntegerField(db_default=3)
        double = models.GeneratedField(
            expression=F("size") * 2, output_field=models.IntegerField(), db_persist=True, null=True
        )

        class Meta:
            app_label = "leaves"

    with registry.isolated():
        for table in metadata([Leaf]).sorted_tables:
            await without_returning.execute(str(CreateTable(table).compile(dialect=without_returning.dialect)))
        with statements(without_returning) as seen:
            leaf = await Leaf.objects.create(name="a")
        assert not any("RETURNING" in sql for sql in seen)
        assert (leaf.size, leaf.double) == (3, 6)
        leaf.size = 5
        await leaf.save()
        assert leaf.double == 10
        given = await Leaf.objects.create(id=70, name=Upper(Value("b")), size=Value(2) + 2)
        made = await Leaf.objects.create(name=Upper(Value("c")))
        assert (given.name, given.size, given.double) == ("B", 4, 8)
        assert (made.name, made.size) == ("C", 3)
        made.name = Lower("name")  # type: ignore[assignment]
        await made.save()
        assert made.name == "c"
        await Leaf.objects.bulk_create([Leaf(name="d"), Leaf(id=90, name="e", size=1)])
        assert await Leaf.objects.order_by("name").values_list("name", "size") == [
            ("a", 5),
            ("B", 4),
            ("c", 3),
            ("d", 3),
            ("e", 1),
        ]
        author = await Author.objects.create(name="Ann")
        assert await Author.objects.get(pk=author.pk) == author
        tag, created = await Tag.objects.get_or_create(name="red")
        assert (created, await Tag.objects.get(pk=tag.pk)) == (True, tag)
