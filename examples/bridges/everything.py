"""All of them in one process, by path: `vivace run everything:app`. Each starts and stops with the server."""

from __future__ import annotations

import asgi2_app
import fastapi_app
import flask_app
import responder_app
import starlette_app
from asgiref.compatibility import guarantee_single_callable
from django_site.asgi import application as django_app

from vivace.web import Application, JSONResponse, Mount, Request, Route, StaticFiles
from vivace.web.middleware.striprootpath import StripRootPathMiddleware
from vivace.web.middleware.wsgi import WSGIMiddleware


async def index(request: Request) -> JSONResponse:
    return JSONResponse({name: str(request.url_for(name, path="/")) for name in NAMES})


app = Application(
    routes=[
        Route("/", index),
        Mount("/starlette", starlette_app.app, name="starlette"),
        Mount("/fastapi", fastapi_app.app, name="fastapi"),
        # Responder looks for its routes in the whole path.
        Mount("/responder", StripRootPathMiddleware(responder_app.app), name="responder"),
        # `collectstatic` is not needed: the files are sent from the installed packages.
        Mount(
            "/django/static",
            StaticFiles(packages=[("django.contrib.admin", "static"), ("rest_framework", "static")]),
        ),
        Mount("/django", django_app, name="django"),
        Mount("/flask", WSGIMiddleware(flask_app.app), name="flask"),
        Mount("/asgi2", guarantee_single_callable(asgi2_app.app), name="asgi2", lifespan=True),
    ]
)
NAMES = [route.name for route in app.routes if isinstance(route, Mount) and route.name]
