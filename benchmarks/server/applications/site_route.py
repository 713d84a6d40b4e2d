"""A site of Vivace's with one route, which answers as asgi.py's `json` does."""

from __future__ import annotations

from vivace import JSONResponse, Request, Vivace

app = Vivace()


@app.get("/")
async def hello(request: Request) -> JSONResponse:
    """A small object."""
    return JSONResponse({"message": "Hello, World!"})
