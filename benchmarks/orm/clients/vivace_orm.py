"""Ours."""

from __future__ import annotations

from typing import Any

from benchmarks.orm import data
from vivace.databases import Database
from vivace.orm import models
from vivace.orm.query.cache import shapes


class Author(models.Model):
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2)

    class Meta:
        app_label = "benchmark"
        db_table = "authors"


class BookBase(models.Model):
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


class Client:
    """Models on a `Database`; no hints, no tricks."""

    async def open(self, url: str) -> None:
        sizes: dict[str, Any] = (
            {} if url.startswith("sqlite") else {"min_size": data.POOL_SIZE, "max_size": data.POOL_SIZE}
        )
        self.database = Database(url, **sizes)
        await self.database.connect()

    async def close(self) -> None:
        await self.database.disconnect()

    async def get(self, key: int) -> Book:
        return await Book.objects.get(id=key)

    async def rows(self, count: int) -> list[Book]:
        return await Book.objects.order_by("id")[:count]

    async def names_of_authors(self, start: int, count: int) -> list[str]:
        books = await Book.objects.filter(id__gte=start).order_by("id")[:count]
        return [(await book.author).name for book in books]

    async def create(self, number: int) -> NewBook:
        return await NewBook.objects.create(**data.new_book(number))

    async def save(self, book: NewBook, pages: int) -> None:
        book.pages = pages
        await book.save()

    async def get_new(self, key: int) -> NewBook:
        return await NewBook.objects.get(id=key)

    async def count_new(self) -> int:
        return await NewBook.objects.count()

    async def bulk_create(self) -> list[NewBook]:
        await NewBook.objects.all().delete()
        return await NewBook.objects.bulk_create([NewBook(**data.new_book(number)) for number in range(data.BULK)])

    def compile_fresh(self, number: int) -> str:
        lookups, ordering = data.fresh(number)
        queryset = Book.objects.filter(**lookups).order_by(ordering)[:10]
        shapes.clear()
        shape, values = queryset._full_shape()
        plan, _, _ = shapes.bound(Book, shape, values, self.database.dialect)
        return plan.sql
