"""`API`: what a site publishes at /api/, registered or declared, put together when the site is set up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from vivace.rest.functions import APIRouter

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type[Any])


@dataclass(frozen=True, slots=True)
class Registration:
    """One `register` call: a model or viewset under a prefix."""

    prefix: str
    target: type[Any]
    basename: str | None


class API:
    """Models, viewsets and typed functions.

        app.api.register("books", Book)          # a model: list and detail, read-only
        app.api.register("books", BookViewSet)   # a viewset: what it allows

        @app.api.get("/books/{id}/price")        # a function, by its types: see vivace.rest.functions
        async def price(id: int) -> Decimal: ...

    An installed app has one of its own, `api = API()` in its `api.py`; the site's `app.api` takes them all in.
    """

    def __init__(self) -> None:
        self._registrations: dict[str, Registration] = {}
        self._functions: APIRouter | None = None
        self._webhooks: APIRouter | None = None
        self._description: dict[str, Any] = {}

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

    def include(self, other: API | APIRouter, **options: Any) -> None:
        """Take in another API, or a router of typed functions with the options of `APIRouter.include_router`."""
        if not isinstance(other, API):
            self.functions.include_router(other, **options)
            return
        if options and len(other._registrations):
            raise TypeError(f"api.include({', '.join(options)}): these are for routers of typed functions.")
        for registration in other:
            self.register(registration.prefix, registration.target, basename=registration.basename)
        if other._functions is not None:
            self.functions.include_router(other._functions, **options)
        if other._webhooks is not None:
            self.webhooks.include_router(other._webhooks)

    def describe(self, **options: Any) -> None:
        """What the OpenAPI document says beside the operations: `title`, `version`, `description`, `servers`, `tags`, …

        The names are those of `vivace.rest.openapi.Options`; another one is an error when the site is set up. What an
        installed app's API says is its own: the site's counts.
        """
        self._description.update(options)

    @property
    def description(self) -> Mapping[str, Any]:
        """What `describe()` was told."""
        return self._description

    # Typed functions

    @property
    def functions(self) -> APIRouter:
        """The router of the typed functions, made when it is first asked for: a site without any needs no REST."""
        if self._functions is None:
            self._functions = _new_router()
        return self._functions

    @property
    def webhooks(self) -> APIRouter:
        """Functions that describe what the site calls elsewhere: they are documented, and answer nothing."""
        if self._webhooks is None:
            self._webhooks = _new_router()
        return self._webhooks

    @property
    def has_webhooks(self) -> bool:
        """Whether any webhook is described."""
        return self._webhooks is not None and bool(self._webhooks.routes)

    @property
    def dependency_overrides(self) -> dict[Callable[..., Any], Callable[..., Any]]:
        """For tests: functions that are called in place of dependencies."""
        return self.functions.dependency_overrides

    def api_route(
        self, path: str, *, methods: Collection[str] = ("GET",), **options: Any
    ) -> Callable[[Function], Function]:
        """As `APIRouter.api_route`, whose options those below take too."""
        return self.functions.api_route(path, methods=methods, **options)

    def get(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.api.get("/items/{id}")`: the function answers GET and HEAD."""
        return self.functions.get(path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.api.post("/items", status_code=201)`: the function answers POST."""
        return self.functions.post(path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.api.put("/items/{id}")`: the function answers PUT."""
        return self.functions.put(path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.api.patch("/items/{id}")`: the function answers PATCH."""
        return self.functions.patch(path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """`@app.api.delete("/items/{id}", status_code=204)`: the function answers DELETE."""
        return self.functions.delete(path, **options)

    def websocket(
        self, path: str, name: str | None = None, *, dependencies: Sequence[Any] | None = None
    ) -> Callable[[Function], Function]:
        """`@app.api.websocket("/chat/{room}")`: the function answers WebSockets."""
        return self.functions.websocket(path, name, dependencies=dependencies)

    def controller(self, prefix: str = "", **options: Any) -> Callable[[Class], Class]:
        """`@app.api.controller("/items")` over a class whose methods answer; see `APIRouter.controller`."""
        return self.functions.controller(prefix, **options)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registrations.values())

    def __len__(self) -> int:
        functions = 0 if self._functions is None else len(self._functions.routes)
        return len(self._registrations) + functions

    def __repr__(self) -> str:
        functions = [] if self._functions is None else [str(route) for route in self._functions.routes]
        return f"<API {', '.join([*self._registrations, *functions]) or 'empty'}>"


def _new_router() -> APIRouter:
    from vivace.rest.functions import APIRouter

    return APIRouter()


def is_model(target: type[Any]) -> bool:
    """Whether a class is a model, told without importing the ORM."""
    return hasattr(target, "_meta") and hasattr(target, "objects")
