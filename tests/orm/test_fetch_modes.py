"""Fetch modes: one query for all peers, for one instance, or none at all."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.library import Author, Book, Profile, statements

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.exceptions import FieldFetchBlocked, ModelDefinitionError
from vivace.orm.models import FETCH_ONE, FETCH_PEERS, FETCH_RAISE

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    for name in ("Ann", "Bob", "Cid"):
        author = await Author.objects.create(name=name, age=1)
        await Book.objects.create(title=name, author=author)
        await Profile.objects.create(author=author)
    return database


@pytest.mark.parametrize(("mode", "queries"), [(FETCH_PEERS, 1), (FETCH_ONE, 3)])
async def test_peers_are_fetched_with_it_or_not(mode: Any, queries: int, books: Database) -> None:
    with statements(books) as seen:
        found = await Book.objects.fetch_mode(mode).order_by("pk")
        assert [(await book.author).name for book in found] == ["Ann", "Bob", "Cid"]
    assert len(seen) == 1 + queries
    with statements(books) as seen:
        deferred = await Book.objects.fetch_mode(mode).defer("title").order_by("pk")
        assert [(await book).title for book in deferred] == ["Ann", "Bob", "Cid"]
    assert len(seen) == 1 + queries


async def test_the_mode_goes_on_to_what_is_fetched(books: Database) -> None:
    with statements(books) as seen:
        for book in await Book.objects.fetch_mode(FETCH_ONE):
            await (await book.author).profile
            for other in await book.author.books.all():
                await other.author
    assert len(seen) == 1 + 3 * 3


async def test_fetching_can_be_forbidden(books: Database) -> None:
    (book, *_) = await Book.objects.fetch_mode(FETCH_RAISE).only("title", "author")
    with pytest.raises(FieldFetchBlocked, match='the Author behind "author" is blocked by FETCH_RAISE'):
        await book.author
    with pytest.raises(FieldFetchBlocked, match=r"Book's deferred .*pages"):
        await book
    (book, *_) = await Book.objects.fetch_mode(FETCH_RAISE).select_related("author")
    with pytest.raises(FieldFetchBlocked, match='the Profile behind "profile"'):
        await (await book.author).profile
    author = await Author.objects.fetch_mode(FETCH_RAISE).first()
    assert author is not None
    (own,) = await author.books.all()
    await own.author
    loaned = (await author.books.all().select_related("editor"))[0]
    assert loaned.author is author
    with pytest.raises(FieldFetchBlocked):
        await (await own.author).profile


def test_what_is_no_mode_is_refused() -> None:
    with pytest.raises(TypeError, match="takes FETCH_ONE, FETCH_PEERS or FETCH_RAISE, got 'one'"):
        Book.objects.fetch_mode("one")  # type: ignore[arg-type]
    with pytest.raises(ModelDefinitionError, match=r"Moded\.Meta\.fetch_mode is FETCH_ONE"):

        class Moded(models.Model):
            class Meta:
                fetch_mode = 1
