"""Publishes what an `API` has registered: routes of the REST framework and the OpenAPI document."""

from __future__ import annotations

from vivace.project.api import API
from vivace.web.routing import BaseRoute


def api_routes(api: API, title: str) -> list[BaseRoute]:
    return []
