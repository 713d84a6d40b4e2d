"""Publishes what an `API` has registered: routes of the REST framework and the OpenAPI document."""

from __future__ import annotations

from vivace.conf import ConfigurationError
from vivace.project.api import API, is_model
from vivace.rest import openapi, routers
from vivace.rest.defaults import viewset_for
from vivace.web.routing import BaseRoute, Route


def api_routes(api: API, title: str) -> list[BaseRoute]:
    """The routes of everything registered, the root that lists them, and `schema/`. Raises ConfigurationError."""
    router = routers.DefaultRouter()
    for registration in api:
        target = registration.target
        viewset = viewset_for(target) if is_model(target) else target
        try:
            router.register(registration.prefix, viewset, registration.basename)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"api.{error}") from error
    schema = openapi.schema_view(router, title=title.replace("_", " ").strip().capitalize())
    return [Route("/schema/", schema, name="schema"), *router.routes]
