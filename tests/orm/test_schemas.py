"""msgspec and pydantic types made from models."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import msgspec
import pydantic
import pytest
from tests.orm.library import Author, Book, Everything, Profile, Stamped, Tag, statements

from vivace.databases import Database
from vivace.orm import schemas
from vivace.orm.exceptions import FieldError

pytestmark = pytest.mark.anyio

MAKERS = [schemas.make_struct, schemas.make_pydantic]


class TagOut(schemas.Struct, model=Tag): ...


class AuthorOut(schemas.Struct, model=Author, fields=["id", "name"]): ...


class BookOut(schemas.Struct, model=Book, exclude=["genre"], nested={"author": AuthorOut, "tags": TagOut}):
    title: str
    price: decimal.Decimal | None


class BookIn(schemas.Struct, model=Book, form="create"): ...


class BookPatch(schemas.PydanticModel, model=Book, form="update"):
    title: str = ""


def names(cls: Any) -> list[str]:
    return list(getattr(cls, "__struct_fields__", None) or cls.model_fields)


@pytest.mark.parametrize("make", MAKERS)
def test_each_form_has_the_fields_it_needs(make: Any) -> None:
    assert names(make(Stamped)) == ["id", "made", "changed", "note"]
    assert names(make(Stamped, form="create")) == ["note"]
    assert names(make(Everything, form="create"))[0] == "id"
    assert "id" not in names(make(Everything, form="update"))
    assert names(make(Book, fields=["title", "author"])) == ["title", "author_id"]
    assert make(Book).__name__ == "BookRead"
    assert make(Book, name="Shown").__name__ == "Shown"


@pytest.mark.parametrize("make", MAKERS)
def test_wrong_names_are_told(make: Any) -> None:
    for options in ({"fields": ["titel"]}, {"exclude": ["titel"]}):
        with pytest.raises(FieldError, match='Did you mean "title"'):
            make(Book, **options)
    with pytest.raises(FieldError, match="no relation"):
        make(Book, nested={"title": AuthorOut})
    with pytest.raises(ValueError, match='Did you mean "update"'):
        make(Book, form="updat")
    with pytest.raises(TypeError, match="lists of names"):
        make(Book, fields="title")


async def test_instances_are_read_with_what_is_related(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    for title in "xyz":
        book = await Book.objects.create(title=title, author=ann, price=decimal.Decimal("1.50"))
        await book.tags.set(await Tag.objects.bulk_create([Tag(name=f"{title}-{number}") for number in range(2)]))
    with statements(database) as seen:
        found = await schemas.fetch(BookOut, Book.objects.order_by("title"))
    assert len(seen) == 3
    assert [book.title for book in found] == ["x", "y", "z"]
    assert found[0].author == AuthorOut(id=ann.pk, name="Ann")
    assert [tag.name for tag in found[1].tags] == ["y-0", "y-1"]
    shown = json.loads(msgspec.json.encode(found[0]))
    assert shown["author"] == {"id": ann.pk, "name": "Ann"}
    assert (shown["price"], shown["author"]["name"], "genre" in shown) == ("1.50", "Ann", False)


async def test_reverse_one_to_one_is_nested_or_null(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    await Author.objects.create(name="Bea")
    await Profile.objects.create(author=ann, text="hi")
    shown = schemas.make_struct(Author, fields=["name"], nested={"profile": schemas.make_struct(Profile)})
    found = await schemas.fetch(shown, Author.objects.order_by("name"))
    assert [getattr(each.profile, "text", None) for each in found] == ["hi", None]


async def test_a_row_is_made_and_changed_from_data(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    data = msgspec.json.decode(b'{"title": "x", "author_id": %d, "genre": "n"}' % ann.pk, type=BookIn)
    book = await Book.objects.create(**schemas.values(data))
    assert (book.title, book.pages, book.subtitle, book.genre) == ("x", 0, None, "n")
    schemas.assign(book, BookPatch.model_validate({"pages": 7, "subtitle": None}))
    with statements(database) as seen:
        await book.save()
    assert (book.pages, book.title) == (7, "x")
    assert len(seen) == 1
    assert "title" not in seen[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "x" * 101},
        {"pages": 2**40},
        {"genre": "z"},
        {"author_id": "many"},
        {"published": "yesterday"},
        {"author_id": None},
    ],
)
def test_data_that_the_columns_cannot_hold_is_refused(wrong: dict[str, Any]) -> None:
    given = {"title": "x", "author_id": 1, **wrong}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, BookIn)
    with pytest.raises(pydantic.ValidationError):
        schemas.make_pydantic(Book, form="create").model_validate(given)


@pytest.mark.parametrize("make", MAKERS)
async def test_every_kind_of_column_goes_through(make: Any, database: Database) -> None:
    await Everything.objects.create(json={"a": [1]})
    row = await Everything.objects.get()
    shown = schemas.read(make(Everything), row)
    for field in Everything._meta.concrete_fields:
        assert getattr(shown, field.attname) == getattr(row, field.attname)
    given = make(Everything, form="create")()
    made = await Everything.objects.create(**schemas.values(given))
    assert made.pk != row.pk
    assert made.date == dt.date(2026, 3, 29)


def test_a_type_of_another_origin_is_told() -> None:
    class Other(msgspec.Struct):
        title: str

    with pytest.raises(TypeError, match="was not made from a model"):
        schemas.read(Other, Book(title="x"))


def test_a_declared_property_is_read_too() -> None:
    class Loud(schemas.Struct, model=Author, fields=["name"]):
        pk: int | None

    assert schemas.read(Loud, Author(name="Ann")).pk is None


def test_what_is_not_loaded_is_told() -> None:
    with pytest.raises(AttributeError, match="not loaded"):
        schemas.read(BookOut, Book(title="x", author_id=3, id=1))


@pytest.mark.parametrize("make", MAKERS)
def test_a_type_made_in_one_call_is_named_by_its_form(make: Any) -> None:
    assert (make(Author).__qualname__, make(Author, form="create").__qualname__) == ("AuthorRead", "AuthorCreate")
    assert make(Author, name="Writer").__qualname__ == "Writer"
