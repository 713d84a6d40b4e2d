"""bulk_create, bulk_update, get_or_create and update_or_create."""

from __future__ import annotations

import asyncio

import pytest
from tests.orm.library import Author, Book, Everything, Node, Tag, statements

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import F
from vivace.orm.exceptions import FieldError, IntegrityError
from vivace.orm.models import QuerySet

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 1000])
async def test_bulk_create_fills_in_keys_in_order(count: int, database: Database) -> None:
    made = await Tag.objects.bulk_create(Tag(name=f"tag-{number}") for number in range(count))
    assert await Tag.objects.count() == count
    found = {tag.pk: tag.name for tag in await Tag.objects.all()}
    assert all(found[tag.pk] == tag.name for tag in made)
    if made:
        made[0].name = "renamed"
        await made[0].save()
        assert await Tag.objects.filter(name="renamed").count() == 1


async def test_bulk_create_writes_every_kind(database: Database) -> None:
    made = await Everything.objects.bulk_create([Everything(json=[1]), Everything(json={"a": "b"}, maybe=True)])
    for row in made:
        found = await Everything.objects.get(pk=row.pk)
        for field in Everything._meta.concrete_fields:
            assert getattr(found, field.attname) == getattr(row, field.attname), field.name


async def test_a_failing_row_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await Tag.objects.bulk_create([*(Tag(name=f"t{number}") for number in range(300)), Tag(name="t5")])
    assert await Tag.objects.count() == 0


async def test_ignore_conflicts_keeps_what_is_there(database: Database) -> None:
    await Tag.objects.create(name="red")
    await Tag.objects.bulk_create([Tag(name="red"), Tag(name="blue")], ignore_conflicts=True)
    assert await Tag.objects.order_by("name").values_list("name", flat=True) == ["blue", "red"]


async def test_update_conflicts_changes_what_is_there(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    first = await Book.objects.create(title="x", author=ann, pages=1)
    rows = [Book(title="x", author=ann, pages=2), Book(title="y", author=ann, pages=3)]
    # MySQL takes any unique value for a conflict.
    unique = None if database.dialect.name == "mysql" else ["title", "author"]
    made = await Book.objects.bulk_create(rows, update_conflicts=True, update_fields=["pages"], unique_fields=unique)
    assert await Book.objects.order_by("title").values_list("title", "pages") == [("x", 2), ("y", 3)]
    assert made[0].pk == first.pk


async def test_wrong_conflict_arguments_are_told(database: Database) -> None:
    with pytest.raises(ValueError, match="mutually exclusive"):
        await Tag.objects.bulk_create([], ignore_conflicts=True, update_conflicts=True)
    if database.dialect.name == "mysql":
        with pytest.raises(NotSupportedError, match="leave out unique_fields"):
            await Tag.objects.bulk_create([], update_conflicts=True, update_fields=["name"], unique_fields=["name"])
    else:
        with pytest.raises(ValueError, match="Unique fields"):
            await Tag.objects.bulk_create([], update_conflicts=True, update_fields=["name"])
    with pytest.raises(FieldError, match='Did you mean "name"'):
        await Tag.objects.bulk_create([], update_conflicts=True, update_fields=["nam"], unique_fields=["name"])
    with pytest.raises(ValueError, match="positive"):
        await Tag.objects.bulk_create([], batch_size=0)


async def test_bulk_update_writes_the_named_fields(database: Database) -> None:
    authors = await Author.objects.bulk_create([Author(name=f"a{number}", age=number) for number in range(300)])
    for author in authors:
        author.name, author.age = author.name.upper(), None
    authors[7].age = F("age") + 100  # type: ignore[assignment]
    assert await Author.objects.bulk_update(authors, ["name", "age"]) == 300
    assert await Author.objects.filter(name__startswith="A", age=None).count() == 299
    assert (await Author.objects.get(name="A7")).age == 107
    assert await Author.objects.bulk_update([], ["name"]) == 0
    with pytest.raises(ValueError, match="primary key set"):
        await Author.objects.bulk_update([Author()], ["name"])


async def test_bulk_update_remembers_what_it_wrote_however_the_objects_came_about(database: Database) -> None:
    keys = [tag.pk for tag in await Tag.objects.bulk_create([Tag(name=f"t{number}") for number in range(4)])]
    found = await Tag.objects.in_bulk(keys)
    objects = [
        await Tag.objects.get(pk=keys[0]),
        await Tag.objects.only("id").get(pk=keys[1]),
        Tag(pk=keys[2], name="t2"),
        found[keys[3]],
    ]
    for number, each in enumerate(objects):
        each.name = f"changed {number}"
    assert await Tag.objects.bulk_update(objects, ["name"]) == 4
    async with database.atomic():
        objects[3].name = "changed once more"
        await Tag.objects.bulk_update(objects, ["name"])
        with statements(database) as seen:
            for each in objects:
                await each.save()
    assert seen == []
    assert {tag.name for tag in await Tag.objects.all()} == {"changed 0", "changed 1", "changed 2", "changed once more"}


async def test_bulk_update_of_every_kind(database: Database) -> None:
    row = await Everything.objects.create()
    names = [field.name for field in Everything._meta.concrete_fields if not field.primary_key]
    row.json, row.text, row.maybe = {"b": 1}, "é", False
    assert await Everything.objects.bulk_update([row], names) == 1
    found = await Everything.objects.get()
    assert (found.json, found.text, found.maybe, found.moment) == ({"b": 1}, "é", False, row.moment)


async def test_bulk_create_takes_parents_by_object(database: Database) -> None:
    root = await Node.objects.create(name="root")
    await Node.objects.bulk_create([Node(name="a", parent=root), Node(name="b", parent=root)])
    assert await root.children.count() == 2


async def test_get_or_create_creates_once(database: Database) -> None:
    tag, created = await Tag.objects.get_or_create(name="red")
    assert created
    assert await Tag.objects.get_or_create(name="red") == (tag, False)
    author, created = await Author.objects.get_or_create(name="Ann", defaults={"age": lambda: 40})
    assert (author.age, created) == (40, True)
    with pytest.raises(FieldError, match='Did you mean "age"'):
        await Author.objects.get_or_create(name="new", defaults={"agee": 1})


async def test_get_or_create_in_many_tasks_creates_one_row(database: Database) -> None:
    results = await asyncio.gather(*(Tag.objects.get_or_create(name="red") for _ in range(8)))
    assert sum(created for _, created in results) == 1
    assert len({tag.pk for tag, _ in results}) == 1


async def test_update_or_create(database: Database) -> None:
    author, created = await Author.objects.update_or_create({"age": 1}, name="Ann")
    assert (author.age, created) == (1, True)
    author, created = await Author.objects.update_or_create(defaults={"age": 2}, create_defaults={"age": 3}, name="Ann")
    assert (author.age, created) == (2, False)
    assert await Author.objects.count() == 1


async def test_get_or_create_costs_one_insert_where_nobody_overrides_it(database: Database) -> None:
    with statements(database) as seen:
        await Tag.objects.get_or_create(name="red")
    if database.dialect.name != "mysql":
        assert [sql.split()[0] for sql in seen] == ["SELECT", "INSERT"]

    class Counted(QuerySet[Tag]):
        made = 0

        async def create(self, **values: object) -> Tag:
            Counted.made += 1
            return await super().create(**values)

    rows = Counted(Tag).using(database)
    assert (await rows.get_or_create(name="blue"))[1]
    assert not (await rows.get_or_create(name="blue"))[1]
    assert Counted.made == 1


async def test_get_or_create_tells_of_a_conflict_that_the_lookups_do_not_find(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    await Book.objects.create(title="x", author=ann)
    with pytest.raises(IntegrityError):
        await Book.objects.get_or_create(title="x", pages=77, defaults={"author": ann})
    assert await Book.objects.count() == 1


async def test_update_or_create_in_many_tasks_loses_no_update(database: Database) -> None:
    await Author.objects.create(name="Ann", age=0)

    async def birthday() -> None:
        async with database.atomic():
            await Author.objects.update_or_create({"age": F("age") + 1}, name="Ann")

    await asyncio.gather(*(birthday() for _ in range(5)))
    assert (await Author.objects.get()).age == 5


async def test_upsert_inserts_or_updates_and_holds_the_row(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    unique = None if database.dialect.name == "mysql" else ["title", "author"]
    with statements(database) as seen:
        first = await Book.objects.upsert(Book(title="x", author=ann, pages=1, subtitle="old"), unique_fields=unique)
    assert len([sql for sql in seen if "INSERT" in sql]) == 1
    again = await Book.objects.upsert(
        Book(title="x", author=ann, pages=2, subtitle="new"), unique_fields=unique, update_fields=["pages"]
    )
    assert (again.pk, again.pages, again.subtitle) == (first.pk, 2, "old")
    await again.save()
    assert await Book.objects.values_list("pages", "subtitle") == [(2, "old")]
    whole = await Book.objects.upsert(Book(title="x", author=ann, subtitle="third"), unique_fields=unique)
    assert (whole.pk, whole.pages, whole.subtitle) == (first.pk, 0, "third")


async def test_an_upsert_remembers_only_what_it_wrote(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    await Book.objects.create(title="x", author=ann, pages=5)
    unique = None if database.dialect.name == "mysql" else ["title", "author"]
    [row] = await Book.objects.bulk_create(
        [Book(title="x", author=ann, pages=7, subtitle="s")],
        update_conflicts=True,
        update_fields=["subtitle"],
        unique_fields=unique,
    )
    await row.save()
    assert await Book.objects.values_list("pages", "subtitle") == [(7, "s")]


async def test_bulk_update_touches_only_rows_of_the_queryset(database: Database) -> None:
    rows = await Author.objects.bulk_create([Author(name=str(number), age=number) for number in range(4)])
    for row in rows:
        row.name = "x"
    assert await Author.objects.filter(age__gte=2).bulk_update(rows, ["name"]) == 2
    assert await Author.objects.order_by("age").values_list("name", flat=True) == ["0", "1", "x", "x"]


async def test_bulk_create_takes_batches_of_any_size(database: Database) -> None:
    made = await Tag.objects.bulk_create([Tag(name=f"t{number}") for number in range(11)], batch_size=3)
    assert await Tag.objects.count() == 11
    assert {tag.pk for tag in made} == set(await Tag.objects.values_list("pk", flat=True))
