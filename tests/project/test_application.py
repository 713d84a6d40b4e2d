"""The Vivace object: when its parts come to life, on a server with lifespan and on one without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.project.conftest import client_of

from vivace.conf import ConfigurationError, Settings
from vivace.orm import binding
from vivace.project import Vivace
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import Route
from vivace.web.testclient import AsyncTestClient, TestClient
from vivace.web.websockets import WebSocket

Load = Callable[..., Vivace]
HTML = {"accept": "text/html"}


async def lifespan_messages(app: Any, *, state: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Start `app` up and down again; what it said."""
    sent: list[dict[str, Any]] = []
    todo: list[dict[str, Any]] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        return todo.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": state or {}}, receive, send)
    return sent


async def which_database(request: Request) -> Response:
    return PlainTextResponse(str(binding.resolve().url))


@pytest.mark.anyio
async def test_the_smallest_site_answers_on_a_server_without_lifespan(load: Load) -> None:
    app = load(
        "site_hello.py",
        """
        from vivace import JSONResponse, Vivace
        app = Vivace()

        @app.get("/hello/{name}")
        async def hello(request):
            return JSONResponse({"hello": request.path_params["name"]})
        """,
    )
    async with client_of(app) as client:
        response = await client.get("/hello/ann")
    assert response.json() == {"hello": "ann"}
    assert app.name == "site_hello"


def test_making_an_application_reads_nothing(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVACE_DEBUG", "nonsense")
    app = load("site_lazy.py", "from vivace import Vivace\napp = Vivace(database='nonsense')\n")
    with pytest.raises(ConfigurationError, match="2 faults") as caught:
        app.setup()
    assert "Vivace(database=…)" in str(caught.value)
    assert "environment variable VIVACE_DEBUG" in str(caught.value)


@pytest.mark.anyio
async def test_wrong_settings_fail_the_startup_with_one_message(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVACE_DEBUG", "nonsense")
    app = load("site_faulty.py", "from vivace import Vivace\napp = Vivace()\n")
    (message,) = await lifespan_messages(app)
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].startswith("1 fault in the settings")
    assert "Traceback" not in message["message"]


@pytest.mark.anyio
async def test_a_bug_in_the_setup_fails_the_startup_too(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Vivace("buggy")
    monkeypatch.setattr(app, "setup", lambda: 1 / 0)
    asked, sent = [], []

    async def receive() -> Any:
        asked.append(True)
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(ZeroDivisionError):
        await app({"type": "lifespan", "state": {}}, receive, send)
    assert asked
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "ZeroDivisionError" in sent[0]["message"]


@pytest.mark.anyio
async def test_a_database_that_cannot_be_reached_fails_the_startup_with_one_message(tmp_path: Path) -> None:
    app = Vivace("unreachable", database=f"sqlite:///{tmp_path}/no/such/folder/db.sqlite3")
    (message,) = await lifespan_messages(app)
    assert message["type"] == "lifespan.startup.failed"
    assert "Traceback" not in message["message"]
    assert "folder" in message["message"]


@pytest.mark.anyio
async def test_an_error_in_the_sites_own_lifespan_keeps_its_traceback() -> None:
    @asynccontextmanager
    async def lifespan(app: Vivace) -> AsyncIterator[None]:
        if app.name == "own":
            raise LookupError("own mistake")
        yield

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(LookupError, match="own mistake"):
        await Vivace("own", lifespan=lifespan)({"type": "lifespan", "state": {}}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "Traceback" in sent[0]["message"]


@pytest.mark.anyio
async def test_the_database_is_connected_and_bound_in_lifespan_and_requests(tmp_path: Path) -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def lifespan(app: Vivace) -> AsyncIterator[dict[str, Any]]:
        assert app.database is not None
        seen.append((app.database.is_connected, binding.resolve() is app.database))
        async with client_of(app) as client:
            seen.append((await client.get("/")).text)
        yield {}
        seen.append(app.database.is_connected)

    url = f"sqlite:///{tmp_path}/one.sqlite3"
    app = Vivace("bound", database=url, lifespan=lifespan, routes=[Route("/", which_database)])
    messages = await lifespan_messages(app)
    assert [message["type"] for message in messages] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert seen == [(True, True), url, True]
    assert app.database is not None
    assert not app.database.is_connected


@pytest.mark.anyio
async def test_the_database_is_closed_before_the_shutdown_is_reported(tmp_path: Path) -> None:
    app = Vivace("closing", database=f"sqlite:///{tmp_path}/db.sqlite3")
    states = []

    async def send(message: Any) -> None:
        assert app.database is not None
        states.append((message["type"], app.database.is_connected))

    todo = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return todo.pop(0)

    await app({"type": "lifespan", "state": {}}, receive, send)
    assert states == [("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)]


@pytest.mark.anyio
async def test_without_lifespan_many_first_requests_connect_once(tmp_path: Path) -> None:
    app = Vivace("late", database=f"sqlite:///{tmp_path}/db.sqlite3", routes=[Route("/", which_database)])
    async with client_of(app) as client:
        responses = await asyncio.gather(*(client.get("/") for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert app.database is not None
    await app.database.disconnect()


def test_without_lifespan_the_site_survives_a_new_event_loop(tmp_path: Path) -> None:
    app = Vivace("loops", database=f"sqlite:///{tmp_path}/db.sqlite3", routes=[Route("/", which_database)])

    async def ask() -> int:
        async with client_of(app) as client:
            return (await client.get("/")).status_code

    assert [asyncio.run(ask()) for _ in range(3)] == [200, 200, 200]


def test_the_synchronous_test_client_works_entered_or_not(tmp_path: Path) -> None:
    app = Vivace("sync", database=f"sqlite:///{tmp_path}/db.sqlite3", routes=[Route("/", which_database)])
    with TestClient(app) as client:
        assert client.get("/").status_code == 200
    assert [TestClient(app).get("/").status_code for _ in range(2)] == [200, 200]
    assert app.database is not None
    asyncio.run(app.database.disconnect())


@pytest.mark.anyio
async def test_websockets_find_the_database_too(tmp_path: Path) -> None:
    app = Vivace("sockets", database=f"sqlite:///{tmp_path}/db.sqlite3")

    @app.websocket_route("/ws")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(binding.resolve() is app.database)
        await websocket.close()

    async with AsyncTestClient(app) as client, client.websocket_connect("/ws") as session:
        assert await session.receive_json() is True


@pytest.mark.anyio
async def test_two_sites_in_one_process_keep_their_databases_apart(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.sqlite3" for name in ("one", "two")]
    apps = [Vivace("apart", database=url, routes=[Route("/", which_database)]) for url in urls]
    async with apps[0].connected(), apps[1].connected():
        for app, url in zip(apps, urls, strict=True):
            async with client_of(app) as client:
                assert (await client.get("/")).text == url


@pytest.mark.anyio
async def test_a_request_leaves_no_binding_behind(tmp_path: Path) -> None:
    app = Vivace("clean", database=f"sqlite:///{tmp_path}/db.sqlite3", routes=[Route("/", which_database)])
    async with app.connected():
        before = binding.set_default(None)
        async with client_of(app) as client:
            await client.get("/")
        assert binding.set_default(before) is None


@pytest.mark.anyio
async def test_connected_is_for_scripts_and_may_be_nested(tmp_path: Path) -> None:
    app = Vivace("script", database=f"sqlite:///{tmp_path}/db.sqlite3")
    async with app.connected() as outer:
        async with app.connected() as inner:
            assert inner is outer
            assert inner is not None
            assert await inner.fetch_val("SELECT 1") == 1
        assert outer is not None
        assert outer.is_connected
        assert binding.resolve() is outer
    assert not outer.is_connected


def test_a_relative_sqlite_file_lies_beside_the_site(load: Load, tmp_path: Path) -> None:
    app = load("site_files.py", "from vivace import Vivace\napp = Vivace(database='sqlite:///data.db')\n")
    assert app.database is not None
    assert Path(app.database.url.database) == tmp_path / "data.db"
    memory = Vivace("memory", database="sqlite:///:memory:").database
    assert memory is not None
    assert memory.url.database == ":memory:"


def test_the_environment_wins_over_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVACE_DATABASE", "sqlite:////srv/production.db")
    database = Vivace("environment", database="sqlite:///dev.db").database
    assert database is not None
    assert str(database.url) == "sqlite:////srv/production.db"


def test_an_unknown_database_scheme_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE: .*sqlite"):
        Vivace("scheme", database="sqlight:///x.db").setup()


@pytest.mark.parametrize("name", ["my books", "1st", "a.b", ""])
def test_a_name_must_be_an_identifier(name: str) -> None:
    with pytest.raises(ConfigurationError, match="identifier"):
        Vivace(name)


def test_settings_must_be_settings() -> None:
    with pytest.raises(ConfigurationError, match="takes a subclass of"):
        Vivace("wrong", settings={"DEBUG": True}).setup()  # type: ignore[arg-type]


def test_an_instance_of_settings_is_used_as_it_is() -> None:
    settings = Settings(DEBUG=True)
    app = Vivace("instance", settings=settings)
    app.setup()
    assert app.settings is settings
    assert app.debug
    with pytest.raises(ConfigurationError, match="is used as it is"):
        Vivace("both", settings=settings, database="sqlite:///x.db").setup()


@pytest.mark.anyio
async def test_a_site_without_a_database_runs_on_trio_too() -> None:
    async def hello(request: Request) -> Response:
        return JSONResponse({"app": request.app.name})

    app = Vivace("on_trio", routes=[Route("/", hello)])

    async def ask() -> str:
        async with client_of(app) as client:
            return (await client.get("/")).text

    assert await asyncio.to_thread(trio.run, ask) == '{"app":"on_trio"}'
