"""The OpenAPI document of an application without a request: what `vivace schema` and `vivace client` work from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vivace.conf import ConfigurationError
from vivace.project.application import Vivace
from vivace.rest.openapi import OpenAPIView, build
from vivace.rest.views import Endpoint
from vivace.utils.suggest import did_you_mean
from vivace.web.exceptions import HTTPException
from vivace.web.middleware.problem_details import ProblemHandler
from vivace.web.routing import BaseRoute, Mount, Route


def find_document(app: Any, *, path: str | None = None, **options: Any) -> dict[str, Any]:
    """The document that an application serves; where it serves none, one of all its views and typed functions.

    `path` is the address of one document among several, `options` are those of `openapi.build()`, over what the
    application says itself. Raises ConfigurationError when there is no API, no such document, or a choice to make.
    """
    if isinstance(app, Vivace):
        app.setup()
    routes = getattr(app, "routes", None)
    if routes is None:
        kind = f"{type(app).__module__}.{type(app).__qualname__}"
        raise ConfigurationError(f"the application is a {kind}, which has no list of routes.")
    served = dict(_served(routes, ""))
    if path is not None and path not in served:
        hint = did_you_mean(path, served, listed_as="Documents") if served else "The application serves none."
        raise ConfigurationError(f'there is no OpenAPI document at "{path}". {hint}')
    if path is None and len(served) > 1:
        raise ConfigurationError(
            f"the application serves {len(served)} OpenAPI documents: say which, as --path {next(iter(served))}.\n"
            f"  Documents: {', '.join(served)}."
        )
    handler = getattr(app, "exception_handlers", {}).get(HTTPException)
    told: dict[str, Any] = {"problem_details": isinstance(handler, ProblemHandler)}
    if served:
        address = path or next(iter(served))
        prefix, view = served[address]
        document = build(view.routes, prefix=prefix, **{**told, **view.described, **options})
    else:
        document = build(routes, **told, **options)
    if not document["paths"] and not document.get("webhooks"):
        raise ConfigurationError(
            "the application has no API: no REST view, no typed function and no registered model was found.\n"
            "  `@app.api.get(...)` over a function or `app.api.register(...)` makes one; `vivace routes` lists what "
            "there is."
        )
    return document


def _served(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[str, tuple[str, OpenAPIView]]]:
    """`(address, (what its routes are mounted at, view))` of each document that is served."""
    for route in routes:
        if isinstance(route, Mount):
            yield from _served(route.routes or (), prefix + route.path)
        elif isinstance(route, Route) and isinstance(route.endpoint, Endpoint):
            view = route.endpoint.make_view() if issubclass(route.endpoint.cls, OpenAPIView) else None
            if isinstance(view, OpenAPIView):
                yield prefix + route.path, (prefix, view)
