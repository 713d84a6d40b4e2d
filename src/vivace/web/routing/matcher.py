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
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from vivace.web.convertors import (
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    SlugConvertor,
    StringConvertor,
    UUIDConvertor,
)
from vivace.web.routing.paths import PARAM_REGEX, compile_path, read_params
from vivace.web.routing.routes import BaseRoute, Match, PathRoute, PrefixRoute, flatten
from vivace.web.types import Scope

# Convertors that are known never to match a "/".
_ONE_SEGMENT = (StringConvertor, IntegerConvertor, FloatConvertor, UUIDConvertor, SlugConvertor)

_FULL, _NONE = Match.FULL, Match.NONE
_by_position = attrgetter("position")


class Candidate:
    """A route and its place in the order; `attempt` is its `matches`, given the path and its segments."""

    __slots__ = ("position", "route")

    def __init__(self, position: int, route: BaseRoute) -> None:
        self.position = position
        self.route = route

    def attempt(self, scope: Scope, path: str, segments: Sequence[str]) -> tuple[Match, Scope]:
        return self.route.matches(scope)


class _PrefixCandidate(Candidate):
    __slots__ = ()
    route: PrefixRoute

    def attempt(self, scope: Scope, path: str, segments: Sequence[str]) -> tuple[Match, Scope]:
        return self.route.match_path(scope, path)


class _StaticCandidate(Candidate):
    """A path without parameters, found by its very text."""

    __slots__ = ()
    route: PathRoute

    def attempt(self, scope: Scope, path: str, segments: Sequence[str]) -> tuple[Match, Scope]:
        return self.route.match_method(scope), self.route.child_scope(scope, {})


class _PatternCandidate(Candidate):
    """A path with something that only its regular expression can tell apart."""

    __slots__ = ()
    route: PathRoute

    def attempt(self, scope: Scope, path: str, segments: Sequence[str]) -> tuple[Match, Scope]:
        route = self.route
        params = read_params(route.path_regex, route.param_convertors, path)
        if params is None:
            return _NONE, {}
        return route.match_method(scope), route.child_scope(scope, params)


class _SegmentCandidate(Candidate):
    """A path whose every parameter is a whole segment: read by index, with no regular expression for the path."""

    __slots__ = ("readers",)
    route: PathRoute

    def __init__(self, position: int, route: BaseRoute, readers: list[tuple[str, int, Callable[[str], Any]]]) -> None:
        super().__init__(position, route)
        self.readers = readers

    def attempt(self, scope: Scope, path: str, segments: Sequence[str]) -> tuple[Match, Scope]:
        params = {}
        try:
            for name, index, read in self.readers:
                params[name] = read(segments[index])
        except ValueError:
            return _NONE, {}
        return self.route.match_method(scope), self.route.child_scope(scope, params)


class _Node:
    """A place in the tree of segments."""

    __slots__ = ("below", "ends", "literals", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.ends: list[Candidate] = []  # paths that end here
        self.below: list[Candidate] = []  # paths that go on from here in a way the tree does not know

    def child(self, segment: str) -> _Node:
        if PARAM_REGEX.search(segment) is None:
            return self.literals.setdefault(segment, _Node())
        if self.parameter is None:
            self.parameter = _Node()
        return self.parameter


class Table:
    """The routes that one type of connection ("http" or "websocket") can take."""

    def __init__(self, scope_type: str, routes: Sequence[BaseRoute]) -> None:
        self._root = _Node()
        self._depth = 0
        self._asked: list[Candidate] = []
        static: dict[str, list[Candidate]] = {}
        for position, route in enumerate(flatten(routes)):
            if isinstance(route, PrefixRoute) and _is_as_written(route, PrefixRoute, "/{path:path}"):
                self._insert(_PrefixCandidate(position, route), route, is_prefix=True)
            elif not isinstance(route, PathRoute) or not _is_as_written(route, PathRoute):
                self._asked.append(Candidate(position, route))
            elif route.scope_type == scope_type and route.param_convertors:
                self._insert(_path_candidate(position, route), route)
            elif route.scope_type == scope_type:
                static.setdefault(route.path, []).append(_StaticCandidate(position, route))
        self._static = {
            path: tuple(sorted(candidates + self._walk(path.split("/")) + self._asked, key=_by_position))
            for path, candidates in static.items()
        }

    def candidates(self, path: str) -> tuple[Sequence[Candidate], Sequence[str]]:
        """The routes to try for this path, in order, and its segments."""
        known = self._static.get(path)
        # The depth bounds the split: a path of ten thousand slashes costs no more than the deepest route.
        segments = path.split("/", self._depth + 1)
        if known is not None:
            return known, segments
        found = self._walk(segments)
        if self._asked:
            found += self._asked
        if len(found) > 1:
            found.sort(key=_by_position)
        return found, segments

    def _insert(self, candidate: Candidate, route: PathRoute | PrefixRoute, *, is_prefix: bool = False) -> None:
        node, depth = self._root, 0
        for segment in route.path.split("/")[1:]:
            if not _stays_in_segment(segment, route.param_convertors):
                is_prefix = True
                break
            node, depth = node.child(segment), depth + 1
        (node.below if is_prefix else node.ends).append(candidate)
        self._depth = max(self._depth, depth)

    def _walk(self, segments: Sequence[str]) -> list[Candidate]:
        found: list[Candidate] = []
        if segments[0]:  # a path that does not begin with "/"
            return found
        count = len(segments)
        todo = [(self._root, 1)]
        while todo:
            node, depth = todo.pop()
            if node.below:
                found += node.below
            if depth == count:
                found += node.ends
                continue
            segment = segments[depth]
            literal = node.literals.get(segment)
            if literal is not None:
                todo.append((literal, depth + 1))
            if node.parameter is not None and segment:
                todo.append((node.parameter, depth + 1))
        return found


def _is_as_written(route: PathRoute | PrefixRoute, base: type[BaseRoute], below: str = "") -> bool:
    """Whether `route` matches as its base class does, by the pattern of its path, and not in a way of its own."""
    return type(route).matches is base.matches and route.path_regex == compile_path(route.path + below)[0]


def _stays_in_segment(segment: str, convertors: dict[str, Convertor[Any]]) -> bool:
    """Whether the parameters in this segment of a route's path, if any, never match a slash."""
    names = [parameter[1] for parameter in PARAM_REGEX.finditer(segment)]
    return all(type(convertors[name]) in _ONE_SEGMENT for name in names)


def _path_candidate(position: int, route: PathRoute) -> Candidate:
    readers = []
    for index, segment in enumerate(route.path.split("/")):
        parameter = PARAM_REGEX.fullmatch(segment)
        if parameter is not None and _stays_in_segment(segment, route.param_convertors):
            readers.append((parameter[1], index, _segment_reader(route.param_convertors[parameter[1]])))
        elif PARAM_REGEX.search(segment) is not None:
            return _PatternCandidate(position, route)
    return _SegmentCandidate(position, route, readers)


def _segment_reader(convertor: Convertor[Any]) -> Callable[[str], Any]:
    """From the text of a segment, never empty, to the parameter; ValueError when it is not one."""
    if type(convertor) is StringConvertor:
        return _read_string
    if type(convertor) is IntegerConvertor:
        return _read_integer
    fits = re.compile(convertor.regex).fullmatch
    convert = convertor.convert

    def read(segment: str) -> Any:
        if fits(segment) is None:
            raise ValueError(segment)
        return convert(segment)

    return read


def _read_string(segment: str) -> str:
    if "\x00" in segment:
        raise ValueError(segment)
    return segment


def _read_integer(segment: str) -> int:
    if not (segment.isascii() and segment.isdigit()):
        raise ValueError(segment)
    return int(segment)
