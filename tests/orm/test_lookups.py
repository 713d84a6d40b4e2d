"""Lookups and transforms: Django's, one's own, and as expressions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import F, Q, Value, lookups, models
from vivace.orm.exceptions import FieldError
from vivace.orm.fields.registering import registered_lookup

pytestmark = pytest.mark.anyio


class NotEqual(models.Lookup):
    lookup_name = "ne"

    @classmethod
    def as_sql(cls, lhs: Any, rhs: Any, context: Any) -> Any:
        return lhs.element != rhs.element


class UpperCase(models.Transform):
    lookup_name = "upper"
    function = "UPPER"
    bilateral = True


class Characters(models.Transform):
    lookup_name = "characters"
    function = "LENGTH"
    output_field = models.IntegerField()


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann", age=40)
    bob = await Author.objects.create(name="bob", age=None)
    await Book.objects.create(title="Zen", pages=10, author=ann, published=dt.date(2024, 12, 31))
    await Book.objects.create(title="ann", pages=20, author=ann, published=dt.date(2024, 12, 30), subtitle="b")
    await Book.objects.create(title="100%", pages=30, author=bob, editor=ann, published=dt.date(2021, 1, 1))
    return database


async def titles(rows: Any) -> list[str]:
    return sorted(await rows.values_list("title", flat=True))


async def test_a_lookup_of_ones_own_serves_fields_paths_and_expressions(books: Database) -> None:
    with registered_lookup(models.Field, NotEqual):
        assert await titles(Book.objects.filter(title__ne="Zen")) == ["100%", "ann"]
        assert await titles(Book.objects.filter(author__name__ne="Ann")) == ["100%"]
        assert await titles(Book.objects.filter(pages__ne=F("author__age") - 20)) == ["Zen"]
        assert await titles(Book.objects.exclude(Q(title__ne="Zen"))) == ["Zen"]
        assert await titles(Book.objects.filter(published__year__ne=2024)) == ["100%"]
        assert await titles(Book.objects.filter(editor_id__ne=-1)) == ["100%"]
    assert await titles(Book.objects.filter(NotEqual(F("title"), "Zen"))) == ["100%", "ann"]
    with pytest.raises(FieldError, match='has no lookup "ne"'):
        Book.objects.filter(title__ne="Zen")


async def test_a_lookup_may_belong_to_one_field_alone(books: Database) -> None:
    with registered_lookup(Book._meta.get_field("title"), NotEqual):
        assert await titles(Book.objects.filter(title__ne="Zen")) == ["100%", "ann"]
        with pytest.raises(FieldError, match='has no lookup "ne"'):
            Book.objects.filter(subtitle__ne="Zen")


async def test_what_was_compiled_before_is_forgotten_when_a_lookup_is_registered(books: Database) -> None:
    class Anything(models.Lookup):
        lookup_name = "startswith"

        @classmethod
        def as_sql(cls, lhs: Any, rhs: Any, context: Any) -> Any:
            return lhs.element.isnot(None)

    assert await titles(Book.objects.filter(title__startswith="Z")) == ["Zen"]
    with registered_lookup(models.CharField, Anything):
        assert len(await titles(Book.objects.filter(title__startswith="Z"))) == 3
    assert await titles(Book.objects.filter(title__startswith="Z")) == ["Zen"]


async def test_a_lookup_may_differ_by_database(books: Database) -> None:
    class Named(models.Lookup):
        lookup_name = "named"

        @classmethod
        def as_sql(cls, lhs: Any, rhs: Any, context: Any) -> Any:
            return lhs.element == rhs.element

        @classmethod
        def as_postgresql(cls, lhs: Any, rhs: Any, context: Any) -> Any:
            return lhs.element != rhs.element

    with registered_lookup(models.CharField, Named):
        found = await titles(Book.objects.filter(title__named="Zen"))
    assert found == (["100%", "ann"] if books.dialect.name == "postgresql" else ["Zen"])


async def test_transforms_chain_and_may_be_bilateral(books: Database) -> None:
    with registered_lookup(models.CharField, UpperCase, Characters):
        assert await titles(Book.objects.filter(title__upper="zen")) == ["Zen"]
        assert await titles(Book.objects.filter(title__upper=F("author__name"))) == ["ann"]
        assert await titles(Book.objects.filter(title__upper__contains="e")) == ["Zen"]
        assert await titles(Book.objects.filter(title__upper__contains="%")) == ["100%"]
        assert await titles(Book.objects.filter(title__characters__gt=3)) == ["100%"]
        assert await titles(Book.objects.filter(title__upper__range=("a", "b"))) == ["ann"]
        assert await titles(Book.objects.filter(title__upper__in=[F("author__name"), Value("zen")])) == ["Zen", "ann"]
        assert await Book.objects.order_by("title__characters", "pages").values_list("title__upper", flat=True) == [
            "ZEN",
            "ANN",
            "100%",
        ]
        assert await titles(Book.objects.annotate(size=F("title__characters")).filter(size=4)) == ["100%"]
        with pytest.raises(NotImplementedError, match="Bilateral"):
            await Book.objects.filter(title__upper__in=["a"])
        with pytest.raises(FieldError, match='has no lookup "characters2"'):
            await Book.objects.filter(title__upper__characters2=1)


async def test_a_lookup_is_an_expression(books: Database) -> None:
    long = lookups.GreaterThanOrEqual(F("pages"), 20)
    assert await titles(Book.objects.filter(long)) == ["100%", "ann"]
    assert await titles(Book.objects.exclude(long)) == ["Zen"]
    assert await titles(Book.objects.filter(long | Q(title="Zen"))) == ["100%", "Zen", "ann"]
    assert await Book.objects.order_by("pages").annotate(long=long).values_list("long", flat=True) == [
        False,
        True,
        True,
    ]
    assert await titles(Book.objects.filter(lookups.In(F("pages"), [10, 30]))) == ["100%", "Zen"]
    assert await titles(Book.objects.filter(lookups.Range(F("pages"), (10, F("author__age"))))) == ["Zen", "ann"]
    assert await titles(Book.objects.filter(lookups.IsNull(F("editor"), False))) == ["100%"]
    assert await titles(Book.objects.filter(lookups.Contains(F("title"), "%"))) == ["100%"]
    assert await titles(Book.objects.filter(lookups.Exact(F("subtitle"), None))) == ["100%", "Zen"]
    assert await titles(Book.objects.filter(lookups.IExact(F("title"), F("author__name")))) == ["ann"]
    assert await titles(Book.objects.filter(lookups.In(F("author"), Author.objects.filter(age=40)))) == ["Zen", "ann"]
    assert await titles(Book.objects.order_by(lookups.LessThan(F("pages"), 20).desc(), "pages")[:1]) == ["Zen"]


async def test_years_of_iso_weeks(books: Database) -> None:
    assert await titles(Book.objects.filter(published__iso_year=2025)) == ["Zen", "ann"]
    assert await titles(Book.objects.filter(published__iso_year=2020)) == ["100%"]
    assert await titles(Book.objects.filter(published__iso_year__gt=2020)) == ["Zen", "ann"]
    assert await titles(Book.objects.filter(published__iso_year__lte=2020)) == ["100%"]
    assert await titles(Book.objects.filter(published__iso_year__in=[2020, 1999])) == ["100%"]
    assert await titles(Book.objects.filter(published__year__gte=2021, published__year__lt=2024)) == ["100%"]


async def test_parts_of_moments_in_order_by_and_values(database: Database) -> None:
    await Everything.objects.create(moment=dt.datetime(2026, 3, 29, 23, 59, 58, 999999, tzinfo=dt.UTC))
    assert await Everything.objects.order_by("moment__hour").values_list(
        "moment__year", "moment__iso_year", "moment__quarter", "moment__date", "moment__time", "time__second"
    ) == [(2026, 2026, 1, dt.date(2026, 3, 29), dt.time(23, 59, 58, 999999), 59)]
    assert await Everything.objects.filter(moment__date__gte=dt.date(2026, 3, 29), moment__time__hour=23).count() == 1


@pytest.mark.parametrize(
    ("lookup", "message"),
    [
        ("title__contain", 'Did you mean "contains"'),
        ("title__yeer", "has no lookup"),
        ("published__yeer", 'Did you mean "year"'),
        ("published__year__contain", 'Did you mean "contains"'),
        ("author__nam", 'Did you mean "name"'),
        ("title__contains__exact", 'has no lookup "contains"'),
    ],
)
async def test_errors_name_the_nearest_lookup(lookup: str, message: str, sqlite: Database) -> None:
    with pytest.raises(FieldError, match=message):
        await Book.objects.filter(**{lookup: 1})


async def test_pairs_are_conditions_too_and_numbers_are_none(books: Database) -> None:
    assert await titles(Book.objects.filter(Q(("pages", 10), ("title", "ann"), _connector="OR"))) == ["Zen", "ann"]
    with pytest.raises(TypeError, match="non-conditional"):
        await Book.objects.filter(F("pages") + 1)
    with pytest.raises(TypeError, match="takes conditions"):
        Q(("pages", 1, 2))  # type: ignore[arg-type]


async def test_related_objects_are_compared_by_key_only(sqlite: Database) -> None:
    with pytest.raises(FieldError, match="author__id__contains"):
        await Book.objects.filter(author__contains=1)


class Country(models.Model):
    code = models.CharField(max_length=2, unique=True)

    class Meta:
        app_label = "lookups"


class Town(models.Model):
    country = models.ForeignKey(Country, on_delete=models.CASCADE, to_field="code", related_name="towns")

    class Meta:
        app_label = "lookups"


async def test_querysets_are_compared_by_what_the_key_refers_to(sqlite: Database) -> None:
    async with tables_of(sqlite, Country, Town):
        await Country.objects.create(code="ch")
        country = await Country.objects.create(code="at")
        await Town.objects.create(country=country)
        assert await Town.objects.filter(country__in=Country.objects.all()).count() == 1
        assert await Town.objects.exclude(country__in=Country.objects.filter(code="ch")).count() == 1
        assert await Town.objects.filter(country=Country.objects.filter(code="at")[:1]).count() == 1
        assert await Town.objects.filter(country__in=Country.objects.values("code")).count() == 1
        assert await Country.objects.filter(towns__in=Town.objects.all()).get() == country
        with pytest.raises(ValueError, match='QuerySet for "Town": Use a QuerySet for "Country"'):
            await Town.objects.filter(country__in=Town.objects.all())
        with pytest.raises(ValueError, match="must be limited to one result"):
            await Town.objects.filter(country=Country.objects.all())
