from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse as ForeignResponse
from starlette.routing import Mount as ForeignMount
from starlette.routing import Route as ForeignRoute

from vivace.web.applications import Application
from vivace.web.exceptions import VivaceDeprecationWarning
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import Host, Mount, Route, Router
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

Lifespan = Callable[[Any], contextlib.AbstractAsyncContextManager[Any]]


def recording(events: list[str], name: str, state: dict[str, Any] | None = None) -> Lifespan:
    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any] | None]:
        events.append(f"{name} up")
        yield state
        events.append(f"{name} down")

    return lifespan


async def show_state(request: Request) -> Response:
    state = request.scope["state"]
    return JSONResponse({name: value for name, value in state.items() if not name.startswith("vivace.")})


def application(events: list[str], name: str, state: dict[str, Any] | None = None, *routes: Any) -> Application:
    return Application(routes=[Route("/", show_state), *routes], lifespan=recording(events, name, state))


async def test_lifespans_of_mounted_applications_run_in_order_inside_the_outer_one() -> None:
    events: list[str] = []
    deep = application(events, "deep")
    app = application(
        events,
        "outer",
        None,
        Mount("/one", app=application(events, "one", None, Mount("/deep", app=deep))),
        Mount("/two", app=application(events, "two")),
        Host("three.example.org", app=application(events, "three")),
        Mount("/again", app=deep),
    )
    async with AsyncTestClient(app) as client:
        assert events == ["outer up", "one up", "deep up", "two up", "three up", "deep up"]
        assert (await client.get("/one/deep/")).status_code == 200
        events.clear()
    assert events == ["deep down", "three down", "two down", "deep down", "one down", "outer down"]


async def test_an_application_mounted_twice_in_one_router_is_started_once() -> None:
    events: list[str] = []
    inner = application(events, "inner", {"a": 1})
    async with AsyncTestClient(Router([Mount("/one", app=inner), Mount("/two", app=inner)])) as client:
        assert (await client.get("/one/")).json() == (await client.get("/two/")).json() == {"a": 1}
    assert events == ["inner up", "inner down"]


async def test_a_mounted_application_sees_the_outer_state_and_keeps_its_own() -> None:
    events: list[str] = []
    deep = application(events, "deep", {"depth": 2})
    one = application(events, "one", {"depth": 1, "one": True}, Mount("/deep", app=deep))
    app = application(
        events, "outer", {"depth": 0, "pool": 5}, Mount("/one", app=one), Mount("/two", app=application(events, "two"))
    )
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == {"depth": 0, "pool": 5}
        assert (await client.get("/one/")).json() == {"depth": 1, "pool": 5, "one": True}
        assert (await client.get("/one/deep/")).json() == {"depth": 2, "pool": 5, "one": True}
        assert (await client.get("/two/")).json() == {"depth": 0, "pool": 5}
        assert (await client.get("/")).json() == {"depth": 0, "pool": 5}


async def test_a_router_in_between_hands_lifespan_and_state_on() -> None:
    events: list[str] = []
    one = application(events, "one", {"of": "one"})
    two = application(events, "two", {"of": "two"})
    app = Router([Mount("/a", routes=[Mount("/one", app=one)]), Mount("/b", routes=[Mount("/two", app=two)])])
    async with AsyncTestClient(app) as client:
        assert (await client.get("/a/one/")).json() == {"of": "one"}
        assert (await client.get("/b/two/")).json() == {"of": "two"}
    assert events == ["one up", "two up", "two down", "one down"]


async def test_a_mounted_application_that_fails_to_start_stops_the_whole_and_what_is_up_comes_down() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def failing(app: Any) -> AsyncIterator[None]:
        if app.routes == []:
            raise RuntimeError("no database")
        yield

    app = application(
        events,
        "outer",
        None,
        Mount("/one", app=application(events, "one")),
        Mount("/two", app=Application(lifespan=failing)),
    )
    with pytest.raises(RuntimeError, match="no database"):
        async with AsyncTestClient(app):
            pass
    assert events[:2] == ["outer up", "one up"]
    assert "one down" in events


async def test_a_mounted_application_that_fails_to_stop_is_reported_and_the_others_stop() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def failing(app: Any) -> AsyncIterator[None]:
        yield
        raise RuntimeError("stuck")

    app = application(
        events,
        "outer",
        None,
        Mount("/one", app=application(events, "one")),
        Mount("/two", app=Application(lifespan=failing)),
    )
    with pytest.raises(RuntimeError, match="stuck"):
        async with AsyncTestClient(app):
            pass
    assert "one down" in events


async def test_the_traceback_of_a_failed_start_begins_in_the_application() -> None:
    @contextlib.asynccontextmanager
    async def failing(app: Any) -> AsyncIterator[None]:
        if app is not None:
            raise RuntimeError("no broker")
        yield

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="no broker"):
        await Application(lifespan=failing)({"type": "lifespan", "state": {}}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    lines = sent[0]["message"].splitlines()
    assert "in failing" in lines[1]
    assert lines[-1] == "RuntimeError: no broker"
    assert sent[0]["message"].count("File ") == 1


async def test_what_does_not_know_lifespans_is_left_alone() -> None:
    class HTTPOnly:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                raise ValueError("http only")
            await PlainTextResponse("ok")(scope, receive, send)

    class SendsAnyway:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("ok")(scope, receive, send)

    class Silent:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            pass

    async def function(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("not asked")

    app = Router(
        [
            Mount("/a", app=HTTPOnly()),
            Mount("/b", app=SendsAnyway()),
            Mount("/c", app=Silent()),
            Mount("/d", app=function),
            Mount("/e", app=PlainTextResponse("e")),
            Mount("/f", routes=[]),
        ]
    )
    async with AsyncTestClient(app) as client:
        assert (await client.get("/a/")).text == "ok"


async def test_a_mount_may_leave_the_lifespan_to_you_or_insist_on_it() -> None:
    events: list[str] = []
    inner = application(events, "inner")

    async def wrapper(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    async with AsyncTestClient(Router([Mount("/", app=inner, lifespan=False)])):
        assert events == []
    async with AsyncTestClient(Router([Mount("/", app=wrapper, lifespan=True)])):
        assert events == ["inner up"]


async def test_start_up_and_shutdown_handlers_run_inside_the_lifespan() -> None:
    events: list[str] = []

    async def started() -> None:
        events.append("started")

    app = Application(
        lifespan=recording(events, "app"), on_startup=[started], on_shutdown=[lambda: events.append("stopping")]
    )

    @app.on_event("startup")
    def started_too() -> None:
        events.append("started too")

    async with AsyncTestClient(app):
        assert events == ["app up", "started", "started too"]
    assert events[3:] == ["stopping", "app down"]


async def test_an_event_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match='Events are "startup" and "shutdown"'):
        Router().add_event_handler("start", lambda: None)


async def test_generator_functions_still_work_as_lifespans() -> None:
    events: list[str] = []

    async def by_async_generator(app: Any) -> AsyncIterator[None]:
        events.append("up")
        yield
        events.append("down")

    def by_generator(app: Any) -> Iterator[dict[str, int]]:
        events.append("up")
        yield {"a": 1}
        events.append("down")

    for lifespan in (by_async_generator, by_generator):
        with pytest.warns(VivaceDeprecationWarning, match="generator function lifespans are deprecated"):
            app = Router(lifespan=lifespan)  # type: ignore[arg-type]
        async with AsyncTestClient(app):
            pass
    assert events == ["up", "down", "up", "down"]


async def test_state_needs_a_server_that_has_it() -> None:
    app = Router(lifespan=recording([], "app", {"a": 1}))

    async def without_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({"type": scope["type"]}, receive, send)

    with pytest.raises(RuntimeError, match='The server does not support "state"'):
        async with AsyncTestClient(without_state):
            pass


async def test_an_application_of_starlettes_own_is_started_with_its_state() -> None:
    events: list[str] = []

    async def show(request: Any) -> Any:
        return ForeignResponse(f"{request.state.pool} {request.state.own}")

    foreign = Starlette(
        routes=[ForeignRoute("/", show), ForeignMount("/below", app=application(events, "below"))],
        lifespan=recording(events, "foreign", {"own": 2}),
    )
    app = application(events, "outer", {"pool": 1}, Mount("/{tenant}", routes=[Mount("/foreign", app=foreign)]))
    async with AsyncTestClient(app) as client:
        assert (await client.get("/acme/foreign/")).text == "1 2"
    # Starlette itself runs no lifespan of what is mounted in it.
    assert events == ["outer up", "foreign up", "foreign down", "outer down"]
