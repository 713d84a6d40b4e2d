"""Django's ORM by its `a` methods: each runs in the one thread that Django keeps for what is not async."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections, models

from benchmarks.orm import data

settings.configure(USE_TZ=True, INSTALLED_APPS=[], DATABASES={"default": {"ENGINE": "django.db.backends.dummy"}})
django.setup()


class Author(models.Model):
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2)

    class Meta:
        app_label = "benchmark"
        db_table = "authors"


class BookBase(models.Model):
    id = models.BigAutoField(primary_key=True)
    title = models.CharField(max_length=200)
    isbn = models.CharField(max_length=13)
    pages = models.IntegerField()
    price = models.IntegerField()
    rating = models.FloatField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="+", db_index=False)
    in_print = models.BooleanField()
    published = models.DateField(null=True)
    created = models.DateTimeField()

    class Meta:
        abstract = True
        app_label = "benchmark"


class Book(BookBase):
    class Meta:
        app_label = "benchmark"
        db_table = "books"


class NewBook(BookBase):
    class Meta:
        app_label = "benchmark"
        db_table = "new_books"


def database(url: str) -> dict[str, Any]:
    """Django's settings for a database: connections that stay, SQLite as ours has it."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path[1:], "OPTIONS": {"init_command": pragmas}}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "HOST": parts.hostname,
        "PORT": parts.port,
        "CONN_MAX_AGE": None,
    }


class Client:
    """Models with `select_related` where a relation is read."""

    async def open(self, url: str) -> None:
        await sync_to_async(self.connect)(url)

    def connect(self, url: str) -> None:
        """In Django's thread: connections belong to threads."""
        connections.databases.update(connections.configure_settings({"default": database(url)}))
        with suppress(AttributeError):  # what was made when the models were defined
            del connections["default"]
        connection.ensure_connection()

    async def close(self) -> None:
        """It ends with its thread."""

    async def get(self, key: int) -> Book:
        return await Book.objects.aget(id=key)

    async def rows(self, count: int) -> list[Book]:
        return [book async for book in Book.objects.order_by("id")[:count]]

    async def names_of_authors(self, start: int, count: int) -> list[str]:
        books = Book.objects.filter(id__gte=start).select_related("author").order_by("id")[:count]
        return [book.author.name async for book in books]

    async def create(self, number: int) -> NewBook:
        return await NewBook.objects.acreate(**data.new_book(number))

    async def save(self, book: NewBook, pages: int) -> None:
        book.pages = pages
        await book.asave(update_fields=["pages"])

    async def get_new(self, key: int) -> NewBook:
        return await NewBook.objects.aget(id=key)

    async def count_new(self) -> int:
        return await NewBook.objects.acount()

    async def bulk_create(self) -> list[NewBook]:
        await NewBook.objects.all().adelete()
        return await NewBook.objects.abulk_create([NewBook(**data.new_book(number)) for number in range(data.BULK)])

    def compile_fresh(self, number: int) -> str:
        lookups, ordering = data.fresh(number)
        query = Book.objects.filter(**lookups).order_by(ordering)[:10].query
        sql: str = query.get_compiler(connection=self.compiling).as_sql()[0]
        return sql

    @cached_property
    def compiling(self) -> Any:
        """A connection of the loop's own thread."""
        return connections.create_connection("default")
