"""Related objects: are they there, and the queries that fetch those that are not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vivace.rest.fields.base import call_if_simple


def items_of(value: Any, name: str) -> Iterable[Any]:
    """The loaded objects of a to-many relation, a queryset or any iterable."""
    items: Iterable[Any] = call_if_simple(value, name) if callable(value) else value
    return items


def plan(queryset: Any, serializer: Any) -> Any:
    """`queryset` with everything loaded that `serializer` shows."""
    return queryset


async def load(serializer: Any, instance: Any) -> Any:
    """`instance` with everything loaded that `serializer` shows."""
    return instance
