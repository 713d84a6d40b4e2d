"""`API`: what a site publishes at /api/, collected by `register` and put together when the site is set up."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Registration:
    """One `register` call: a model or viewset under a prefix."""

    prefix: str
    target: type[Any]
    basename: str | None


class API:
    """Registrations of models and viewsets.

        app.api.register("books", Book)          # a model: list and detail, read-only
        app.api.register("books", BookViewSet)   # a viewset: what it allows

    An installed app has one of its own, `api = API()` in its `api.py`; the site's `app.api` takes them all in.
    """

    def __init__(self) -> None:
        self._registrations: dict[str, Registration] = {}

    def register(self, prefix: str, target: type[Any], *, basename: str | None = None) -> None:
        """Publish a model or a viewset class at `/api/{prefix}/`. `basename` starts its route names.

        A model is published read-only and without its secret fields; write a viewset to allow more. Raises TypeError
        for anything else, ValueError for a prefix that is taken.
        """
        prefix = prefix.strip("/")
        if not inspect.isclass(target) or not (is_model(target) or hasattr(target, "as_view")):
            raise TypeError(f"api.register({prefix!r}, …) takes a model or a viewset class, got {target!r}.")
        other = self._registrations.get(prefix)
        if other is not None and other.target is not target:
            raise ValueError(
                f"/api/{prefix}/ is taken by {other.target.__name__}; register {target.__name__} elsewhere."
            )
        self._registrations[prefix] = Registration(prefix, target, basename)

    def include(self, other: API) -> None:
        """Take in another API's registrations."""
        for registration in other:
            self.register(registration.prefix, registration.target, basename=registration.basename)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registrations.values())

    def __len__(self) -> int:
        return len(self._registrations)

    def __repr__(self) -> str:
        return f"<API {', '.join(self._registrations) or 'empty'}>"


def is_model(target: type[Any]) -> bool:
    """Whether a class is a model, told without importing the ORM."""
    return hasattr(target, "_meta") and hasattr(target, "objects")
