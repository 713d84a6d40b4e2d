"""Prefetch objects: querysets, to_attr, nested lookups, a slice for each object."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.library import Author, Book, Tag, statements

from vivace.databases import Database
from vivace.orm import F, models
from vivace.orm.models import Prefetch, prefetch_related_objects
from vivace.orm.query import prefetched

pytestmark = pytest.mark.anyio


@pytest.fixture
async def library(database: Database) -> Database:
    tags = [await Tag.objects.create(name=name) for name in ("red", "blue", "green")]
    for name in ("Ann", "Bob"):
        author = await Author.objects.create(name=name)
        for number in range(4):
            book = await Book.objects.create(title=f"{name}{number}", pages=number, author=author)
            await book.tags.add(*tags[: number % 4])
    await Author.objects.create(name="Zoe")
    return database


async def test_each_object_gets_its_own_slice(library: Database) -> None:
    longest = Book.objects.order_by("-pages")
    with statements(library) as seen:
        authors = await Author.objects.order_by("name").prefetch_related(
            Prefetch("books", longest[:2], to_attr="longest"), Prefetch("books", longest[1:3], to_attr="middle")
        )
    assert len(seen) == 3
    found: list[Any] = list(authors)
    assert [[book.title for book in author.longest] for author in found] == [["Ann3", "Ann2"], ["Bob3", "Bob2"], []]
    assert [[book.title for book in author.middle] for author in found] == [["Ann2", "Ann1"], ["Bob2", "Bob1"], []]
    assert found[0].longest[0].author is found[0]


async def test_slices_of_many_to_many_relations_and_of_managers(library: Database) -> None:
    books = await Book.objects.order_by("pk").prefetch_related(Prefetch("tags", Tag.objects.order_by("name")[1:]))
    assert [[tag.name for tag in book.tags.all()] for book in books[:4]] == [[], [], ["red"], ["green", "red"]]
    tags = await Tag.objects.order_by("name").prefetch_related(Prefetch("books", Book.objects.order_by("-title")[:1]))
    assert [[book.title for book in tag.books.all()] for tag in tags] == [["Bob3"], ["Bob3"], ["Bob3"]]
    assert await tags[0].books.all().count() == 1


async def test_an_unordered_slice_goes_by_the_key(library: Database) -> None:
    authors = await Author.objects.order_by("name").prefetch_related(Prefetch("books", Book.objects.all()[:1]))
    assert [[book.title for book in author.books.all()] for author in authors] == [["Ann0"], ["Bob0"], []]


async def test_lookups_follow_what_an_earlier_one_named(library: Database) -> None:
    thick = Prefetch("books", Book.objects.filter(pages=3), to_attr="thick")
    with statements(library) as seen:
        authors: list[Any] = await Author.objects.order_by("name").prefetch_related(thick, "thick__tags", "books__tags")
    assert len(seen) == 5
    assert [{tag.name for tag in book.tags.all()} for book in authors[0].thick] == [{"red", "blue", "green"}]
    assert [len(book.tags.all()) for book in authors[1].books.all()] == [0, 1, 2, 3]


async def test_a_queryset_given_late_is_refused(library: Database) -> None:
    with pytest.raises(ValueError, match="'books' lookup was already seen with a different queryset"):
        await Author.objects.prefetch_related("books__tags", Prefetch("books", Book.objects.filter(pages=1)))
    both: list[Any] = await Author.objects.prefetch_related(
        "books", Prefetch("books", Book.objects.filter(pages=1), to_attr="ones")
    )
    assert [(len(author.books.all()), len(author.ones)) for author in both[:2]] == [(4, 1), (4, 1)]


async def test_querysets_of_prefetches_prefetch_on_their_own(library: Database) -> None:
    inner = Book.objects.annotate(double=F("pages") * 2).prefetch_related("tags").order_by("-pages")
    authors: list[Any] = await Author.objects.order_by("name").prefetch_related(Prefetch("books", inner))
    assert [(book.double, len(book.tags.all())) for book in authors[0].books.all()] == [(6, 3), (4, 2), (2, 1), (0, 0)]


async def test_objects_that_are_there_are_prefetched_for(library: Database) -> None:
    authors = [await Author.objects.get(name="Ann"), await Author.objects.get(name="Bob")]
    with statements(library) as seen:
        await prefetch_related_objects(authors, "books__tags")
        await prefetch_related_objects(authors, "books")
        await prefetch_related_objects([], "books")
    assert len(seen) == 2
    assert len(authors[1].books.all()) == 4
    book = await Book.objects.select_related("author").get(title="Ann1")
    await models.aprefetch_related_objects([book], "author__books", Prefetch("tags", to_attr="words"))
    found: Any = book
    assert (len(found.author.books.all()), [tag.name for tag in found.words]) == (4, ["red"])


async def test_what_makes_no_sense_is_refused(sqlite: Database) -> None:
    with pytest.raises(ValueError, match=r"cannot use raw\(\), values\(\), and values_list\(\)"):
        Prefetch("books", Book.objects.values("title"))
    with pytest.raises(ValueError, match="to_attr is the name of an attribute"):
        Prefetch("books", to_attr="a b")
    ann = await Author.objects.create(name="Ann")
    book = await Book.objects.create(title="x", author=ann)
    with pytest.raises(ValueError, match="to_attr=name conflicts with a field on the Author model"):
        await prefetch_related_objects([ann], Prefetch("books", to_attr="name"))
    with pytest.raises(TypeError, match="there is no slice"):
        await prefetch_related_objects([book], Prefetch("author", Author.objects.all()[:1], to_attr="writer"))


async def test_an_iterator_prefetches_for_each_chunk(library: Database) -> None:
    with statements(library) as seen:
        rows = Author.objects.order_by("name").prefetch_related("books")
        names = [(author.name, len(author.books.all())) async for author in rows.iterator(chunk_size=2)]
    assert names == [("Ann", 4), ("Bob", 4), ("Zoe", 0)]
    assert len(seen) == 2
    with pytest.raises(ValueError, match="chunk_size is at least 1"):
        [author async for author in rows.iterator(chunk_size=0)]


async def test_more_keys_than_a_statement_takes_are_asked_for_in_parts(
    library: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetched, "MAX_KEYS", 3)
    with statements(library) as seen:
        books = await Book.objects.order_by("pk").prefetch_related("tags", "author")
    assert len(seen) == 1 + 3 + 1
    assert [len(book.tags.all()) for book in books] == [0, 1, 2, 3, 0, 1, 2, 3]
