"""From a path to the view that answers it, without a request: `resolve()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from vivace.web.exceptions import HTTPException
from vivace.web.routing import BaseRoute, Match, flatten, get_name
from vivace.web.types import Scope
from vivace.web.urls.reversing import routes_of
from vivace.web.urls.routes import UNNAMED_KEY, ViewRoute


class Resolver404(HTTPException):
    """No view answers the path: 404, if a view lets it out."""

    def __init__(self, path: str) -> None:
        super().__init__(404, f"No URL matches {path!r}.")
        self.path = path


@dataclass(frozen=True, slots=True)
class ResolverMatch:
    """The view for a path, with what it is called with. Unpacks to `func, args, kwargs`."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    url_name: str | None
    app_names: list[str]
    namespaces: list[str]
    route: str

    @property
    def namespace(self) -> str:
        return ":".join(self.namespaces)

    @property
    def app_name(self) -> str:
        return ":".join(self.app_names)

    @property
    def view_name(self) -> str:
        """The name for `reverse()`."""
        return ":".join([*self.namespaces, self.url_name or get_name(self.func)])

    def __iter__(self) -> Any:
        return iter((self.func, self.args, self.kwargs))


def resolve(path: str, urlconf: Any = None) -> ResolverMatch:
    """The view of `path()` that answers GET requests for a path. Raises Resolver404.

    `urlconf` as for `reverse()`. Routes of other kinds before it are asked, too: what they answer is a Resolver404.
    """
    decoded = unquote(path)
    for route in flatten(routes_of(urlconf)):
        scope = {"type": "http", "method": "GET", "path": decoded, "root_path": "", "headers": [], "path_params": {}}
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return _match(route, child_scope, path)
    raise Resolver404(path)


def _match(route: BaseRoute, scope: Scope, path: str) -> ResolverMatch:
    if not isinstance(route, ViewRoute):
        raise Resolver404(path)
    return ResolverMatch(
        func=route.view,
        args=tuple(scope.get(UNNAMED_KEY, ())),
        kwargs={**scope["path_params"], **route.extra},
        url_name=route.url_name,
        app_names=[app for app, _ in route.namespaces],
        namespaces=[instance for _, instance in route.namespaces],
        route=route.text[1:],
    )
