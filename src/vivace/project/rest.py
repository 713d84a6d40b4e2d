"""Publishes what an `API` has registered: routes of the REST framework and the OpenAPI document."""

from __future__ import annotations

from typing import Any

from vivace.conf import ConfigurationError
from vivace.project.api import API, is_model
from vivace.rest import openapi, routers
from vivace.rest.defaults import viewset_for
from vivace.web.routing import BaseRoute, Route


def api_routes(api: API, title: str) -> list[BaseRoute]:
    """The routes of typed functions, of everything registered, the root that lists it, `schema/`, `docs/`, `redoc/`.

    Raises ConfigurationError.
    """
    router = routers.DefaultRouter()
    router.include_format_suffixes = False  # half the routes of a site, for what `?format=` does as well
    for registration in api:
        target = registration.target
        viewset = viewset_for(target) if is_model(target) else target
        try:
            router.register(registration.prefix, viewset, registration.basename)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"api.{error}") from error
    described = [*api.functions.routes, *router.routes]
    try:
        schema = openapi.schema_view(described, **document_options(api, title))
    except TypeError as error:
        raise ConfigurationError(f"api.describe(): {error}") from error
    pages = openapi.docs_routes(title=document_options(api, title)["title"])
    return [Route("/schema/", schema, name="schema"), *pages, *described]


def document_options(api: API, title: str) -> dict[str, Any]:
    """What the OpenAPI document says beside the operations; `title` where the API says none."""
    options = {"title": title.replace("_", " ").strip().capitalize(), **api.description}
    if api.has_webhooks:
        options["webhooks"] = [*options.get("webhooks", ()), *api.webhooks.routes]
    return options
