"""FastAPI: the route of the benchmark as its tutorial writes it."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.get("/items/{id}")
async def read_item(id: int) -> dict[str, int | str]:
    """A small object with the parameter in it."""
    return {"id": id, "name": "The Hobbit"}
