from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.middleware.sessions import Session, SessionMiddleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.testclient import AsyncTestClient
from vivace.web.websockets import WebSocket

pytestmark = pytest.mark.anyio


def make_app(**options: Any) -> Application:
    app = Application()
    app.add_middleware(SessionMiddleware, **{"secret_key": "secret", **options})

    @app.get("/show")
    async def show(request: Request) -> Response:
        return JSONResponse(dict(request.session))

    @app.get("/apart")
    async def apart(request: Request) -> Response:
        return PlainTextResponse("no session here")

    @app.post("/set")
    async def change(request: Request) -> Response:
        request.session.update(await request.json())
        return JSONResponse(dict(request.session))

    @app.post("/append")
    async def append(request: Request) -> Response:
        request.session["items"].append(1)
        return JSONResponse(dict(request.session))

    @app.post("/clear")
    async def clear(request: Request) -> Response:
        request.session.clear()
        return JSONResponse({})

    @app.websocket("/ws")
    async def remember(websocket: WebSocket) -> None:
        websocket.session["seen"] = True
        await websocket.accept()
        await websocket.close()

    return app


async def test_a_session_lasts_from_request_to_request() -> None:
    async with AsyncTestClient(make_app()) as client:
        assert (await client.get("/show")).json() == {}
        response = await client.post("/set", json={"items": []})
        assert "httponly; samesite=lax" in response.headers["set-cookie"]
        assert "; path=/; Max-Age=1209600; " in response.headers["set-cookie"]
        assert (await client.get("/show")).json() == {"items": []}
        response = await client.post("/append")
        assert "set-cookie" in response.headers  # a change deep inside is a change
        assert (await client.get("/show")).json() == {"items": [1]}
        response = await client.post("/clear")
        assert response.headers["set-cookie"].startswith(
            "session=null; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; "
        )
        assert (await client.get("/show")).json() == {}


async def test_only_a_response_that_depends_on_the_session_varies_and_only_a_change_is_sent() -> None:
    async with AsyncTestClient(make_app()) as client:
        await client.post("/set", json={"a": 1})
        response = await client.get("/show")
        assert (response.headers["vary"], "set-cookie" in response.headers) == ("Cookie", False)
        assert "vary" not in (await client.get("/apart")).headers
        assert "set-cookie" not in (await AsyncTestClient(make_app()).post("/clear")).headers


@pytest.mark.parametrize("cookie", ["null", "", "a.b.c", "é", "eyJhIjoxfQ.AAAA.AAAA"])
async def test_a_cookie_that_is_not_ours_is_an_empty_session(cookie: str) -> None:
    response = await AsyncTestClient(make_app()).get("/show", headers={b"cookie": f"session={cookie}".encode()})
    assert response.json() == {}


async def test_a_cookie_of_another_key_or_too_old_is_an_empty_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncTestClient(make_app()) as client:
        await client.post("/set", json={"a": 1})
        cookies = dict(client.cookies)
        assert (await AsyncTestClient(make_app(secret_key="other"), cookies=cookies).get("/show")).json() == {}
        both = make_app(secret_key=["other", "secret"])
        assert (await AsyncTestClient(both, cookies=cookies).get("/show")).json() == {"a": 1}
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 15 * 24 * 60 * 60)
        assert (await AsyncTestClient(make_app(), cookies=cookies).get("/show")).json() == {}


async def test_the_cookie_says_what_it_was_told() -> None:
    app = make_app(
        session_cookie="sid",
        max_age=None,
        path="/app",
        same_site="none",
        https_only=True,
        domain=".example.com",
        partitioned=True,
    )
    header = (await AsyncTestClient(app).post("/set", json={"a": 1})).headers["set-cookie"]
    assert header.startswith("sid=")
    assert header.endswith("; path=/app; httponly; samesite=none; secure; domain=.example.com; partitioned")


async def test_a_session_that_no_cookie_holds_is_an_error() -> None:
    with pytest.raises(ValueError, match="browsers keep 4096"):
        await AsyncTestClient(make_app()).post("/set", json={"a": "x" * 4000})


async def test_a_websocket_has_the_session_and_its_handshake_saves_it() -> None:
    async with AsyncTestClient(make_app()) as client, client.websocket_connect("/ws") as session:
        headers = dict(session.extra_headers or [])
    assert headers[b"set-cookie"].startswith(b"session=")


async def test_lifespans_pass() -> None:
    async with AsyncTestClient(SessionMiddleware(Application(), "secret")) as client:
        assert (await client.get("/")).status_code == 404


@pytest.mark.parametrize(
    ("change", "modified"),
    [
        (lambda session: session.get("a"), False),
        (lambda session: session.setdefault("a", 2), False),
        (lambda session: session.pop("b", None), False),
        (lambda session: session.setdefault("b", 2), True),
        (lambda session: session.pop("a"), True),
        (lambda session: session.popitem(), True),
        (lambda session: session.update(b=1), True),
        (lambda session: session.__ior__({"b": 1}), True),
        (lambda session: session.__setitem__("a", 1), True),
        (lambda session: session.__delitem__("a"), True),
        (lambda session: session.clear(), True),
    ],
)
async def test_a_session_knows_whether_it_was_changed(change: Any, modified: bool) -> None:
    session = Session(a=1)
    change(session)
    assert (session.modified, session.accessed) == (modified, modified)


async def test_a_rolling_session_is_sent_with_every_response_that_has_one() -> None:
    async with AsyncTestClient(make_app(rolling=True)) as client:
        assert "set-cookie" not in (await client.get("/apart")).headers
        await client.post("/set", json={"a": 1})
        response = await client.get("/apart")
        assert "Max-Age=1209600" in response.headers["set-cookie"]
        assert response.headers["vary"] == "Cookie"
        assert (await client.get("/show")).json() == {"a": 1}


class Store:
    """A store as simple as can be."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.saved = 0

    async def load(self, key: str) -> Mapping[str, Any] | None:
        await anyio.sleep(0)
        found: Mapping[str, Any] | None = json.loads(self.kept.get(key, "null"))
        return found

    async def save(self, key: str, data: Mapping[str, Any], max_age: int | None) -> None:
        await anyio.sleep(0)
        assert max_age == 14 * 24 * 60 * 60
        self.saved += 1
        self.kept[key] = json.dumps(data)

    async def delete(self, key: str) -> None:
        await anyio.sleep(0)
        self.kept.pop(key, None)


def make_stored(store: Store, **options: Any) -> Application:
    app = make_app(store=store, **options)

    @app.post("/login")
    async def login(request: Request) -> Response:
        session = request.session
        assert isinstance(session, Session)
        session["user"] = "ann"
        session.cycle()
        return JSONResponse({})

    return app


async def test_a_store_keeps_what_no_cookie_holds_and_ends_it() -> None:
    store = Store()
    async with AsyncTestClient(make_stored(store)) as client:
        assert "set-cookie" not in (await client.get("/show")).headers
        assert store.kept == {}
        response = await client.post("/set", json={"items": [], "large": "x" * 10_000})
        assert len(response.headers["set-cookie"]) < 300
        await client.post("/append")
        response = await client.get("/show")
        assert (response.json()["items"], "set-cookie" in response.headers) == ([1], False)
        assert (response.headers["vary"], store.saved, len(store.kept)) == ("Cookie", 2, 1)
        response = await client.post("/clear")
        assert response.headers["set-cookie"].startswith("session=null; ")
        assert store.kept == {}
        await client.post("/set", json={"a": 1})
        store.kept.clear()  # ended from the server
        assert (await client.get("/show")).json() == {}
        assert "set-cookie" not in (await AsyncTestClient(make_stored(store)).post("/clear")).headers


async def test_a_login_changes_the_key_and_the_old_one_is_nothing() -> None:
    store = Store()
    app = make_stored(store)
    async with AsyncTestClient(app) as client:
        await client.post("/set", json={"cart": 1})
        before, (old,) = dict(client.cookies), store.kept
        await client.post("/login")
        (new,) = store.kept
        assert new != old
        assert (await client.get("/show")).json() == {"cart": 1, "user": "ann"}
    assert (await AsyncTestClient(app, cookies=before).get("/show")).json() == {}


async def test_a_key_that_the_store_does_not_know_is_never_used() -> None:
    store = Store()
    planted = SessionMiddleware(Application(), "secret").signer.sign(b"planted")
    async with AsyncTestClient(make_stored(store), cookies={"session": planted}) as client:
        await client.post("/set", json={"a": 1})
    assert list(store.kept) != ["planted"]
    assert len(store.kept) == 1


async def test_a_rolling_session_in_a_store_is_kept_longer_there_too() -> None:
    store = Store()
    async with AsyncTestClient(make_stored(store, rolling=True)) as client:
        await client.post("/set", json={"a": 1})
        assert "set-cookie" in (await client.get("/apart")).headers
    assert store.saved == 2


async def test_a_websocket_saves_its_session_in_the_store() -> None:
    store = Store()
    async with AsyncTestClient(make_stored(store)) as client, client.websocket_connect("/ws") as websocket:
        assert dict(websocket.extra_headers or [])[b"set-cookie"].startswith(b"session=")
    assert list(store.kept.values()) == ['{"seen": true}']


async def test_a_cycle_without_a_store_sends_the_cookie_anew() -> None:
    session = Session(a=1)
    session.cycle()
    assert (session.modified, session) == (True, {"a": 1})
