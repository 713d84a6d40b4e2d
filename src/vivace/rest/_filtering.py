"""What filters have in common: their base, and what a lookup's path leads over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vivace.orm import Q
from vivace.orm.exceptions import FieldDoesNotExist
from vivace.rest._models import is_to_many
from vivace.rest.request import Request


class BaseFilterBackend:
    """Changes a list's queryset by the request."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        """The changed queryset. Raises ValidationError for values that make no sense."""
        raise NotImplementedError(f"{type(self).__name__}.filter_queryset() is needed")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The OpenAPI parameters that this backend reads."""
        return []


def condition(lookup: str, value: Any) -> Q:
    kwargs: dict[str, Any] = {lookup: value}
    return Q(**kwargs)


def steps(model: Any, path: str) -> Iterator[Any]:
    """The fields and relations along a lookup, up to the first name that is none (a lookup or transform)."""
    for name in path.split("__"):
        if model is None:
            return
        try:
            field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        except FieldDoesNotExist:
            return
        yield field
        model = field.related_model


def target(model: Any, path: str) -> Any:
    """The field a lookup ends at. Raises FieldDoesNotExist, which is the project's mistake."""
    found = list(steps(model, path))
    if len(found) != len(path.split("__")):
        last = found[-1].related_model if found else model
        last._meta.get_field(path.split("__")[len(found)])
    return found[-1]


def names_lookup(model: Any, path: str) -> bool:
    return len(list(steps(model, path))) < len(path.split("__"))


def crosses_many(model: Any, path: str) -> bool:
    return any(is_to_many(field) for field in steps(model, path))


def parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    described = {"name": name, "in": "query", "required": False, "schema": schema}
    return {**described, "description": description} if description else described
