"""What `path()` and `re_path()` become: routes that call `view(request, **parameters)`."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from vivace.utils.route_path import get_route_path
from vivace.web._utils import is_async_callable
from vivace.web.datastructures import URLPath
from vivace.web.requests import Request
from vivace.web.routing import InvalidRouteError, Match, NoMatchFound, Route
from vivace.web.routing.paths import quote_meaning
from vivace.web.routing.routes import PathRoute, get_name, request_response
from vivace.web.types import ASGIApp, Receive, Scope, Send
from vivace.web.urls.current import current_scope
from vivace.web.urls.patterns import Pattern
from vivace.web.urls.templates import Template

View = Callable[..., Any]
# The namespaces that a route is in, outermost first: name of the application, name of this instance of it.
Namespaces = tuple[tuple[str, str], ...]

UNNAMED_KEY = "vivace.unnamed_parameters"


class ViewRoute(Route):
    """A route of converters alone: found in the router's table as any other."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        view: View,
        *,
        url_name: str | None,
        extra: Mapping[str, Any],
        namespaces: Namespaces = (),
    ) -> None:
        self.view = view
        self.url_name = url_name
        self.extra = dict(extra)
        self.namespaces = namespaces
        self.text = "/" + "".join(pattern.text for pattern in patterns)
        name = "" if url_name is None else ":".join([*(instance for _, instance in namespaces), url_name])
        self._set_path(patterns, name)
        self.include_in_schema = True
        self.methods = None
        # A class is an ASGI application, as in a `Route`.
        self.app = _app_of(view, self.extra)

    def _set_path(self, patterns: Sequence[Pattern], name: str) -> None:
        as_path = "/" + "".join(pattern.as_path or "" for pattern in patterns)
        if as_path.startswith("//"):
            raise InvalidRouteError(
                f'path({self.text[1:]!r}): the first slash of a path is not written; try "{self.text.lstrip("/")}".'
            )
        PathRoute.__init__(self, as_path, self.view, name)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = current_scope.set(scope)
        try:
            await self.app(scope, receive, send)
        finally:
            current_scope.reset(before)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r}, {get_name(self.view)}, name={self.name!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ViewRoute)
            and (self.text, self.name, self.view) == (other.text, other.name, other.view)
            and self.extra == other.extra
        )

    __hash__ = Route.__hash__


class RegexViewRoute(ViewRoute):
    """A route with a regular expression in it: asked at its place in the order."""

    def _set_path(self, patterns: Sequence[Pattern], name: str) -> None:
        self.path = self.path_format = self.text
        self.endpoint = self.view
        self.name = name
        self.patterns = tuple(patterns)
        self.param_convertors = {}
        for pattern in patterns:
            self.param_convertors |= pattern.converters
        self.path_regex = re.compile(r"(?!)")  # the patterns are matched one after another
        ways = product(*(pattern.templates for pattern in patterns))
        self.templates = [Template.joined(way) for way in ways]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != self.scope_type:
            return Match.NONE, {}
        path = get_route_path(scope)
        found = self._match_patterns(path[1:]) if path.startswith("/") else None
        if found is None:
            return Match.NONE, {}
        unnamed, named = found
        return Match.FULL, {**self.child_scope(scope, named), UNNAMED_KEY: unnamed}

    def _match_patterns(self, rest: str) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        args: tuple[Any, ...] = ()
        kwargs: dict[str, Any] = {}
        for index, pattern in enumerate(self.patterns, start=1):
            found = pattern.match(rest, is_end=index == len(self.patterns))
            if found is None:
                return None
            rest, more_args, more_kwargs = found
            args += more_args
            kwargs |= more_kwargs
        # Named parameters leave no room for others, wherever they are.
        return (() if kwargs or self.extra else args), kwargs

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if self.url_name is not None and name == self.name:
            for template in self.templates:
                if set(template.names) == path_params.keys():
                    path = self._write(template, path_params)
                    if path is not None:
                        return URLPath(path=path, protocol="http")
        raise NoMatchFound(name, path_params)

    def _write(self, template: Template, path_params: Mapping[str, Any]) -> str | None:
        try:
            texts = {
                key: self.param_convertors[key].to_string(value) if key in self.param_convertors else str(value)
                for key, value in path_params.items()
            }
        except ValueError:
            return None
        if self._match_patterns(template.write(texts)) is None:
            return None  # the values are not what the expression takes
        return "/" + template.write({key: quote_meaning(text) for key, text in texts.items()})


def _app_of(view: View, extra: Mapping[str, Any]) -> ASGIApp:
    return view if inspect.isclass(view) else request_response(_with_parameters(view, extra))  # type: ignore[return-value]


def _with_parameters(view: View, extra: Mapping[str, Any]) -> Callable[[Request], Any]:
    """`view(request, **parameters)` as a function of the request alone."""
    if is_async_callable(view):

        async def call(request: Request) -> Any:
            args, kwargs = _parameters(request, extra)
            return await view(request, *args, **kwargs)

        return functools.update_wrapper(call, view) if hasattr(view, "__name__") else call

    def call_plain(request: Request) -> Any:
        args, kwargs = _parameters(request, extra)
        return view(request, *args, **kwargs)

    return functools.update_wrapper(call_plain, view) if hasattr(view, "__name__") else call_plain


def _parameters(request: Request, extra: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    return request.scope.get(UNNAMED_KEY, ()), {**request.path_params, **extra}
