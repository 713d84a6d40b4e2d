"""Routes that say the format at their end, `/books.json`; `rest_framework.urlpatterns`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from vivace.rest.settings import current
from vivace.web.convertors import CONVERTOR_TYPES, Convertor, register_url_convertor
from vivace.web.routing import BaseRoute, Mount, Route


def format_suffix_patterns(
    urlpatterns: Iterable[BaseRoute], suffix_required: bool = False, allowed: Sequence[str] | None = None
) -> list[BaseRoute]:
    """The routes, each followed by one with a format at its end (`/books/` by `/books.json`), of the same name.

    `allowed` names the formats; any otherwise. With `suffix_required` only the routes with a format are there. The
    handlers get the format as the keyword `format`.
    """
    convertor = _convertor(tuple(allowed or ()))
    found: list[BaseRoute] = []
    for route in urlpatterns:
        if isinstance(route, Mount):
            below = format_suffix_patterns(route.routes, suffix_required, allowed)
            found.append(Mount(route.path, routes=below, name=route.name))
            continue
        routes = [] if suffix_required else [route]
        if isinstance(route, Route) and route.path.rstrip("/"):
            # Without a slash at the end, `/books/{pk}` would take the suffix for a part of the key.
            routes.insert(len(routes) if route.path.endswith("/") else 0, _with_suffix(route, convertor))
        found += routes
    return found


def _with_suffix(route: Route, convertor: str) -> Route:
    path = f"{route.path.rstrip('/')}{{{current().FORMAT_SUFFIX_KWARG}:{convertor}}}"
    return Route(
        path,
        route.endpoint,
        methods=route.methods,
        name=route.name,
        include_in_schema=False,
    )


class _SuffixConvertor(Convertor[str]):
    def convert(self, value: str) -> str:
        return value.strip("./")

    def to_string(self, value: str) -> str:
        return f".{value}"


def _convertor(allowed: tuple[str, ...]) -> str:
    key = "_".join(("_format_suffix", *allowed))
    if key not in CONVERTOR_TYPES:
        formats = "|".join(map(re.escape, allowed)) if allowed else "[a-z0-9]+"
        kind: type[Any] = type("FormatSuffixConvertor", (_SuffixConvertor,), {"regex": rf"\.(?:{formats})/?"})
        register_url_convertor(key, kind())
    return key
