"""What the ORM does for MySQL and MariaDB alone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from tests.orm.library import Author, Book, Everything, Stamped, Tag, statements

from vivace.databases import Database
from vivace.databases.errors import DatabaseError
from vivace.orm import Count, F, Q
from vivace.orm.exceptions import FieldError
from vivace.orm.functions import TruncHour

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 300, 5000, 70_000])
async def test_lists_of_any_length_are_compared(length: int, mysql: Database) -> None:
    tags = await Tag.objects.bulk_create(Tag(name=f"t{number}") for number in range(10))
    keys = [*(tag.pk for tag in tags), *range(-length, 0)][:length]
    assert await Tag.objects.filter(pk__in=keys).count() == min(length, 10)
    assert await Tag.objects.exclude(pk__in=keys).count() == 10 - min(length, 10)
    assert await Tag.objects.filter(pk__in=[*keys, None]).count() == min(length, 10)
    assert await Tag.objects.filter(pk__in=keys).update(name=F("name")) == min(length, 10)
    assert (await Tag.objects.filter(pk__in=keys).delete())[0] == min(length, 10)


async def test_few_statements_serve_all_lengths(mysql: Database) -> None:
    with statements(mysql) as seen:
        for length in range(1, 60):
            await Tag.objects.filter(pk__in=list(range(length)))
    assert len(set(seen)) == 4  # room for 8, 16, 32 and 64


async def test_numbers_of_more_than_64_bits_in_a_long_list(mysql: Database) -> None:
    await Author.objects.create(name="Ann", age=3)
    assert await Author.objects.filter(age__in=[3, 10**30, *range(20, 40)], pk__lt=10**25).count() == 1


async def test_an_unknown_time_zone_is_an_error_not_a_null(mysql: Database) -> None:
    await Stamped.objects.create()
    hour = TruncHour("made", tzinfo=ZoneInfo("Antarctica/Troll"))
    with pytest.raises(DatabaseError, match="the server does not know this time zone"):
        await Stamped.objects.annotate(hour=hour).values_list("hour", flat=True)


async def test_a_key_is_known_without_returning(mysql: Database) -> None:
    mysql.dialect.insert_returning = False  # MySQL's own
    driver, mysql.dialect.driver = mysql.dialect.driver, "one without returning"
    try:
        made = await Author.objects.create(name="Ann")
        assert made.pk == (await Author.objects.get(name="Ann")).pk
        assert len(await Author.objects.bulk_create([Author(name="a"), Author(name="b")])) == 2
    finally:
        mysql.dialect.insert_returning, mysql.dialect.driver = True, driver


async def test_ignored_conflicts_hide_no_other_mistakes(mysql: Database) -> None:
    await Tag.objects.create(name="red")
    with pytest.raises(DatabaseError, match="too long"):
        await Tag.objects.bulk_create([Tag(name="red"), Tag(name="x" * 60)], ignore_conflicts=True)


async def test_case_and_backslashes_in_patterns(mysql: Database) -> None:
    await Author.objects.bulk_create(Author(name=name) for name in ("a\\b", "A\\B", "%", "x_y"))
    assert await Author.objects.filter(name__contains="a\\").count() == 1
    assert await Author.objects.filter(name__icontains="a\\").count() == 2
    assert await Author.objects.filter(name__contains=F("name")).count() == 4
    assert await Author.objects.filter(name__startswith="%").count() == 1
    assert await Author.objects.filter(name__regex="^A").count() == 1


async def test_having_names_columns_that_are_not_selected(mysql: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=0)
    await Book.objects.create(title="x", author=ann)
    rows = Author.objects.annotate(n=Count("books")).filter(Q(n__gt=F("age")) & Q(name="Ann"))
    assert await rows.values_list("pk", flat=True) == [ann.pk]


async def test_distinct_by_fields_is_refused(mysql: Database) -> None:
    with pytest.raises(FieldError, match="DISTINCT ON"):
        await Author.objects.distinct("name")


async def test_long_texts_and_bytes_fit(mysql: Database) -> None:
    made = await Everything.objects.create(text="ü" * 100_000, binary=b"\xff" * 100_000)
    found = await Everything.objects.get(pk=made.pk)
    assert (len(found.text), len(found.binary)) == (100_000, 100_000)
