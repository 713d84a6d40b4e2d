"""BlackSheep: the route of the benchmark as its documentation writes it."""

from __future__ import annotations

from blacksheep import Application, Response, get, json

app = Application()


@get("/items/{id}")
async def read_item(id: int) -> Response:
    """A small object with the parameter in it."""
    return json({"id": id, "name": "The Hobbit"})
