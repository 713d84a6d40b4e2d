"""Related managers: Django's whole API, its `a`-prefixed names, signals, and filters about the same pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import Author, Book, Loan, Tag, statements

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.registry import registry
from vivace.orm.signals import m2m_changed, post_save

pytestmark = pytest.mark.anyio


@pytest.fixture
def told() -> Iterator[list[tuple[Any, ...]]]:
    seen: list[tuple[Any, ...]] = []

    async def receiver(sender: Any, action: str, reverse: bool, model: Any, pk_set: Any, **kwargs: Any) -> None:
        seen.append((sender, action, reverse, model, pk_set))

    m2m_changed.connect(receiver)
    yield seen
    m2m_changed.disconnect(receiver)


async def test_m2m_changed_is_sent_as_by_django(database: Database, told: list[Any]) -> None:
    author = await Author.objects.create(name="a")
    book = await Book.objects.create(title="b", author=author)
    red, blue = await Tag.objects.create(name="red"), await Tag.objects.create(name="blue")
    through = Book.tags.through
    await book.tags.add(red)
    await book.tags.add(red, blue)
    assert told == [
        (through, "pre_add", False, Tag, {red.pk}),
        (through, "post_add", False, Tag, {red.pk}),
        (through, "pre_add", False, Tag, {blue.pk}),
        (through, "post_add", False, Tag, {blue.pk}),
    ]
    told.clear()
    await blue.books.remove(book)
    await book.tags.clear()
    assert told == [
        (through, "pre_remove", True, Book, {book.pk}),
        (through, "post_remove", True, Book, {book.pk}),
        (through, "pre_clear", False, Tag, None),
        (through, "post_clear", False, Tag, None),
    ]
    told.clear()
    await book.tags.set([red])
    await book.tags.set([blue])
    assert [action for _, action, *_ in told] == [
        *("pre_add", "post_add", "pre_remove", "post_remove", "pre_add", "post_add")
    ]
    told.clear()
    friend = await Author.objects.create(name="f")
    await author.friends.add(friend)
    assert [action for _, action, *_ in told] == ["pre_add", "post_add"]


async def test_a_receiver_that_fails_keeps_the_pairs(database: Database) -> None:
    book = await Book.objects.create(title="b", author=await Author.objects.create(name="a"))
    red = await Tag.objects.create(name="red")

    def refuse(action: str, **kwargs: Any) -> None:
        if action == "post_add":
            raise RuntimeError

    m2m_changed.connect(refuse, Book.tags.through)
    try:
        with pytest.raises(RuntimeError):
            await book.tags.add(red)
    finally:
        m2m_changed.disconnect(refuse, Book.tags.through)
    assert await book.tags.count() == 0


async def test_a_filter_of_the_manager_is_about_the_same_pair(database: Database) -> None:
    author = await Author.objects.create(name="a")
    first, second = [await Book.objects.create(title=title, author=author) for title in "xy"]
    await first.readers.add(author, through_defaults={"days": 1})
    await second.readers.add(author, through_defaults={"days": 9})
    assert await first.readers.filter(loan__days=1).count() == 1
    assert await first.readers.filter(loan__days=9).count() == 0
    assert await first.readers.exclude(loan__days=9).count() == 1
    assert await first.readers.exclude(loan__days=1).count() == 0
    assert await first.readers.all().filter(loan__days=9).count() == 0
    # As in Django, only what follows at once; anything later is about any pair.
    assert await first.readers.filter(name="a").filter(loan__days=9).count() == 1
    assert await first.readers.order_by("name").filter(loan__days=9).count() == 1


async def test_django_s_prefixed_names_know_the_relation_too(database: Database) -> None:
    author: Any = await Author.objects.create(name="a")
    book = await author.books.acreate(title="b")
    assert book.author_id == author.pk
    assert (await author.books.aget_or_create(title="c"))[1] is True
    assert (await author.books.aupdate_or_create(title="c", defaults={"pages": 3}))[0].pages == 3
    tag = await book.tags.acreate(name="t")
    assert await book.tags.acount() == 1
    await book.tags.aremove(tag)
    await book.tags.aadd(tag.pk)
    await book.tags.aset([])
    assert await book.tags.acount() == 0
    assert (await book.tags.aget_or_create(name="t"))[1] is False
    await book.tags.aclear()
    assert await book.tags.aexists() is False


async def test_without_bulk_each_object_is_saved(database: Database) -> None:
    author = await Author.objects.create(name="a")
    await author.edited.add(Book(title="new", author=author), bulk=False)
    assert await author.edited.count() == 1
    book = await author.edited.get()
    with statements(database) as seen:
        await author.edited.remove(book, bulk=False)
    assert "UPDATE" in " ".join(seen)
    assert await author.edited.count() == 0
    await author.edited.add(book)
    await author.edited.clear(bulk=False)
    assert (await Book.objects.get()).editor_id is None
    with pytest.raises(ValueError, match="Use bulk=False"):
        await author.edited.add(Book(title="x", author=author))


async def test_another_manager_may_be_asked_for(database: Database) -> None:
    author: Any = await Author.objects.create(name="a")
    await Book.objects.create(title="b", author=author)
    assert await author.books(manager="objects").count() == 1
    with pytest.raises(AttributeError, match=r'no manager "object"\. Did you mean "objects"'):
        author.books(manager="object")
    with registry.isolated():

        class Long(models.Manager["Chapter"]):
            def get_queryset(self) -> models.QuerySet[Chapter]:
                return super().get_queryset().filter(pages__gt=9)

        class Chapter(models.Model):
            book = models.ForeignKey(Book, models.DO_NOTHING, related_name="chapters", db_constraint=False)
            pages = models.IntegerField()
            objects = models.Manager["Chapter"]()
            long = Long()

        await create_tables(database, [Chapter])
        book: Any = await Book.objects.get()
        for pages in (5, 15):
            await book.chapters.create(pages=pages)
        assert await book.chapters.count() == 2
        assert [each.pages for each in await book.chapters(manager="long").all()] == [15]
        assert (await book.chapters(manager="long").acreate(pages=20)).book_id == book.pk


async def test_a_pair_that_somebody_else_added_meanwhile_is_no_error(database: Database) -> None:
    book = await Book.objects.create(title="b", author=await Author.objects.create(name="a"))
    red = await Tag.objects.create(name="red")
    await book.tags.add(red)
    pairs: Any = book.tags
    async with database.atomic():
        await pairs.model.objects.count()
        await book.tags.add(red, red.pk)
    assert await book.tags.count() == 1
    assert await Loan.objects.count() == 0


async def test_rows_that_come_one_by_one_know_their_object_too(database: Database) -> None:
    author = await Author.objects.create(name="a")
    await Book.objects.create(title="b", author=author)
    assert [book.author is author async for book in author.books.iterator()] == [True]


async def test_what_set_takes_away_is_saved_one_by_one_without_bulk(database: Database) -> None:
    author = await Author.objects.create(name="a")
    first, second = [await Book.objects.create(title=title, author=author) for title in ("1", "2")]
    await author.edited.add(first)
    saved: list[Any] = []

    async def receiver(instance: Any, **kwargs: Any) -> None:
        saved.append((instance, instance.editor_id))

    post_save.connect(receiver, sender=Book)
    try:
        await author.edited.set([second], bulk=False)
    finally:
        post_save.disconnect(receiver, sender=Book)
    assert saved == [(first, None), (second, author.pk)]
