"""FastAPI with SQLAlchemy's async ORM, as their documentation puts them together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import randint

import jinja2
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

url, size = os.environ["DATABASE_URL"], int(os.environ["POOL_SIZE"])
engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=size, max_overflow=0)
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The tables' metadata."""


class World(Base):
    __tablename__ = "world"
    id: Mapped[int] = mapped_column(primary_key=True)
    randomnumber: Mapped[int]


class Fortune(Base):
    __tablename__ = "fortune"
    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str]


page = jinja2.Environment(autoescape=True).from_string(
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>"
    "{% for fortune in fortunes %}<tr><td>{{ fortune.id }}</td><td>{{ fortune.message }}</td></tr>{% endfor %}"
    "</table></body></html>"
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(openapi_url=None, lifespan=lifespan)


def number_of(queries: str) -> int:
    """How many are asked for, from 1 to 500."""
    try:
        return min(max(int(queries), 1), 500)
    except ValueError:
        return 1


def as_dict(world: World) -> dict[str, int]:
    """With the names that are asked for."""
    return {"id": world.id, "randomNumber": world.randomnumber}


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext() -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/db")
async def db() -> dict[str, int]:
    async with new_session() as session:
        return as_dict(await session.get_one(World, randint(1, 10_000)))


@app.get("/queries")
async def queries(queries: str = "1") -> list[dict[str, int]]:
    async with new_session() as session:
        return [
            as_dict((await session.scalars(select(World).where(World.id == randint(1, 10_000)))).one())
            for _ in range(number_of(queries))
        ]


@app.get("/updates")
async def updates(queries: str = "1") -> list[dict[str, int]]:
    async with new_session() as session, session.begin():
        worlds = [
            (await session.scalars(select(World).where(World.id == randint(1, 10_000)))).one()
            for _ in range(number_of(queries))
        ]
        for world in worlds:
            world.randomnumber = randint(1, 10_000)
    # The session writes rows in the order of their keys, all in one batch.
    return [as_dict(world) for world in worlds]


@app.get("/fortunes", response_class=HTMLResponse)
async def fortunes() -> HTMLResponse:
    async with new_session() as session:
        found = list(await session.scalars(select(Fortune)))
    found.append(Fortune(id=0, message="Additional fortune added at request time."))
    found.sort(key=lambda fortune: fortune.message)
    return HTMLResponse(page.render(fortunes=found))
