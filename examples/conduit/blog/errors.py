"""Errors as Conduit's clients expect them: 422 for refused values, and `{"errors": {"title": ["…"]}}` for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.rest import exceptions, views
from vivace.rest.response import Response


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Any:
    """What the framework answers, with its errors below `errors`."""
    if isinstance(exc, exceptions.ValidationError | exceptions.ParseError):
        exc.status_code = 422
    response = views.exception_handler(exc, context)
    if isinstance(response, Response):
        data: Any = response.data
        is_by_field = isinstance(exc, exceptions.ValidationError) and isinstance(data, Mapping)
        response.data = {"errors": data if is_by_field else {"body": _messages(data)}}
    return response


def _messages(data: Any) -> list[Any]:
    found = data.get("detail") if isinstance(data, Mapping) else data
    return found if isinstance(found, list) else [found]
