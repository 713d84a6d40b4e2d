"""HStoreField, querysets as arrays, and functions that only PostgreSQL has."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.orm.library import Author, Book
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import OuterRef, atomic, functions, models, using
from vivace.orm.postgresql import ArraySubquery, HStoreField, RandomUUID, TransactionNow
from vivace.utils.exceptions import ValidationError

pytestmark = pytest.mark.anyio


class Dog(models.Model):
    name = models.CharField(max_length=20)
    data = HStoreField(default=dict, blank=True)
    more = HStoreField(null=True, blank=True)

    class Meta:
        app_label = "dogs"


NASTY = {'a "quoted" key': 'back\\slash "and" quote', "": "", "it's": "=>, NULL", "line\nbreak": "é 🐕", "none": None}


@pytest.fixture
async def dogs() -> AsyncIterator[Database]:
    schema = f"test_{uuid.uuid4().hex[:12]}"
    url = os.environ["VIVACE_TEST_POSTGRES"]
    async with Database(url, server_settings={"search_path": f"{schema},public"}) as database:
        await database.execute(f"CREATE SCHEMA {schema}")
        # Other tests may be making it at this moment.
        async with database.atomic():
            await database.execute("SELECT pg_advisory_xact_lock(hashtext('hstore'))")
            await database.execute("CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public")
        with using(database):
            async with tables_of(database, Dog):
                yield database
        await database.execute(f"DROP SCHEMA {schema} CASCADE")


async def names(*conditions: Any, **lookups: Any) -> list[str]:
    return await Dog.objects.filter(*conditions, **lookups).order_by("name").values_list("name", flat=True)


async def test_what_is_stored_is_read_again(dogs: Database) -> None:
    await Dog.objects.create(name="a", data=NASTY)
    await Dog.objects.bulk_create([Dog(name="b", data={"n": 3, 4: True}, more={}), Dog(name="c")])
    rows = await Dog.objects.order_by("name")
    assert [row.data for row in rows] == [NASTY, {"n": "3", "4": "True"}, {}]
    assert [row.more for row in rows] == [None, {}, None]
    rows[0].data["new"] = "x"
    await rows[0].save()
    assert (await Dog.objects.get(name="a")).data == {**NASTY, "new": "x"}
    assert await Dog.objects.filter(name="c").update(data={"u": "v"}) == 1
    assert await names(data={"u": "v"}) == ["c"]
    assert await names(data__in=[{"u": "v"}, NASTY | {"new": "x"}]) == ["a", "c"]
    with pytest.raises(TypeError, match="expected a mapping"):
        await Dog.objects.create(name="d", data=["x"])


async def test_keys_and_pairs_are_looked_up(dogs: Database) -> None:
    await Dog.objects.create(name="rex", data={"breed": "collie", "colour": "brown", "owner": None})
    await Dog.objects.create(name="fido", data={"breed": "labrador", "it's": "o'x"})
    await Dog.objects.create(name="none")
    assert await names(data__breed="collie") == ["rex"]
    assert await names(data__breed__contains="l") == ["fido", "rex"]
    assert await names(data__breed__in=["collie", "pug"]) == ["rex"]
    assert await names(data__owner__isnull=True) == ["fido", "none", "rex"]
    assert await names(data__contains={"breed": "collie"}) == ["rex"]
    assert await names(data__contained_by={"breed": "labrador", "it's": "o'x", "more": ""}) == ["fido", "none"]
    assert await names(data__has_key="owner") == ["rex"]
    assert await names(data__has_keys=["breed", "it's"]) == ["fido"]
    assert await names(data__has_any_keys=["colour", "it's"]) == ["fido", "rex"]
    assert await names(data__keys__contains=["breed", "colour"]) == ["rex"]
    assert await names(data__keys__len=0) == ["none"]
    assert await names(data__values__contains=["o'x"]) == ["fido"]
    assert await names(**{"data__it's": "o'x"}) == ["fido"]
    assert await names(**{"data__x' = '' OR true --": "y"}) == []
    # As in Django, and as with JSON: a dog without a breed is neither found nor excluded.
    assert await Dog.objects.exclude(data__breed="collie").values_list("name", flat=True) == ["fido"]
    assert await Dog.objects.order_by("name").values_list("data__breed", flat=True) == ["labrador", None, "collie"]
    with pytest.raises(TypeError, match="A list of keys"):
        await names(data__has_keys="breed")


async def test_values_are_checked(dogs: Database) -> None:
    await Dog(name="json", data='{"a": "b"}').full_clean()
    for wrong in ({"a": 1}, "no json", "[1]", 3):
        with pytest.raises(ValidationError) as caught:
            await Dog(name="x", data=wrong).full_clean()
        assert list(caught.value.message_dict) == ["data"]
    field: Any = Dog._meta.get_field("data")
    assert field.value_to_string(Dog(data={"a": None})) == '{"a": null}'


async def test_a_queryset_becomes_a_list(postgresql: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    ben = await Author.objects.create(name="Ben")
    for title in ("b", "a", "c"):
        await Book.objects.create(title=title, author=ann)
    books = Book.objects.filter(author=OuterRef("pk")).order_by("-title")
    rows = Author.objects.annotate(titles=ArraySubquery(books.values("title")), keys=ArraySubquery(books.values("pk")))
    found = await rows.order_by("name")
    assert [row.titles for row in found] == [["c", "b", "a"], []]  # type: ignore[attr-defined]
    assert await rows.filter(titles__contains=["b"]).values_list("keys__len", flat=True) == [3]
    assert await rows.filter(titles__len=0).get() == ben


async def test_the_moment_of_the_transaction_and_random_keys(postgresql: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    rows = Author.objects.annotate(began=TransactionNow(), now=functions.Now(), key=RandomUUID())
    async with atomic():
        first = await rows.get(pk=ann.pk)
        second = await rows.get(pk=ann.pk)
    assert first.began == second.began < second.now  # type: ignore[attr-defined]
    assert first.key != second.key  # type: ignore[attr-defined]
    assert first.key.version == 4  # type: ignore[attr-defined]


async def test_other_databases_refuse_them(sqlite: Database) -> None:
    with pytest.raises(NotSupportedError, match="ArraySubquery is PostgreSQL's"):
        await Author.objects.annotate(x=ArraySubquery(Book.objects.values("pk")))
    with pytest.raises(NotSupportedError, match="TransactionNow is PostgreSQL's"):
        await Author.objects.annotate(x=TransactionNow())
    with pytest.raises(NotSupportedError, match="HStoreField"):
        await Dog.objects.create(name="x")
