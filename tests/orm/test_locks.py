"""select_for_update(): what is locked, who waits, and where it cannot be used."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.library import Author, Book

from vivace.databases import Database
from vivace.orm import atomic
from vivace.orm.exceptions import FieldError, OperationalError, TransactionManagementError
from vivace.orm.query.queryset import QuerySet

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann")
    for number in range(3):
        await Book.objects.create(title=f"t{number}", author=ann)
    return database


async def test_outside_a_transaction_it_is_refused(books: Database) -> None:
    if books.dialect.name == "sqlite":
        assert len(await Book.objects.select_for_update()) == 3
        return
    with pytest.raises(TransactionManagementError, match="outside of a transaction"):
        await Book.objects.select_for_update()
    with pytest.raises(TransactionManagementError):
        await Book.objects.select_for_update().get(title="t0")
    assert await Book.objects.select_for_update().count() == 3


async def test_inside_a_transaction_rows_come(books: Database) -> None:
    async with atomic():
        locked = Book.objects.select_for_update().order_by("pk")
        assert [book.title for book in await locked] == ["t0", "t1", "t2"]
        assert (await locked.get(title="t1")).title == "t1"
        first = await locked.first()
        assert first is not None
        assert await locked.filter(pages=0).exists()


async def test_others_skip_or_refuse_what_is_locked(books: Database) -> None:
    if books.dialect.name == "sqlite":
        return  # a writer has the whole database to itself
    options: dict[str, Any] = {}
    if books.dialect.name == "postgresql":
        options["server_settings"] = {"search_path": await books.fetch_val("SELECT current_schema()")}
    other = Database(books.url, **options)
    async with other:
        async with books.atomic():
            await Book.objects.using(books).select_for_update().get(title="t0")
            async with other.atomic():
                free = Book.objects.using(other).select_for_update(skip_locked=True).order_by("pk")
                assert [book.title for book in await free] == ["t1", "t2"]
            with pytest.raises(OperationalError):
                async with other.atomic():
                    await Book.objects.using(other).select_for_update(nowait=True).get(title="t0")


async def test_postgresql_locks_some_tables_only(postgresql: Database) -> None:
    def sql(queryset: QuerySet[Book]) -> str:
        return str(queryset.to_core().compile(dialect=postgresql.dialect)).replace("\n", " ")

    related = Book.objects.select_related("author")
    assert sql(related.select_for_update(of=("self",))).endswith("FOR UPDATE OF library_book")
    assert sql(related.select_for_update(of=["author"])).endswith("FOR UPDATE OF library_author_1")
    assert sql(Book.objects.select_for_update(no_key=True)).endswith("FOR NO KEY UPDATE")
    with pytest.raises(FieldError, match="Choices are: self, author"):
        await related.select_for_update(of=("editor",))


def test_waiting_and_skipping_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="nowait option cannot be used with skip_locked"):
        Book.objects.select_for_update(nowait=True, skip_locked=True)
