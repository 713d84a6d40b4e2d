"""From the name of a route to its URL, where there is no request at hand: `reverse()`.

Which routes are meant is found so: `urlconf=`, then those of the request that a view of `path()` is answering, then
those of `set_urlconf()`, which a site sets at its start.
"""

from __future__ import annotations

import importlib
import weakref
from collections import UserString
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode

from vivace.utils.suggest import did_you_mean
from vivace.web.routing import BaseRoute, NoMatchFound, Router, flatten
from vivace.web.routing.router import names_of
from vivace.web.routing.routes import PathRoute, PrefixRoute
from vivace.web.urls.current import current_scope
from vivace.web.urls.routes import Namespaces, ViewRoute
from vivace.web.urls.templates import UNNAMED

# RFC 3986 3.3: what a path may hold as it is; "%" is part of what is quoted already.
_SAFE = "/%~:@!$&'()*+,;="

# What `set_urlconf` has set: one reference, weak where it can be.
_default: list[Callable[[], Any]] = []


class NoReverseMatch(NoMatchFound):
    """`reverse()` knows no such route, or not with these arguments."""

    def __init__(self, message: str, name: str, path_params: dict[str, Any]) -> None:
        super().__init__(name, path_params)
        self.args = (message,)


def set_urlconf(urlconf: Any) -> None:
    """Sets the routes that `reverse()` takes where no request is: an application, router, module or list; or None.

    An application is not kept alive by it.
    """
    try:
        _default[:] = [weakref.ref(urlconf)]
    except TypeError:  # a list, text, None
        _default[:] = [lambda: urlconf]


def get_urlconf() -> Any:
    """What `set_urlconf` has set, or None."""
    return _default[0]() if _default else None


def reverse(
    viewname: str | Callable[..., Any],
    urlconf: Any = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    current_app: str | None = None,
    *,
    query: Mapping[str, Any] | None = None,
    fragment: str | None = None,
) -> str:
    """The path of a route, quoted: `reverse("books:detail", args=[3])`, `reverse("books:detail", kwargs={"pk": 3})`.

    `viewname` is the name of any route, or the function of a view; `urlconf` an application, router, module (or its
    name) or list of routes. Where several instances of an application have the name, `current_app` says which one;
    otherwise it is the one called as the application, or the last. Inside a request the path begins with what the
    application is served under. Raises NoReverseMatch; LookupError when it is not known whose routes are meant.
    See https://docs.djangoproject.com/en/5.2/ref/urlresolvers/#reverse.
    """
    if args and kwargs:
        raise ValueError("reverse() takes args or kwargs, not both.")
    router, prefix = _find_router(urlconf)
    name = viewname if isinstance(viewname, str) else _name_of(router, viewname)
    values = dict(kwargs or {})
    path = None
    for candidate in _candidates(router, name, current_app):
        path = _find(router, candidate, args or (), values)
        if path is not None:
            break
    if path is None:
        raise NoReverseMatch(_explain(router, name, args or (), values), name, values)
    url = quote(prefix + path, safe=_SAFE)
    if query:
        url += "?" + urlencode(query, doseq=True)
    return url if fragment is None else f"{url}#{quote(fragment, safe=_SAFE + '?')}"


class LazyURL(UserString):
    """Text that is found out each time it is used: a URL in the body of a class, before there are routes."""

    def __init__(self, find: Callable[[], str] | str) -> None:
        # Text made of this text ("…" + url) is of this class, too, and is what it is.
        self._find: Callable[[], str] = (lambda: find) if isinstance(find, str) else find

    @property
    def data(self) -> str:  # type: ignore[override]
        return self._find()


def reverse_lazy(viewname: str | Callable[..., Any], *args: Any, **kwargs: Any) -> LazyURL:
    """`reverse()` that happens when the URL is used, for attributes of classes and default values."""
    return LazyURL(lambda: reverse(viewname, *args, **kwargs))


def routes_of(urlconf: Any = None) -> Sequence[BaseRoute]:
    """The routes that `reverse` and `resolve` mean. Raises LookupError."""
    return _find_router(urlconf)[0].routes


def _find_router(urlconf: Any) -> tuple[Router, str]:
    """The router, and what stands before its paths."""
    prefix = ""
    if urlconf is None:
        scope = current_scope.get()
        if scope is not None and "router" in scope:
            urlconf, prefix = scope["router"], scope.get("app_root_path", scope.get("root_path", ""))
        else:
            urlconf = get_urlconf()
    if urlconf is None:
        raise LookupError(
            "reverse() does not know whose routes are meant: there is no request that a view of path() answers. "
            "Say reverse(…, urlconf=app), or set_urlconf(app) once; in a view, request.url_for(…) always knows."
        )
    urlconf = importlib.import_module(urlconf) if isinstance(urlconf, str) else urlconf
    if isinstance(urlconf, ModuleType):
        urlconf = getattr(urlconf, "urlpatterns", None) or urlconf.routes
    urlconf = getattr(urlconf, "router", urlconf)
    return urlconf if isinstance(urlconf, Router) else Router(urlconf), prefix.rstrip("/")


def _name_of(router: Router, view: Callable[..., Any]) -> str:
    for route in flatten(router.routes):
        if isinstance(route, ViewRoute) and route.view is view and route.url_name is not None:
            return route.name
    raise NoReverseMatch(f"reverse(): no route with a name leads to {view!r}.", repr(view), {})


def _candidates(router: Router, name: str, current_app: str | None) -> Iterator[str]:
    """The names to look for, "application:name" turned into "instance:name"."""
    if ":" in name:
        *spaces, last = name.split(":")
        chains = [route.namespaces for route in flatten(router.routes) if isinstance(route, ViewRoute)]
        current = current_app.split(":") if current_app else []
        yield ":".join([*_instances(chains, spaces, current), last])
    yield name


def _instances(chains: Sequence[Namespaces], spaces: Sequence[str], current: Sequence[str]) -> list[str]:
    """https://docs.djangoproject.com/en/5.2/topics/http/urls/#reversing-namespaced-urls"""
    found: list[str] = []
    for depth, space in enumerate(spaces):
        here = [
            chain[depth]
            for chain in chains
            if len(chain) > depth and [instance for _, instance in chain[:depth]] == found
        ]
        instances = [instance for app, instance in here if app == space]
        if depth < len(current) and current[depth] in instances:
            found.append(current[depth])
        elif not instances or space in instances:
            found.append(space)
        else:
            found.append(instances[-1])  # the one that was put there last
    return found


def _find(router: Router, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str | None:
    if args:
        for names in _parameters(router.routes, name):
            if len(names) == len(args):
                found = _try(router, name, dict(zip(names, args, strict=True)))
                if found is not None:
                    return found
        return None
    found = _try(router, name, kwargs)
    if found is None and kwargs:
        for route in flatten(router.routes):
            # What the route itself adds may be named, too, if it is that.
            if isinstance(route, ViewRoute) and route.name == name and route.extra:
                rest = {key: value for key, value in kwargs.items() if route.extra.get(key, _NOTHING) != value}
                found = _try(router, name, rest)
                if found is not None:
                    break
    return found


_NOTHING = object()


def _try(router: Router, name: str, params: dict[str, Any]) -> str | None:
    try:
        found = router.find_url_path(name, params)
    except (ValueError, TypeError):  # a converter that cannot write the value
        return None
    return None if found is None else str(found)


def _parameters(routes: Sequence[BaseRoute], name: str, outer: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The parameters of the routes with this name, in the order in which they stand in the path."""
    for route in flatten(routes):
        if isinstance(route, PathRoute):
            if route.name == name:
                yield from (outer + names for names in _own_parameters(route))
            continue
        below: str | None = name
        prefix = getattr(route, "name", None)
        if prefix:
            below = name[len(prefix) + 1 :] if name.startswith(f"{prefix}:") else None
        if below is not None:
            own = tuple(route.param_convertors)[:-1] if isinstance(route, PrefixRoute) else ()
            yield from _parameters(getattr(route, "routes", None) or (), below, outer + own)


def _own_parameters(route: PathRoute) -> Iterator[tuple[str, ...]]:
    templates = getattr(route, "templates", None)
    if templates is None:
        yield tuple(route.param_convertors)
    else:
        yield from (tuple(template.names) for template in templates)


def _explain(router: Router, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    taken = [
        ", ".join("(by position)" if name.startswith(UNNAMED) else name for name in names) or "no arguments"
        for names in _parameters(router.routes, name)
    ]
    given = f"args {list(args)!r}" if args else f"kwargs {dict(kwargs)!r}" if kwargs else "no arguments"
    if taken:
        return f'reverse("{name}") with {given} fits no route of that name. It takes: {" or ".join(taken)}.'
    known = did_you_mean(name, set(names_of(router.routes)), listed_as="Names")
    return f'reverse("{name}"): there is no route of that name. {known}'
