"""The compiled table answers as the plain linear scan does, ours and Starlette's, for whatever routes and paths."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
import starlette.routing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivace.utils.route_path import get_route_path
from vivace.web.responses import PlainTextResponse
from vivace.web.routing import BaseRoute, Host, Match, Mount, Route, RouteGroup, Router, WebSocketRoute, flatten
from vivace.web.routing._matcher_cy import Candidate, Table
from vivace.web.types import Message, Receive, Scope, Send

# What segments of routes and of requests are made of; few, so that they meet.
ROUTE_SEGMENTS = [
    "a",
    "b",
    "",
    "{p}",
    "{p:int}",
    "{p:float}",
    "{p:uuid}",
    "{p:path}",
    "{p}.json",
    "v{p:int}",
    "a.b",
    "é",
]
UUID = "ec38df32-ceda-4cfa-9b4a-1aeb94ad551a"
PATH_SEGMENTS = ["a", "b", "", "1", "01", "2.5", "x.json", "v3", "a.b", "axb", "é", UUID, "\u0661", "9" * 5000]
METHODS = [None, ["GET"], ["POST"], ["GET", "PUT"]]


class _Taken(Exception):
    def __init__(self, route: Any, scope: Scope) -> None:
        self.route = route
        self.scope = scope


class _RecordingRoute(Route):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise _Taken(self, scope)


class _RecordingWebSocketRoute(WebSocketRoute):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise _Taken(self, scope)


class _RecordingMount(Mount):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise _Taken(self, scope)


class _ByLength(BaseRoute):
    """A route of a user's own, that only its `matches` can explain."""

    def __init__(self, length: int) -> None:
        self.length = length

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_mine = len(get_route_path(scope)) == self.length
        return (Match.FULL if is_mine else Match.NONE), {"endpoint": self, "path_params": {}}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise _Taken(self, scope)


class _OnlyOnMonday(_RecordingRoute):
    """A route whose class has a say in what matches."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        return (match if scope.get("day") == "monday" else Match.NONE), child_scope


class _Group(RouteGroup):
    """Routes that stand at one place in the order."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return self._routes


def _make_path(segments: Sequence[str]) -> str:
    return "/" + "/".join(segment.replace("{p", f"{{p{index}") for index, segment in enumerate(segments))


async def _no_app(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("every route records")


route_paths = st.lists(st.sampled_from(ROUTE_SEGMENTS), min_size=1, max_size=3).map(_make_path)
single_routes = st.one_of(
    st.builds(
        lambda path, methods: _RecordingRoute(path, _no_app, methods=methods), route_paths, st.sampled_from(METHODS)
    ),
    st.builds(lambda path: _RecordingWebSocketRoute(path, _no_app), route_paths),
    st.builds(lambda path: _RecordingMount(path, app=_no_app), route_paths.filter(lambda path: ":path" not in path)),
    st.builds(lambda path: _OnlyOnMonday(path, _no_app), route_paths),
    st.builds(_ByLength, st.integers(1, 6)),
)
routes = single_routes | st.builds(_Group, st.lists(single_routes, max_size=3))
request_paths = st.one_of(
    st.lists(st.sampled_from(PATH_SEGMENTS), min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments)),
    st.text(alphabet="/ab1{}.\n\x00" + string.ascii_lowercase, max_size=12),
)
scopes = st.builds(
    lambda path, method, kind, day, root: {
        "type": kind,
        "method": method,
        "path": root + path,
        "root_path": root,
        "day": day,
        "headers": [],
        "query_string": b"",
        "server": ("testserver", 80),
        "scheme": "http",
        "path_params": {"outer": 1},
    },
    request_paths,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    st.sampled_from(["http", "http", "http", "websocket"]),
    st.sampled_from(["monday", "sunday"]),
    st.sampled_from(["", "/root", "/a"]),
)


def _linear_scan(table: Sequence[BaseRoute], scope: Scope) -> tuple[str, Any, Any]:
    """Every route in order, as Starlette does it."""
    partial = None
    for route in flatten(table):
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return "taken", route, child_scope
        if match is Match.PARTIAL and partial is None:
            partial = route, child_scope
    if partial is not None:
        return "taken", *partial
    path = get_route_path(scope)
    if scope["type"] == "http" and path != "/":
        other = scope["path"].rstrip("/") if path.endswith("/") else scope["path"] + "/"
        if any(route.matches({**scope, "path": other})[0] is not Match.NONE for route in table):
            return "redirect", None, None
    return "default", None, None


def _dispatch(router: Router, scope: Scope) -> tuple[str, Any, Any]:
    """What the router does with this request."""
    before = dict(scope)
    outcome: list[str | tuple[str, Any, Any]] = []

    async def run() -> None:
        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            outcome.append("redirect")

        try:
            await router(scope, receive, send)
        except _Taken as taken:
            changed = {key: value for key, value in taken.scope.items() if before.get(key, ...) != value}
            outcome.append(("taken", taken.route, changed))

    anyio.run(run)
    first = outcome[0]
    return first if isinstance(first, tuple) else (first, None, None)


async def _default(scope: Scope, receive: Receive, send: Send) -> None:
    raise _Taken("default", scope)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(routes, max_size=12), st.lists(scopes, min_size=1, max_size=4))
def test_the_table_answers_as_a_linear_scan_would(table: list[BaseRoute], requests: list[dict[str, Any]]) -> None:
    router = Router(table, default=_default)
    for scope in requests:
        kind, route, child_scope = _linear_scan(table, dict(scope))
        got_kind, got_route, changed = _dispatch(router, dict(scope))
        if kind == "taken":
            assert got_kind == "taken"
            assert got_route is route
            for key, value in child_scope.items():
                assert changed.get(key, scope.get(key)) == value
        elif kind == "default":
            assert (got_kind, got_route) == ("taken", "default")
        else:
            assert got_kind == "redirect"


starlette_tables = st.lists(st.tuples(route_paths, st.sampled_from(METHODS)), max_size=12)
plain_paths = st.lists(st.sampled_from(PATH_SEGMENTS[:-1]), min_size=1, max_size=4).map(lambda s: "/" + "/".join(s))


@settings(max_examples=150, deadline=None)
@given(starlette_tables, plain_paths, st.sampled_from(["GET", "POST", "PUT"]))
def test_the_table_answers_as_starlette_does(table: list[tuple[str, list[str] | None]], path: str, method: str) -> None:
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    ours = [Route(route_path, _no_app, methods=methods) for route_path, methods in table]
    theirs = [starlette.routing.Route(route_path, _no_app, methods=methods) for route_path, methods in table]
    expected = [(index, route.matches(scope)) for index, route in enumerate(theirs)]
    candidates, segments = Table("http", ours).candidates(path)
    got = [(candidate.position, candidate.attempt(scope, path, segments)) for candidate in candidates]
    assert [(index, match.name, child) for index, (match, child) in got if match is not Match.NONE] == [
        (index, match.name, child) for index, (match, child) in expected if match is not starlette.routing.Match.NONE
    ]


def test_a_static_path_is_tried_without_the_other_static_routes() -> None:
    table = Table("http", [Route(f"/static/{number}", _no_app) for number in range(500)])
    candidates, _ = table.candidates("/static/250")
    assert [candidate.position for candidate in candidates] == [250]


def test_a_path_with_parameters_is_tried_on_its_own_branch_only() -> None:
    routes = [Route(f"/resource{number}/{{id:int}}/parts/{{part}}", _no_app) for number in range(500)]
    candidates, _ = Table("http", routes).candidates("/resource250/3/parts/x")
    assert [candidate.position for candidate in candidates] == [250]


def test_a_path_of_ten_thousand_slashes_is_split_no_deeper_than_the_routes() -> None:
    _, segments = Table("http", [Route("/a/{b}", _no_app)]).candidates("/" * 10_000)
    assert len(segments) <= 4


def test_a_route_whose_pattern_was_changed_by_hand_is_asked_by_its_own_matches() -> None:
    route = Route("/a", _no_app)
    route.path_regex = starlette.routing.compile_path("/b")[0]
    (candidate,), _ = Table("http", [route]).candidates("/b")
    assert type(candidate) is Candidate
    assert candidate.attempt({"type": "http", "method": "GET", "path": "/b"}, "/b", [])[0] is Match.FULL


@pytest.mark.parametrize("path", ["", "a", "*", "a/b"])
def test_a_path_that_does_not_begin_with_a_slash_matches_nothing(path: str) -> None:
    app = PlainTextResponse("")
    candidates, segments = Table("http", [Route("/a", app), Route("/{b}", app), Mount("/a", app)]).candidates(path)
    scope = {"type": "http", "method": "GET", "path": path}
    assert all(each.attempt(scope, path, segments)[0] is Match.NONE for each in candidates)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30), st.binary(max_size=20))
def test_no_path_and_no_host_is_more_than_not_found(path: str, host: bytes) -> None:
    routes = [
        Route("/a/{x:int}/{y:float}", PlainTextResponse("")),
        Route("/{a}-{b}.{c}", PlainTextResponse("")),
        Mount("/m/{t}", routes=[Route("/{u:uuid}", PlainTextResponse(""))]),
        Host("{x}.example.org", app=PlainTextResponse("")),
    ]
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/" + path,
        "headers": [(b"host", host)],
        "query_string": b"",
        "scheme": "http",
    }
    anyio.run(Router(routes), scope, receive, send)
    assert statuses[0] in (200, 307, 404)
