"""Constraints, indexes, defaults and generated columns in real tables, and what `full_clean` says about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from tests.orm.library import statements
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import F, Q, functions, models
from vivace.orm.exceptions import IntegrityError, ModelDefinitionError
from vivace.orm.opclasses import OpClass
from vivace.orm.registry import registry
from vivace.utils.exceptions import NON_FIELD_ERRORS, ValidationError

pytestmark = pytest.mark.anyio


class Room(models.Model):
    house = models.CharField(max_length=20, default="a")
    number = models.IntegerField(default=1)
    floor = models.IntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(10))
    name = models.CharField(max_length=20, default="", blank=True)
    code = models.CharField(max_length=20, null=True, blank=True, unique=True)
    active = models.BooleanField(default=True)

    class Meta:
        app_label = "rooms"
        constraints = [
            models.UniqueConstraint(fields=["house", "number"], name="room_number"),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(active=True) & ~Q(name=""),
                name="room_active_name",
                violation_error_message="“%(name)s”: taken.",
                violation_error_code="taken",
            ),
            models.UniqueConstraint(
                functions.Lower("house"), F("floor").desc(), name="room_lower", violation_error_code="lower"
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0) & ~Q(name__contains="50%' \\"),
                name="room_price",
                violation_error_message="A room costs something.",
            ),
            models.CheckConstraint(condition=Q(floor__gte=-2) | Q(floor=None), name="room_floor"),
        ]
        indexes = [
            models.Index(fields=["-price"], condition=~Q(name=""), name="room_by_price"),
            models.Index(
                fields=["house", "name"], name="room_by_house", opclasses=["varchar_ops", "varchar_pattern_ops"]
            ),
            models.Index(
                fields=["-name", "house"], name="room_by_name", opclasses=["varchar_pattern_ops", "varchar_ops"]
            ),
            models.Index(
                OpClass(functions.Upper("name"), name="text_pattern_ops"),
                F("floor").asc(nulls_last=True),
                name="room_upper",
            ),
            models.Index(fields=["number"], include=["name"], name="room_cover"),
        ]


class Article(models.Model):
    slug = models.SlugField(unique_for_date="published")
    title = models.CharField(max_length=20, unique_for_year="published", default="t")
    heading = models.CharField(max_length=20, unique_for_month="published", default="h")
    published = models.DateField(null=True, blank=True)

    class Meta:
        app_label = "rooms"


MODELS = [Room, Article]


@pytest.fixture
async def tables(database: Database) -> AsyncIterator[Database]:
    """The tables of this module's models."""
    async with tables_of(database, *MODELS):
        yield database


async def faults(instance: Any, **options: Any) -> dict[str, list[tuple[str | None, str]]]:
    """What full_clean says: codes and texts by field."""
    try:
        await instance.full_clean(**options)
    except ValidationError as error:
        return {name: [(each.code, each.text) for each in errors] for name, errors in error.error_dict.items()}
    return {}


async def test_the_database_keeps_constraints(tables: Database) -> None:
    await Room(floor=None).save()
    for wrong in (Room(), Room(number=2, price=0), Room(number=3, floor=-3), Room(number=4, name="50%' \\x")):
        with pytest.raises(IntegrityError):
            await wrong.save()
    await Room(number=5, floor=1).save()
    assert await Room.objects.count() == 2


async def test_full_clean_asks_about_all_constraints(tables: Database) -> None:
    room = Room(name="Blue", floor=1, code="x")
    assert await faults(room) == {}
    await room.save()
    assert await faults(room) == {}
    again = Room(name="Blue", floor=1, code="x", price=-1)
    assert await faults(again) == {
        "code": [("unique", "Room with this Code already exists.")],
        NON_FIELD_ERRORS: [
            ("unique_together", "Room with this House and Number already exists."),
            ("taken", "“room_active_name”: taken."),
            ("lower", "Constraint “room_lower” is violated."),
            (None, "A room costs something."),
        ],
    }
    assert await faults(again, validate_unique=False, validate_constraints=False) == {}
    assert set(await faults(again, exclude=["code", "price", "floor", "number", "active"])) == set()
    with pytest.raises(ValidationError):
        await again.validate_constraints()


async def test_a_condition_decides_which_rows_a_unique_constraint_is_about(tables: Database) -> None:
    await Room(name="Blue", floor=1).save()
    assert await faults(Room(number=2, name="Blue", active=False, floor=2)) == {}
    assert await faults(Room(number=2, name="Green", floor=2)) == {}
    assert NON_FIELD_ERRORS in await faults(Room(number=2, name="Blue", floor=2))


async def test_nulls_break_no_rule(tables: Database) -> None:
    await Room(floor=None, code=None).save()
    assert await faults(Room(number=2, floor=None, code=None)) == {}


async def test_expressions_are_compared_by_the_database(tables: Database) -> None:
    await Room(house="Abc", floor=3).save()
    assert await faults(Room(house="aBC", number=9, floor=3)) == {
        NON_FIELD_ERRORS: [("lower", "Constraint “room_lower” is violated.")]
    }


async def test_a_row_is_not_in_its_own_way(tables: Database) -> None:
    room = await Room.objects.create(name="Blue", floor=1, code="x")
    loaded = await Room.objects.get(pk=room.pk)
    loaded.price = Decimal(20)
    assert await faults(loaded) == {}
    partly = await Room.objects.only("name").get(pk=room.pk)
    assert await faults(partly) == {}


async def test_all_constraints_are_one_query(tables: Database) -> None:
    room = Room(name="Blue", floor=1, code="x")
    await room.full_clean()
    with statements(tables) as queries:
        await Room(name="x' OR 1=1 --", floor=1, code="y").full_clean()
    assert len(queries) == 2


async def test_unique_for_dates(tables: Database) -> None:
    day = dt.date(2026, 3, 29)
    await Article(slug="a", title="one", heading="h", published=day).save()
    found = await faults(Article(slug="a", title="one", heading="h", published=day))
    assert found == {
        "slug": [("unique_for_date", "Slug must be unique for Published date.")],
        "title": [("unique_for_date", "Title must be unique for Published year.")],
        "heading": [("unique_for_date", "Heading must be unique for Published month.")],
    }
    assert set(await faults(Article(slug="a", title="two", heading="x", published=day + dt.timedelta(1)))) == set()
    assert set(await faults(Article(slug="b", title="two", heading="h", published=day.replace(year=2025)))) == {
        "heading"
    }
    assert await faults(Article(slug="a", title="one", published=None), exclude=["published"]) == {}


MISTAKES: list[tuple[Any, str]] = [
    (lambda: models.UniqueConstraint(name="x"), "at least one field"),
    (lambda: models.UniqueConstraint(fields=["a"], name=""), "needs a name"),
    (lambda: models.UniqueConstraint("a", fields=["a"], name="x"), "exclude each other"),
    (lambda: models.UniqueConstraint(fields="a", name="x"), "list of names"),
    (lambda: models.UniqueConstraint(fields=["a"], name="x", opclasses=["b", "c"]), "same number"),
    (lambda: models.UniqueConstraint("a", name="x", opclasses=["b"]), "OpClass"),
    (
        lambda: models.UniqueConstraint(
            fields=["a"], name="x", condition=Q(a=1), deferrable=models.Deferrable.DEFERRED
        ),
        "cannot be deferred",
    ),
    (lambda: models.UniqueConstraint(fields=["a"], name="x", deferrable="yes"), "Deferrable"),  # type: ignore[arg-type]
    (lambda: models.CheckConstraint(condition="a > 1", name="x"), "Q or an expression"),  # type: ignore[arg-type]
    (lambda: models.Index(fields=["a"], condition=Q(a=1)), "needs a name"),
    (lambda: models.Index(name="x"), "at least one field"),
    (lambda: models.Index(fields=["a"], name="x", include="a"), "list of names"),
    (lambda: OpClass("a", name="x; DROP TABLE y"), "operator class"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_options_that_cannot_be_are_told(make: Any, message: str) -> None:
    with pytest.raises(ModelDefinitionError, match=message):
        make()


class Place(models.Model):
    name = models.CharField(max_length=20, unique=True)
    town = models.CharField(max_length=20, default="t")

    class Meta:
        app_label = "rooms"
        constraints = [models.CheckConstraint(condition=~Q(town="x"), name="place_town")]


class Restaurant(Place):
    stars = models.IntegerField(default=0, unique=True)

    class Meta:
        app_label = "rooms"
        constraints = [models.CheckConstraint(condition=Q(stars__gte=0), name="restaurant_stars")]


@pytest.fixture
async def places(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Place, Restaurant):
        yield database


async def test_rows_in_several_tables_keep_the_rules_of_all(places: Database) -> None:
    await Place(name="Park").save()
    inn = Restaurant(name="Inn", stars=1)
    await inn.full_clean()
    await inn.save()
    await inn.full_clean()
    wrong = Restaurant(name="Park", stars=1)
    assert await faults(wrong) == {
        "name": [("unique", "Restaurant with this Name already exists.")],
        "stars": [("unique", "Restaurant with this Stars already exists.")],
    }
    assert await faults(Restaurant(name="a", stars=-1, town="x")) == {
        NON_FIELD_ERRORS: [
            (None, "Constraint “restaurant_stars” is violated."),
            (None, "Constraint “place_town” is violated."),
        ]
    }


async def test_no_name_or_value_becomes_sql(database: Database) -> None:
    hostile = "x'; DROP TABLE rooms_room; --\" `\\ %s %(a)s $1 ? :name"
    with registry.isolated():

        class Odd(models.Model):
            text = models.CharField(max_length=100, db_column='a"b`c', db_default=hostile)
            number = models.IntegerField(default=1)

            class Meta:
                constraints = [
                    models.CheckConstraint(condition=~Q(text=hostile + "!"), name='odd"`check'),
                    models.UniqueConstraint(functions.Lower("text"), "number", name='odd"`unique'),
                ]
                indexes = [models.Index(fields=["-number"], name='odd"`index', condition=~Q(text=hostile))]

        async with tables_of(database, Odd):
            odd = await Odd.objects.create()
            assert odd.text == hostile
            assert (await Odd.objects.get(text=hostile)).pk == odd.pk
            with pytest.raises(IntegrityError):
                await Odd.objects.create(text=hostile + "!")
            with pytest.raises(ValidationError):
                await Odd(text=hostile + "!").full_clean()
