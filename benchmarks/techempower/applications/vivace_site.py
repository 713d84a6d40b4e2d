"""Our server, toolkit and ORM, written as a user would."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import randint
from typing import Any

from vivace.databases import Database
from vivace.orm import models
from vivace.web.applications import Application
from vivace.web.requests import Request
from vivace.web.responses import HTMLResponse, JSONResponse, PlainTextResponse
from vivace.web.routing import Route
from vivace.web.templating import Environment


class World(models.Model):
    id = models.IntegerField(primary_key=True)
    randomnumber = models.IntegerField()

    class Meta:
        app_label = "techempower"
        db_table = "world"


class Fortune(models.Model):
    id = models.IntegerField(primary_key=True)
    message = models.CharField(max_length=2048)

    class Meta:
        app_label = "techempower"
        db_table = "fortune"


class Author(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=100)

    class Meta:
        app_label = "techempower"
        db_table = "author"


class Book(models.Model):
    id = models.IntegerField(primary_key=True)
    title = models.CharField(max_length=100)
    pages = models.IntegerField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE, db_index=False)

    class Meta:
        app_label = "techempower"
        db_table = "book"


# Columns, because no method of a book is called; written once, as a prepared statement is.
first_books = Book.objects.order_by("id").values_list("id", "title", "pages", "author_id", "author__name")[:20]

page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>"
    "{% for fortune in fortunes %}<tr><td>{{ fortune.id }}</td><td>{{ fortune.message }}</td></tr>{% endfor %}"
    "</table></body></html>"
)


def random_world() -> Any:
    """A row of its own query."""
    return World.objects.get(id=randint(1, 10_000))


def as_dict(world: World) -> dict[str, int]:
    """With the names that are asked for."""
    return {"id": world.id, "randomNumber": world.randomnumber}


def number_of(request: Request) -> int:
    """How many are asked for, from 1 to 500."""
    try:
        return min(max(int(request.query_params.get("queries", "1")), 1), 500)
    except ValueError:
        return 1


async def plaintext(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


async def as_json(request: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello, World!"})


async def db(request: Request) -> JSONResponse:
    return JSONResponse(as_dict(await random_world()))


async def queries(request: Request) -> JSONResponse:
    worlds = await asyncio.gather(*[random_world() for _ in range(number_of(request))])
    return JSONResponse([as_dict(world) for world in worlds])


async def updates(request: Request) -> JSONResponse:
    worlds = await asyncio.gather(*[random_world() for _ in range(number_of(request))])
    for world in worlds:
        world.randomnumber = randint(1, 10_000)
    # In the order of keys, so that no two requests lock rows crosswise; of a row that came twice the last one counts.
    changed = {world.id: world for world in worlds}
    await World.objects.bulk_update([changed[key] for key in sorted(changed)], ["randomnumber"])
    return JSONResponse([as_dict(changed[world.id]) for world in worlds])


async def fortunes(request: Request) -> HTMLResponse:
    found = await Fortune.objects.all()
    found.append(Fortune(id=0, message="Additional fortune added at request time."))
    found.sort(key=lambda fortune: fortune.message)
    return HTMLResponse(page.render(fortunes=found))


async def books(request: Request) -> JSONResponse:
    return JSONResponse(
        [
            {"id": key, "title": title, "pages": pages, "author": {"id": author, "name": name}}
            for key, title, pages, author, name in await first_books.all()
        ]
    )


@asynccontextmanager
async def lifespan(app: Application) -> AsyncIterator[None]:
    """The database is connected while the site is up."""
    url, size = os.environ["DATABASE_URL"], int(os.environ["POOL_SIZE"])
    sizes: dict[str, Any] = {} if url.startswith("sqlite") else {"min_size": size, "max_size": size}
    async with Database(url, **sizes):
        yield


app = Application(
    routes=[
        Route("/plaintext", plaintext),
        Route("/json", as_json),
        Route("/db", db),
        Route("/queries", queries),
        Route("/updates", updates),
        Route("/fortunes", fortunes),
        Route("/books", books),
    ],
    lifespan=lifespan,
)
