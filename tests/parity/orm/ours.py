"""Vivace's models of the shop, and its rows: nulls, duplicates, unicode, the edges of days and years, big numbers."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy.schema import CreateIndex, CreateTable

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.contenttypes import ContentType, GenericForeignKey, GenericRelation
from vivace.orm.registry import registry
from vivace.orm.schema import metadata

registry.set_label(__name__, "shop")


class Author(models.Model):
    name = models.CharField(max_length=100)
    age = models.IntegerField(null=True)
    born = models.DateField(null=True)


class Profile(models.Model):
    author = models.OneToOneField(Author, models.CASCADE, related_name="profile")
    text = models.TextField(blank=True)


class Tag(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        ordering = ["-name"]


class Store(models.Model):
    name = models.CharField(max_length=40)
    opens = models.TimeField(null=True)
    code = models.UUIDField(null=True)


class Book(models.Model):
    title = models.CharField(max_length=100)
    subtitle = models.CharField(max_length=100, null=True)
    pages = models.BigIntegerField(default=0)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    rating = models.FloatField(null=True)
    sold = models.DateTimeField(null=True)
    done = models.BooleanField(default=False)
    lasts = models.DurationField(null=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="edited")
    tags = models.ManyToManyField(Tag, related_name="books")
    stores = models.ManyToManyField(Store, through="Stock", related_name="books")


class Stock(models.Model):
    book = models.ForeignKey(Book, models.CASCADE)
    store = models.ForeignKey(Store, models.PROTECT)
    amount = models.IntegerField(default=0)


class Category(models.Model):
    name = models.CharField(max_length=20)
    parent: models.ForeignKey[Category | None] = models.ForeignKey(
        "self", models.CASCADE, null=True, related_name="children"
    )


class Item(models.Model):
    slug = models.SlugField(unique=True)
    amount = models.IntegerField(default=1)
    note = models.CharField(max_length=20, null=True)
    data = models.JSONField(null=True)


class Note(models.Model):
    text = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.BigIntegerField()
    content_object = GenericForeignKey()


class Place(models.Model):
    name = models.CharField(max_length=20)
    city = models.CharField(max_length=20, null=True)
    opened = models.DateField(null=True)
    notes = GenericRelation(Note, related_query_name="%(class)s")


class Restaurant(Place):
    stars = models.IntegerField(null=True)
    near: models.ForeignKey[Place | None] = models.ForeignKey(
        Place, models.SET_NULL, null=True, related_name="neighbours"
    )


class Pizzeria(Restaurant):
    oven = models.BooleanField(default=False)


class Bar(Place):
    beers = models.IntegerField(default=0)


class Starred(Restaurant):
    class Meta:
        proxy = True
        ordering = ["-stars", "id"]


class Annotated(Tag):
    notes = GenericRelation(Note, related_query_name="tag")

    class Meta:
        proxy = True


PROXIES = (Starred, Annotated)
MODELS = (Author, Profile, Tag, Store, Book, Stock, Category, Item, Note, Place, Restaurant, Pizzeria, Bar)

TITLES = ["Émile", "émile", "EMILE", "100% true", "a_b", "a\\b", "", " ", "naïve 日本", "Ann's", 'q"uote', "Émile"]
MOMENTS = [
    dt.datetime(2026, 3, 29, 0, 59, 59, 999999, dt.UTC),
    dt.datetime(2026, 3, 29, 1, 0, 0, 1, dt.UTC),
    dt.datetime(2025, 10, 26, 0, 30, 0, 500000, dt.UTC),
    dt.datetime(2024, 12, 30, 23, 59, 59, 1, dt.UTC),
    None,
]
PRICES = [Decimal("0.00"), Decimal("-5.25"), Decimal("9.99"), Decimal("9.99"), None, Decimal("123456.78")]
RATINGS = [0.5, -1.25, None, 4.75, 4.75]
SPANS = [dt.timedelta(days=1, microseconds=7), None, dt.timedelta(0), dt.timedelta(days=-2, hours=1)]
DOCUMENTS = [
    None,
    {},
    {"a": 1, "b": {"c": [1, 2, {"d": "x"}]}},
    {"b": None, "a": "1"},
    [1, "two", None, True],
    "text",
    3.5,
    {"a": 1, "é": "ü", "k k": "q'"},
    {"a": True, "b": {"c": []}},
]


async def make_tables(database: Database) -> None:
    """The tables and indexes of the shop."""
    for table in metadata([*MODELS, ContentType]).sorted_tables:
        await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))
        for index in table.indexes:
            await database.execute(str(CreateIndex(index).compile(dialect=database.dialect)))


async def fill() -> None:
    """The rows of the shop."""
    authors = await Author.objects.bulk_create(
        Author(name=name, age=age, born=born)
        for name, age, born in [
            ("Ann", 40, dt.date(1986, 2, 28)),
            ("Bob", None, None),
            ("Ann", -1, dt.date(2000, 2, 29)),
            ("Żaneta", 0, dt.date(1999, 12, 31)),
            ("Nobody", 99, None),
        ]
    )
    await Profile.objects.bulk_create([Profile(author=authors[0], text="first"), Profile(author=authors[3], text="")])
    tags = await Tag.objects.bulk_create(Tag(name=name) for name in ("red", "blue", "red", "unused"))
    stores = await Store.objects.bulk_create(
        [
            Store(name="North", opens=dt.time(8, 30), code=uuid.UUID(int=7)),
            Store(name="south", opens=dt.time(23, 59, 59, 999999)),
            Store(name="Empty", code=uuid.UUID("12345678-1234-4234-8234-123456789abc")),
        ]
    )
    books = []
    for number in range(30):
        book = await Book.objects.create(
            title=TITLES[number % len(TITLES)],
            subtitle=None if number % 3 else TITLES[(number * 5) % len(TITLES)],
            pages=[0, 1, -7, 2**62, 300][number % 5],
            price=PRICES[number % len(PRICES)],
            rating=RATINGS[number % len(RATINGS)],
            sold=MOMENTS[number % len(MOMENTS)],
            done=number % 2 == 0,
            lasts=SPANS[number % len(SPANS)],
            author=authors[number % 4],
            editor=None if number % 4 == 0 else authors[(number + 1) % 4],
        )
        await book.tags.set(tags[: number % 4][:3])
        books.append(book)
    await Stock.objects.bulk_create(
        Stock(book=books[number], store=stores[number % 2], amount=number - 3) for number in range(8)
    )
    root = await Category.objects.create(name="root")
    branch = await Category.objects.create(name="branch", parent=root)
    await Category.objects.bulk_create([Category(name="leaf", parent=branch), Category(name="Leaf", parent=branch)])
    await Item.objects.bulk_create(
        Item(slug=f"i-{number}", amount=number % 4, note=None if number % 3 else "x", data=DOCUMENTS[number])
        for number in range(len(DOCUMENTS))
    )
    await _fill_places()


async def _fill_places() -> None:
    park = await Place.objects.create(name="Park", city="Rome", opened=dt.date(2001, 2, 3))
    square = await Place.objects.create(name="Square")
    grill = await Restaurant.objects.create(name="Grill", city="Rome", stars=3, near=park)
    await Restaurant.objects.create(name="Pete", stars=1, near=grill)
    await Pizzeria.objects.create(name="Grill", city="Oslo", stars=3, oven=True, near=park, opened=dt.date(2020, 1, 1))
    await Pizzeria.objects.create(name="Pia", city="Rome", opened=dt.date(2019, 12, 31))
    await Bar.objects.create(name="Bar", city="Oslo", beers=7)
    await Bar.objects.create(name="Both", beers=2)
    for text in ("quiet", "green"):
        await park.notes.create(text=text)
    await square.notes.create(text="quiet")
    await grill.notes.create(text="good")
    await Note.objects.create(text="red one", content_object=await Tag.objects.get(pk=1))
    # All of them, so that neither of the two adds one.
    await ContentType.objects.get_for_models(*MODELS, *PROXIES)
