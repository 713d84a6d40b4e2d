"""The models of the ORM's tests: a library with every kind of field and relation."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vivace.databases import Database
from vivace.databases.backends.base import MISSED
from vivace.orm import models


class Publisher(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Author(models.Model):
    name = models.CharField(max_length=100)
    age = models.IntegerField(null=True)
    friends: models.ManyToManyField[Author] = models.ManyToManyField("self")
    books: models.RelatedManager[Book]
    edited: models.RelatedManager[Book]
    borrowed: models.RelatedManager[Book]
    profile: Profile

    def __str__(self) -> str:
        return self.name


class Profile(models.Model):
    author = models.OneToOneField(Author, on_delete=models.CASCADE, related_name="profile")
    text = models.TextField(blank=True)


class Tag(models.Model):
    name = models.SlugField(unique=True)
    books: models.RelatedManager[Book]

    def __str__(self) -> str:
        return self.name


class Genre(models.TextChoices):
    NOVEL = "n", "A novel"
    POEMS = "p"


class Book(models.Model):
    title = models.CharField(max_length=100)
    subtitle = models.CharField(max_length=100, null=True)
    pages = models.IntegerField(default=0)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    published = models.DateField(null=True)
    genre = models.CharField(max_length=1, choices=Genre, blank=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="edited")
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, null=True)
    tags = models.ManyToManyField(Tag, related_name="books")
    readers = models.ManyToManyField(Author, through="Loan", related_name="borrowed")
    author_id: int
    editor_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["title", "author"], name="one_title_an_author"),
            models.CheckConstraint(condition=models.Q(pages__gte=0), name="pages_not_negative"),
        ]
        indexes = [models.Index(fields=["-published", "title"], name="book_by_date")]

    def __str__(self) -> str:
        return self.title


class Loan(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    reader = models.ForeignKey(Author, on_delete=models.RESTRICT)
    days = models.PositiveIntegerField(default=14)


class Everything(models.Model):
    """One column of each kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = models.TextField(default="")
    slug = models.SlugField(default="a-b")
    url = models.URLField(default="https://example.com/")
    email = models.EmailField(default="a@example.com")
    integer = models.IntegerField(default=1)
    big = models.BigIntegerField(default=2**62)
    small = models.SmallIntegerField(default=-3)
    positive = models.PositiveIntegerField(default=4)
    boolean = models.BooleanField(default=True)
    maybe = models.BooleanField(null=True)
    real = models.FloatField(default=0.5)
    decimal = models.DecimalField(max_digits=12, decimal_places=3, default=decimal.Decimal("1.500"))
    date = models.DateField(default=dt.date(2026, 3, 29))
    moment = models.DateTimeField(default=dt.datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=dt.UTC))
    time = models.TimeField(default=dt.time(23, 59, 59, 999999))
    duration = models.DurationField(default=dt.timedelta(days=-1, microseconds=7))
    key = models.UUIDField(default=uuid.UUID(int=7))
    json = models.JSONField(default=dict)
    binary = models.BinaryField(default=b"\x00\xff")


class Stamped(models.Model):
    made = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    note = models.CharField(max_length=10, default="")


class Node(models.Model):
    name = models.CharField(max_length=20)
    parent: models.ForeignKey[Node | None] = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="children"
    )
    children: models.RelatedManager[Node]


MODELS = (Publisher, Author, Profile, Tag, Book, Loan, Everything, Stamped, Node)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL that goes through the database inside the block."""
    seen: list[str] = []
    fetch, execute = database.fetch_plan, database.execute_plan

    def watched(original: Any) -> Any:
        async def run(plan: Any, args: Any = ()) -> Any:
            seen.append(plan.sql)
            return await original(plan, args)

        return run

    at_once = database.fetch_plan_at_once
    database.fetch_plan_at_once = lambda plan, args=(): MISSED  # type: ignore[method-assign]
    database.fetch_plan, database.execute_plan = watched(fetch), watched(execute)  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        database.fetch_plan_at_once = at_once  # type: ignore[method-assign]
        database.fetch_plan, database.execute_plan = fetch, execute  # type: ignore[method-assign]
