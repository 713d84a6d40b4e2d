"""SQLAlchemy's async ORM: a session for each piece of work, statements built as its tutorial builds them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import DateTime, ForeignKey, String, delete, event, func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, joinedload, mapped_column, relationship

from benchmarks.orm import data


class Base(DeclarativeBase):
    """The tables' metadata."""


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(2))


class BookColumns:
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    isbn: Mapped[str] = mapped_column(String(13))
    pages: Mapped[int]
    price: Mapped[int]
    rating: Mapped[float]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    in_print: Mapped[bool]
    published: Mapped[dt.date | None]
    created: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))

    @declared_attr
    def author(cls) -> Mapped[Author]:  # noqa: N805 (a class's)
        return relationship(Author)


class Book(BookColumns, Base):
    __tablename__ = "books"


class NewBook(BookColumns, Base):
    __tablename__ = "new_books"


class Client:
    """An engine with a pool, and `expire_on_commit=False`, as asyncio wants it."""

    async def open(self, url: str) -> None:
        is_sqlite = url.startswith("sqlite")
        scheme, _, rest = url.partition("://")
        pool: dict[str, Any] = {} if is_sqlite else {"pool_size": data.POOL_SIZE, "max_overflow": 0}
        self.engine = create_async_engine(f"{scheme}+{'aiosqlite' if is_sqlite else 'asyncpg'}://{rest}", **pool)
        if is_sqlite:

            @event.listens_for(self.engine.sync_engine, "connect")
            def tune(connection: Any, _: Any) -> None:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")

        self.session = async_sessionmaker(self.engine, expire_on_commit=False)

    async def close(self) -> None:
        await self.engine.dispose()

    async def get(self, key: int) -> Book:
        async with self.session() as session:
            return await session.get_one(Book, key)

    async def rows(self, count: int) -> list[Book]:
        async with self.session() as session:
            return list((await session.scalars(select(Book).order_by(Book.id).limit(count))).all())

    async def names_of_authors(self, start: int, count: int) -> list[str]:
        async with self.session() as session:
            statement = select(Book).where(Book.id >= start).options(joinedload(Book.author))
            books = await session.scalars(statement.order_by(Book.id).limit(count))
            return [book.author.name for book in books]

    async def create(self, number: int) -> NewBook:
        async with self.session() as session, session.begin():
            book = NewBook(**data.new_book(number))
            session.add(book)
        return book

    async def save(self, book: NewBook, pages: int) -> None:
        async with self.session() as session, session.begin():
            session.add(book)
            book.pages = pages

    async def get_new(self, key: int) -> NewBook:
        async with self.session() as session:
            return await session.get_one(NewBook, key)

    async def count_new(self) -> int:
        async with self.session() as session:
            return (await session.scalars(select(func.count()).select_from(NewBook))).one()

    async def bulk_create(self) -> list[NewBook]:
        async with self.session() as session, session.begin():
            await session.execute(delete(NewBook))
            books = [NewBook(**data.new_book(number)) for number in range(data.BULK)]
            session.add_all(books)
        return books
