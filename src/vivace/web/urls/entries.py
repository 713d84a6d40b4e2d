"""`path()`, `re_path()` and `include()`: what a list of URLs is made of."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

from vivace.web.routing import BaseRoute, InvalidRouteError, Mount, Route, RouteGroup, WebSocketRoute, compile_path
from vivace.web.urls.patterns import Pattern, RegexPattern, RoutePattern
from vivace.web.urls.routes import Namespaces, RegexViewRoute, ViewRoute


class Included(NamedTuple):
    """What `include()` gives: the patterns, the application's namespace and that of this instance of it."""

    patterns: Sequence[BaseRoute]
    app_name: str | None
    namespace: str | None


def path(
    route: str, view: Callable[..., Any] | Included, kwargs: Mapping[str, Any] | None = None, name: str | None = None
) -> URLEntry:
    """A view at a path: `path("books/<int:pk>/", views.book, name="book")`; or those of `include()` below it.

    There is no slash in front. `<pk>` is one segment; `<int:pk>`, `<slug:…>`, `<uuid:…>`, `<path:…>` (the rest) and
    converters of your own convert it. The view, async or plain, is called as `view(request, pk=3, **kwargs)` with any
    method (`require_GET` and its kin say otherwise); a class is an ASGI application. Raises InvalidRouteError.
    See https://docs.djangoproject.com/en/5.2/ref/urls/.
    """
    return _entry(RoutePattern(route), view, kwargs, name)


def re_path(
    route: str, view: Callable[..., Any] | Included, kwargs: Mapping[str, Any] | None = None, name: str | None = None
) -> URLEntry:
    """As `path()`, with a regular expression: `re_path(r"^books/(?P<year>[0-9]{4})/$", views.year)`.

    The view gets named groups by name, and if there are none, the others by position; as text. Such a route is asked at
    its place in the order, and so costs each request that comes by.
    """
    return _entry(RegexPattern(route), view, kwargs, name)


def include(arg: str | ModuleType | Sequence[BaseRoute] | tuple[Any, str], namespace: str | None = None) -> Included:
    """The URLs of an application, to go below a path: a module, its dotted name, a list, or `(list, app_name)`.

    A module has `urlpatterns` (or `routes`), and an `app_name` if its names are to be "app_name:name"; `namespace`
    tells two instances of it apart. Raises InvalidRouteError, ImportError.
    """
    target: Any = arg
    app_name: str | None = None
    if isinstance(arg, tuple):
        if len(arg) != 2:
            raise InvalidRouteError(
                f"include() takes a module, a list, or a pair of a list and the application's name, got {arg!r}."
            )
        target, app_name = arg[0], str(arg[1])
    if isinstance(target, str):
        target = importlib.import_module(target)
    patterns = target if isinstance(target, list | tuple) else _patterns_of(target)
    app_name = getattr(target, "app_name", app_name)
    if namespace is not None and app_name is None:
        raise InvalidRouteError(
            f'include(…, namespace={namespace!r}) needs the name of the application: set app_name = "{namespace}" in '
            f'its module, or write include((patterns, "{namespace}"), namespace={namespace!r}).'
        )
    for entry in patterns:
        if not isinstance(entry, BaseRoute):
            raise InvalidRouteError(f"include() holds {entry!r}, which is no route; path() and re_path() make them.")
    return Included(patterns, app_name, namespace or app_name)


def _patterns_of(target: Any) -> Sequence[BaseRoute]:
    for name in ("urlpatterns", "routes"):
        patterns: Sequence[BaseRoute] | None = getattr(target, name, None)
        if patterns is not None:
            return patterns
    named = getattr(target, "__name__", repr(target))
    raise InvalidRouteError(f'include(): "{named}" has no urlpatterns, a list of path() and re_path().')


class URLEntry(RouteGroup):
    """One line of `urlpatterns`: where it stands, it is the routes that it makes."""

    def __init__(self, pattern: Pattern, extra: Mapping[str, Any]) -> None:
        self.pattern = pattern
        self.extra = dict(extra)

    @cached_property
    def routes(self) -> Sequence[BaseRoute]:
        return self.build((), (), {})

    def build(
        self, outer: tuple[Pattern, ...], namespaces: Namespaces, extra: Mapping[str, Any]
    ) -> Sequence[BaseRoute]:
        """The routes below the patterns of the entries around this one, in their namespaces."""
        raise NotImplementedError


class URLPattern(URLEntry):
    """A view at a path."""

    def __init__(self, pattern: Pattern, view: Callable[..., Any], extra: Mapping[str, Any], name: str | None) -> None:
        super().__init__(pattern, extra)
        self.view = view
        self.name = name

    def build(
        self, outer: tuple[Pattern, ...], namespaces: Namespaces, extra: Mapping[str, Any]
    ) -> Sequence[BaseRoute]:
        patterns = (*outer, self.pattern)
        names = [name for pattern in patterns for name in pattern.converters]
        # A name that is there twice means the inner one, which the path of a `Route` cannot say.
        is_plain = all(pattern.as_path is not None for pattern in patterns) and len(set(names)) == len(names)
        kind = ViewRoute if is_plain else RegexViewRoute
        return [kind(patterns, self.view, url_name=self.name, extra={**extra, **self.extra}, namespaces=namespaces)]

    def __repr__(self) -> str:
        return f"path({self.pattern.text!r}, …, name={self.name!r})"


class URLResolver(URLEntry):
    """The URLs of an application below a path."""

    def __init__(self, pattern: Pattern, included: Included, extra: Mapping[str, Any]) -> None:
        super().__init__(pattern, extra)
        self.included = included

    def build(
        self, outer: tuple[Pattern, ...], namespaces: Namespaces, extra: Mapping[str, Any]
    ) -> Sequence[BaseRoute]:
        patterns = (*outer, self.pattern)
        if self.included.namespace is not None:
            namespaces = (*namespaces, (self.included.app_name or self.included.namespace, self.included.namespace))
        extra = {**extra, **self.extra}
        routes: list[BaseRoute] = []
        for entry in self.included.patterns:
            if isinstance(entry, URLEntry):
                routes += entry.build(patterns, namespaces, extra)
            else:
                routes.append(_below(patterns, namespaces, entry))
        return routes

    def __repr__(self) -> str:
        return f"path({self.pattern.text!r}, include(…, namespace={self.included.namespace!r}))"


def _entry(
    pattern: Pattern, view: Callable[..., Any] | Included, kwargs: Mapping[str, Any] | None, name: str | None
) -> URLEntry:
    asked = f"path({pattern.text!r})"
    if isinstance(view, tuple):
        if len(view) != 3:  # as include() gives, and as other packages keep it ready (`site.urls`)
            raise InvalidRouteError(f"{asked}: a list of URLs goes through include(), got {view!r}.")
        if name is not None:
            raise InvalidRouteError(f"{asked}: name={name!r} is a view's; include(…, namespace={name!r}) names URLs.")
        return URLResolver(pattern, Included(*view), kwargs or {})
    if isinstance(view, list):
        raise InvalidRouteError(f"{asked}: a list of URLs goes through include().")
    if inspect.isclass(view) and hasattr(view, "as_view"):
        raise InvalidRouteError(f"{asked}: a view class is given as {view.__name__}.as_view().")
    if not callable(view):
        raise InvalidRouteError(f"{asked}: the view must be callable, or an include(), got {view!r}.")
    return URLPattern(pattern, view, kwargs or {}, name)


def _below(patterns: Sequence[Pattern], namespaces: Namespaces, route: BaseRoute) -> BaseRoute:
    """A route of another kind as it is below these patterns, with its name in these namespaces."""
    paths = [pattern.as_path for pattern in patterns]
    if not isinstance(route, Route | WebSocketRoute | Mount) or None in paths:
        raise InvalidRouteError(
            f"include() cannot put {route!r} below {''.join(pattern.text for pattern in patterns)!r}: only Route, "
            "WebSocketRoute and Mount, and only below path()."
        )
    prefix = "".join(path or "" for path in paths).rstrip("/")
    below = copy.copy(route)
    below.path = f"/{prefix}{route.path}" if prefix else route.path
    pattern = below.path + "/{path:path}" if isinstance(below, Mount) else below.path
    below.path_regex, below.path_format, below.param_convertors = compile_path(pattern)
    if isinstance(below, Mount):
        below.is_literal = len(below.param_convertors) == 1
    if below.name is not None:
        below.name = ":".join([*(instance for _, instance in namespaces), below.name])
    return below
