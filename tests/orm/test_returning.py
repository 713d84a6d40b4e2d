"""update(…).returning() and delete().returning() on real databases."""

from __future__ import annotations

import asyncio

import pytest
from tests.orm.library import Author, Book, Node, Profile, Tag, statements

from vivace.databases import Database
from vivace.orm import Count, F
from vivace.orm.exceptions import FieldError, NotLoaded

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann")
    for number in range(3):
        await Book.objects.create(title=f"t{number}", pages=number, author=ann)
    return database


async def test_an_update_gives_the_rows_as_they_are_now(books: Database) -> None:
    changed = await Book.objects.filter(pages__gt=0).update(pages=F("pages") + 10).returning()
    assert sorted((book.title, book.pages) for book in changed) == [("t1", 11), ("t2", 12)]
    changed[0].subtitle = "saved"
    await changed[0].save()
    assert await Book.objects.filter(subtitle="saved").count() == 1
    assert await Book.objects.filter(pages=-1).update(pages=1).returning() == []
    assert await Book.objects.none().update(pages=1).returning() == []


async def test_only_the_fields_that_were_asked_for_are_read(books: Database) -> None:
    (book,) = await Book.objects.filter(pages=1).update(pages=7).returning("pages")
    assert (book.pages, book.pk is None) == (7, False)
    with pytest.raises(NotLoaded):
        _ = book.title
    with pytest.raises(FieldError, match='Did you mean "title"'):
        await Book.objects.update(pages=1).returning("titel")


async def test_rows_are_chosen_over_relations_and_groups(books: Database) -> None:
    tag = await Tag.objects.create(name="red")
    await (await Book.objects.get(pages=2)).tags.add(tag)
    tagged = Book.objects.annotate(n=Count("tags")).filter(n=1)
    assert [book.pages for book in await tagged.update(pages=5).returning()] == [5]
    assert [book.pages for book in await Book.objects.filter(tags__name="red").update(pages=6).returning()] == [6]


async def test_a_delete_gives_the_rows_as_they_were(books: Database) -> None:
    gone = await Book.objects.filter(pages__lt=2).delete().returning()
    assert sorted(book.title for book in gone) == ["t0", "t1"]
    assert await Book.objects.count() == 1
    assert await Book.objects.none().delete().returning() == []
    root = await Node.objects.create(name="root")
    await Node.objects.create(name="leaf", parent=root)
    assert [node.name for node in await Node.objects.filter(parent=None).delete().returning("name")] == ["root"]
    assert await Node.objects.count() == 0


async def test_a_write_is_a_coroutine_still(books: Database) -> None:
    assert await asyncio.create_task(Book.objects.update(pages=1)) == 3
    one, other = Book.objects.filter(title="t0").update(pages=2), Book.objects.filter(pages=9).update(pages=1)
    assert sum(await asyncio.gather(one, other)) == 1
    forgotten = Book.objects.update(pages=3)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        del forgotten
    assert (await Book.objects.aupdate(pages=4), (await Book.objects.all().adelete())[0]) == (3, 3)


async def test_a_slice_is_refused(books: Database) -> None:
    with pytest.raises(TypeError, match="once a slice"):
        await Book.objects.all()[:1].update(pages=1).returning()
    with pytest.raises(TypeError, match="once a slice"):
        await Book.objects.all()[:1].delete().returning()


async def test_a_delete_that_nothing_hangs_on_is_one_statement_with_returning(database: Database) -> None:
    author = await Author.objects.create(name="Ann")
    await Profile.objects.create(author=author, text="x")
    with statements(database) as seen:
        (gone,) = await Profile.objects.filter(author__name="Ann").order_by("text").delete().returning("text")
    assert gone.text == "x"
    assert len(seen) == 1
    assert await Profile.objects.count() == 0
