# cython: annotation_typing=False, auto_pickle=False
"""The routes of a router, compiled into one table: what a request costs does not grow with the number of routes.

It answers exactly as asking every route in order would (`tests/web/routing/test_matcher.py` compares the two):

* Every static path is a key of a dict, whose value is all that can match that path, in order of declaration.
* Paths with parameters are a tree of segments. A segment with parameters is one edge, whatever they are called; a route
  stays at the node below which it may span several segments (`{rest:path}`, a `Mount`, a convertor of the user's).
* What is not one of our routes, or has its own `matches`, is asked at its place in the order.

So a request looks up one key or walks one path down the tree, and tries the few routes found there.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any

from vivace.utils.route_path import get_route_path
from vivace.web.convertors import (
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    SlugConvertor,
    StringConvertor,
    UUIDConvertor,
)
from vivace.web.routing.paths import PARAM_REGEX, compile_path, read_params
from vivace.web.routing.routes import BaseRoute, Match, PathRoute, PrefixRoute, Route, WebSocketRoute, flatten
from vivace.web.types import Receive, Scope, Send

# Convertors that are known never to match a "/".
_ONE_SEGMENT = (StringConvertor, IntegerConvertor, FloatConvertor, UUIDConvertor, SlugConvertor)

_FULL, _PARTIAL, _NONE = Match.FULL, Match.PARTIAL, Match.NONE
_by_position = attrgetter("position")


class Candidate:
    """A route and its place in the order. As such it is asked: for what only the route's own `matches` knows."""

    def __init__(self, position: int, route: BaseRoute) -> None:
        self.position = position
        self.route = route
        self.reads_segments = False
        # A route that leaves `handle` as it is only calls its `app`: without a coroutine in between.
        self.calls_app = type(route).handle in (Route.handle, WebSocketRoute.handle)

    def attempt(self, scope: Scope, path: str, segments: Sequence[str] | None) -> tuple[Match, Scope]:
        """As the route's `matches`, given the path and, to those who read them, its segments."""
        return self.route.matches(scope)

    def enter(self, scope: Scope, path: str, segments: Sequence[str] | None) -> Match:
        """As `attempt`; a scope that matches fully is then the route's."""
        match, child_scope = self.attempt(scope, path, segments)
        if match is _FULL:
            scope["route"] = self.route
            scope.update(child_scope)
        return match

    def answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """What the route does about a scope that has entered."""
        route: Any = self.route
        coroutine: Awaitable[None]
        coroutine = route.app(scope, receive, send) if self.calls_app else route.handle(scope, receive, send)
        return coroutine


class PrefixCandidate(Candidate):
    """A `Mount`."""

    def attempt(self, scope: Scope, path: str, segments: Sequence[str] | None) -> tuple[Match, Scope]:
        route: Any = self.route
        found: tuple[Match, Scope] = route.match_path(scope, path)
        return found


class PathCandidate(Candidate):
    """A route that matches by its path: `read` gives the parameters, or None for a path that is another's."""

    def __init__(self, position: int, route: PathRoute) -> None:
        super().__init__(position, route)
        kind = type(route)
        # Without the two calls, for those who leave both as they are: a third of what a static path costs.
        self.is_plain = kind.child_scope is PathRoute.child_scope and kind.match_method in (
            Route.match_method,
            PathRoute.match_method,
        )
        self.has_methods = kind.match_method is Route.match_method

    def read(self, path: str, segments: Sequence[str] | None) -> dict[str, Any] | None:
        raise NotImplementedError

    def attempt(self, scope: Scope, path: str, segments: Sequence[str] | None) -> tuple[Match, Scope]:
        params = self.read(path, segments)
        if params is None:
            return _NONE, {}
        route: Any = self.route
        return route.match_method(scope), route.child_scope(scope, params)

    def enter(self, scope: Scope, path: str, segments: Sequence[str] | None) -> Match:
        if not self.is_plain:
            return Candidate.enter(self, scope, path, segments)
        params = self.read(path, segments)
        if params is None:
            return _NONE
        route: Any = self.route
        if self.has_methods:
            methods = route.methods
            if methods and scope["method"] not in methods:
                return _PARTIAL
        outer = scope.get("path_params")
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        scope["path_params"] = {**outer, **params} if outer else params
        return _FULL


class StaticCandidate(PathCandidate):
    """A path without parameters, found by its very text."""

    def read(self, path: str, segments: Sequence[str] | None) -> dict[str, Any] | None:
        return {}


class PatternCandidate(PathCandidate):
    """A path with something that only its regular expression can tell apart."""

    def read(self, path: str, segments: Sequence[str] | None) -> dict[str, Any] | None:
        route: Any = self.route
        return read_params(route.path_regex, route.param_convertors, path)


class SegmentCandidate(PathCandidate):
    """A path whose every parameter is a whole segment: read by index, with no regular expression for the path."""

    def __init__(self, position: int, route: PathRoute, readers: list[tuple[str, int, Callable[[str], Any]]]) -> None:
        super().__init__(position, route)
        self.reads_segments = True
        self.readers = readers

    def read(self, path: str, segments: Sequence[str] | None) -> dict[str, Any] | None:
        params = {}
        try:
            for name, index, read in self.readers:
                segment = segments[index]  # type: ignore[index]  # it reads segments
                params[name] = read_integer(segment) if read is read_integer else read(segment)
        except ValueError:
            return None
        return params


class Node:
    """A place in the tree of segments."""

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.parameter: Node | None = None
        self.ends: list[Candidate] = []  # paths that end here
        self.below: list[Candidate] = []  # paths that go on from here in a way the tree does not know

    def child(self, segment: str) -> Node:
        """The place that a segment of a route's path leads to."""
        if PARAM_REGEX.search(segment) is None:
            return self.literals.setdefault(segment, Node())
        if self.parameter is None:
            self.parameter = Node()
        return self.parameter

    def collect(self, segments: list[str], depth: int, found: list[Candidate]) -> None:
        """Add what may match a path whose segments from `depth` on lead on from here."""
        if self.below:
            found += self.below
        if depth == len(segments):
            found += self.ends
            return
        segment = segments[depth]
        literal = self.literals.get(segment)
        if literal is not None:
            literal.collect(segments, depth + 1, found)
        if self.parameter is not None and segment:
            self.parameter.collect(segments, depth + 1, found)


class Table:
    """The routes that one type of connection ("http" or "websocket") can take."""

    def __init__(self, scope_type: str, routes: Sequence[BaseRoute]) -> None:
        self.root = Node()
        self.depth = 0
        self.asked: list[Candidate] = []
        self.static: dict[str, list[Candidate]] = {}
        static: dict[str, list[Candidate]] = {}
        for position, route in enumerate(flatten(routes)):
            if isinstance(route, PrefixRoute) and _is_as_written(route, PrefixRoute, "/{path:path}"):
                self.insert(PrefixCandidate(position, route), route, is_prefix=True)
            elif not isinstance(route, PathRoute) or not _is_as_written(route, PathRoute):
                self.asked.append(Candidate(position, route))
            elif route.scope_type == scope_type and route.param_convertors:
                self.insert(_path_candidate(position, route), route)
            elif route.scope_type == scope_type:
                static.setdefault(route.path, []).append(StaticCandidate(position, route))
        for path, candidates in static.items():
            others = self.walk(path.split("/")) + self.asked
            self.static[path] = sorted(candidates + others, key=_by_position)

    def insert(self, candidate: Candidate, route: PathRoute | PrefixRoute, *, is_prefix: bool = False) -> None:
        """Put a route with parameters, or a mount, into the tree."""
        node, depth = self.root, 0
        for segment in route.path.split("/")[1:]:
            if not _stays_in_segment(segment, route.param_convertors):
                is_prefix = True
                break
            node, depth = node.child(segment), depth + 1
        (node.below if is_prefix else node.ends).append(candidate)
        self.depth = max(self.depth, depth)

    def split(self, path: str) -> list[str]:
        """The segments of a path, the last of them with all that is deeper than any route."""
        # So a path of ten thousand slashes costs no more than the deepest route.
        return path.split("/", self.depth + 1)

    def walk(self, segments: list[str]) -> list[Candidate]:
        """What of the tree may match."""
        found: list[Candidate] = []
        if not segments[0]:  # else a path that does not begin with "/"
            self.root.collect(segments, 1, found)
        return found

    def candidates(self, path: str) -> tuple[list[Candidate], list[str]]:
        """The routes to try for this path, in order, and its segments."""
        segments = self.split(path)
        return self.static.get(path) or self.of_tree(segments), segments

    def of_tree(self, segments: list[str]) -> list[Candidate]:
        """The routes to try for a path that is none of the static ones."""
        found = self.walk(segments)
        if self.asked:
            found += self.asked
        if len(found) > 1:
            found.sort(key=_by_position)
        return found

    def answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None] | None:
        """What the first route that fits wholly answers; the scope is then that route's. None when there is none."""
        path = route_path(scope)
        candidates: list[Candidate] | None = self.static.get(path)
        segments = None
        if candidates is None:
            segments = self.split(path)
            candidates = self.of_tree(segments)
        for candidate in candidates:
            if candidate.reads_segments and segments is None:
                segments = self.split(path)
            if candidate.enter(scope, path, segments) is _FULL:
                return candidate.answer(scope, receive, send)
        return None

    def attempts(self, scope: Scope) -> list[tuple[BaseRoute, Match, Scope]]:
        """The routes that fit a scope, as they are or but for the method: what their `matches` says."""
        path = get_route_path(scope)
        candidates, segments = self.candidates(path)
        found = []
        for candidate in candidates:
            match, child_scope = candidate.attempt(scope, path, segments)
            if match is not _NONE:
                found.append((candidate.route, match, child_scope))
        return found


def route_path(scope: Scope) -> str:
    """`get_route_path`, without the call where nothing is mounted."""
    return get_route_path(scope) if scope.get("root_path") else scope["path"]


def _is_as_written(route: PathRoute | PrefixRoute, base: type[BaseRoute], below: str = "") -> bool:
    """Whether `route` matches as its base class does, by the pattern of its path, and not in a way of its own."""
    return type(route).matches is base.matches and route.path_regex == compile_path(route.path + below)[0]


def _stays_in_segment(segment: str, convertors: dict[str, Convertor[Any]]) -> bool:
    """Whether the parameters in this segment of a route's path, if any, never match a slash."""
    names = [parameter[1] for parameter in PARAM_REGEX.finditer(segment)]
    return all(type(convertors[name]) in _ONE_SEGMENT for name in names)


def _path_candidate(position: int, route: PathRoute) -> PathCandidate:
    readers = []
    for index, segment in enumerate(route.path.split("/")):
        parameter = PARAM_REGEX.fullmatch(segment)
        if parameter is not None and _stays_in_segment(segment, route.param_convertors):
            readers.append((parameter[1], index, _segment_reader(route.param_convertors[parameter[1]])))
        elif PARAM_REGEX.search(segment) is not None:
            return PatternCandidate(position, route)
    return SegmentCandidate(position, route, readers)


def _segment_reader(convertor: Convertor[Any]) -> Callable[[str], Any]:
    """From the text of a segment, never empty, to the parameter; ValueError when it is not one."""
    if type(convertor) is StringConvertor:
        return read_string
    if type(convertor) is IntegerConvertor:
        return read_integer
    fits = re.compile(convertor.regex).fullmatch
    convert = convertor.convert

    def read(segment: str) -> Any:
        if fits(segment) is None:
            raise ValueError(segment)
        return convert(segment)

    return read


def read_string(segment: str) -> str:
    """One segment; no NUL, which fits nowhere."""
    if "\x00" in segment:
        raise ValueError(segment)
    return segment


def read_integer(segment: str) -> int:
    """Digits of ASCII, where `int` alone takes those of every script."""
    for character in segment:
        if not "0" <= character <= "9":
            raise ValueError(segment)
    return int(segment)
