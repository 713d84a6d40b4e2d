"""Applications of Starlette, written as a user would: a route, many routes, many middlewares."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


async def read_item(request: Request) -> JSONResponse:
    """A small object with the parameter in it."""
    return JSONResponse({"id": request.path_params["id"], "name": "The Hobbit"})


async def read_page(request: Request) -> JSONResponse:
    """A small object that is always the same."""
    return JSONResponse({"message": "Hello, World!"})


def application(*, routes: int = 2, middleware: int = 0) -> Starlette:
    """So many routes, of which two are asked for and come last, inside so many middlewares."""
    others = [
        Route(f"/groups/{number}/{{id:int}}", read_item) if number % 2 else Route(f"/pages/{number}", read_page)
        for number in range(routes - 2)
    ]
    asked = [Route("/items/{id:int}", read_item), Route("/page", read_page)]
    return Starlette(routes=others + asked, middleware=[Middleware(PassThrough) for _ in range(middleware)])


class PassThrough:
    """A pure ASGI middleware that does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


app = application()
routes_5 = application(routes=5)
routes_500 = application(routes=500)
middleware_10 = application(middleware=10)
