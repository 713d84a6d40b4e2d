"""BlackSheep with asyncpg and SQL by hand."""

from __future__ import annotations

import os
from random import randint
from typing import Any

import asyncpg
import jinja2
from blacksheep import Application, Request, Response, get, html, json, text

app = Application()
pools: list[asyncpg.Pool] = []
READ = "SELECT id, randomnumber FROM world WHERE id = $1"
UPDATE = "UPDATE world SET randomnumber = $2 WHERE id = $1"

page = jinja2.Environment(autoescape=True).from_string(
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>"
    "{% for id, message in fortunes %}<tr><td>{{ id }}</td><td>{{ message }}</td></tr>{% endfor %}"
    "</table></body></html>"
)


@app.on_start
async def connect(application: Application) -> None:
    size = int(os.environ["POOL_SIZE"])
    pools.append(await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=size, max_size=size))


@app.on_stop
async def disconnect(application: Application) -> None:
    await pools.pop().close()


def number_of(request: Request) -> int:
    """How many are asked for, from 1 to 500."""
    try:
        return min(max(int(request.query["queries"][0]), 1), 500)
    except (KeyError, ValueError):
        return 1


@get("/plaintext")
async def plaintext() -> Response:
    return text("Hello, World!")


@get("/json")
async def as_json() -> Response:
    return json({"message": "Hello, World!"})


@get("/db")
async def db() -> Response:
    async with pools[0].acquire() as connection:
        key, number = tuple(await connection.fetchrow(READ, randint(1, 10_000)) or ())
    return json({"id": key, "randomNumber": number})


async def read(connection: Any, many: int) -> list[dict[str, int]]:
    """So many rows, each by its own query of a statement that is prepared once."""
    statement = await connection.prepare(READ)
    worlds = []
    for _ in range(many):
        key, number = tuple(await statement.fetchrow(randint(1, 10_000)) or ())
        worlds.append({"id": key, "randomNumber": number})
    return worlds


@get("/queries")
async def queries(request: Request) -> Response:
    async with pools[0].acquire() as connection:
        return json(await read(connection, number_of(request)))


@get("/updates")
async def updates(request: Request) -> Response:
    async with pools[0].acquire() as connection:
        worlds = await read(connection, number_of(request))
        changed = {world["id"]: randint(1, 10_000) for world in worlds}
        await connection.executemany(UPDATE, sorted(changed.items()))
    return json([{"id": world["id"], "randomNumber": changed[world["id"]]} for world in worlds])


@get("/fortunes")
async def fortunes() -> Response:
    async with pools[0].acquire() as connection:
        found = [tuple(row) for row in await connection.fetch("SELECT id, message FROM fortune")]
    found.append((0, "Additional fortune added at request time."))
    found.sort(key=lambda fortune: fortune[1])
    return html(page.render(fortunes=found))
