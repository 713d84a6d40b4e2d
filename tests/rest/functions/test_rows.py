"""Instances and querysets returned through a type: what it shows is loaded, with one query for each relation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Author, Book, Tag

from vivace.orm import schemas
from vivace.rest.functions import APIRouter
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class AuthorOut(schemas.Struct, model=Author, fields=["id", "name"]):
    pass


class TagOut(msgspec.Struct):
    name: str


class PublisherOut(msgspec.Struct):
    name: str


class WriterOut(msgspec.Struct):
    name: str
    publisher: PublisherOut | None


class BookOut(msgspec.Struct):
    title: str
    price: Decimal
    author_id: int
    author: WriterOut
    tags: list[TagOut]


class TagModel(pydantic.BaseModel):
    name: str


class BookModel(pydantic.BaseModel):
    title: str
    tags: list[TagModel]


class Reversed(msgspec.Struct):
    name: str
    books: list[TitleOnly]


class TitleOnly(msgspec.Struct):
    title: str


router = APIRouter()


@router.get("/authors")
async def list_authors() -> list[AuthorOut]:
    return Author.objects.order_by("name")  # type: ignore[return-value]  # shown through the type


@router.get("/authors/{id}")
async def read_author(id: int) -> AuthorOut:
    return await Author.objects.aget(id=id)  # type: ignore[return-value]


@router.get("/books")
async def list_books() -> list[BookOut]:
    return Book.objects.order_by("title")  # type: ignore[return-value]


@router.get("/loaded")
async def list_loaded() -> list[BookOut]:
    return await Book.objects.order_by("title")  # type: ignore[return-value]


@router.get("/first")
async def first_book() -> BookOut | None:
    return await Book.objects.order_by("title").first()  # type: ignore[return-value]


@router.get("/pydantic")
async def list_pydantic() -> list[BookModel]:
    return Book.objects.order_by("title")  # type: ignore[return-value]


@router.get("/reversed")
async def list_reversed() -> list[Reversed]:
    return Author.objects.order_by("name")  # type: ignore[return-value]


@router.get("/untyped")
async def untyped() -> Any:
    return await Tag.objects.order_by("name").first()


BOOK = {
    "title": "Book 1",
    "price": "1.50",
    "author_id": 2,
    "author": {"name": "Bob", "publisher": {"name": "Elm"}},
    "tags": [{"name": "sea"}],
}


async def test_a_queryset_is_asked_with_one_query_for_each_relation(library: CountingDatabase) -> None:
    async with AsyncTestClient(router) as client:
        with library.count() as asked:
            found = (await client.get("/books")).json()
        assert len(found) == 6
        assert len(asked) <= 4  # books, tags, authors, publishers
        assert {**found[0], "author_id": 2} == BOOK
        with library.count() as asked:
            assert (await client.get("/loaded")).json() == found
        assert len(asked) <= 4
        assert (await client.get("/first")).json() == found[0]


async def test_types_made_from_a_model_show_its_rows(library: CountingDatabase) -> None:
    async with AsyncTestClient(router) as client:
        found = (await client.get("/authors")).json()
        assert [author["name"] for author in found] == ["Ann", "Bob", "Cid"]
        assert set(found[0]) == {"id", "name"}
        assert (await client.get(f"/authors/{found[0]['id']}")).json() == found[0]


async def test_models_of_pydantic_show_rows_too(library: CountingDatabase) -> None:
    async with AsyncTestClient(router) as client:
        found = (await client.get("/pydantic")).json()
        assert found[1] == {"title": "Book 2", "tags": [{"name": "sea"}, {"name": "sky"}]}


async def test_relations_from_the_other_side_are_shown(library: CountingDatabase) -> None:
    async with AsyncTestClient(router) as client:
        with library.count() as asked:
            found = (await client.get("/reversed")).json()
        assert len(asked) <= 2
        assert sorted(book["title"] for book in found[0]["books"]) == ["Book 3", "Book 6"]


async def test_a_row_without_a_type_is_refused_rather_than_shown_whole(library: CountingDatabase) -> None:
    async with AsyncTestClient(router) as client:
        with pytest.raises(TypeError, match=r"untyped\(\) returned Tag of the database and does not say"):
            await client.get("/untyped")
