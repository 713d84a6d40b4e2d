from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.datastructures import UploadFile, URLPath
from vivace.web.exceptions import HTTPException
from vivace.web.formparsers import MultiPartException
from vivace.web.requests import (
    MAX_COOKIES,
    MAX_QUERY_PARAMS,
    ClientDisconnect,
    HTTPConnection,
    MalformedJSON,
    MissingMiddleware,
    Request,
    cookie_parser,
)
from vivace.web.responses import JSONResponse, PlainTextResponse
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]


def scope(**changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "server": ("example.org", 80),
        "client": ("10.0.0.1", 4711),
        "path": "/",
        "query_string": b"",
        "headers": [],
        **changes,
    }


def receives(*messages: Mapping[str, Any]) -> Receive:
    remaining = iter(messages)

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        try:
            return dict(next(remaining))
        except StopIteration:
            await anyio.sleep_forever()
            raise AssertionError("never comes here") from None

    return receive


def chunk(body: bytes, more_body: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more_body}


DISCONNECT = {"type": "http.disconnect"}


def test_a_request_shows_what_its_scope_says() -> None:
    request = Request(
        scope(method="PUT", path="/a", query_string=b"q=1", headers=[(b"x-name", b"v")], path_params={"n": 1})
    )
    assert request.method == "PUT"
    assert request.url == "http://example.org/a?q=1"
    assert request.base_url == "http://example.org/"
    assert request.headers["X-Name"] == "v"
    assert request.query_params["q"] == "1"
    assert request.path_params == {"n": 1}
    assert request.cookies == {}
    assert request.client == ("10.0.0.1", 4711)
    assert request.client is not None
    assert (request.client.host, request.client.port) == ("10.0.0.1", 4711)


async def test_the_application_and_the_channel_are_at_hand() -> None:
    receive = receives(chunk(b"x"))
    request = Request(scope(app="the app"), receive)
    assert request.app == "the app"
    assert request.receive is receive


def test_what_was_read_once_is_remembered() -> None:
    request = Request(scope())
    for name in ("url", "base_url", "headers", "query_params", "cookies", "state"):
        assert getattr(request, name) is getattr(request, name)


def test_nothing_is_parsed_before_it_is_asked_for() -> None:
    broken = {"type": "http"}
    assert Request(broken).path_params == {}
    assert Request(broken).client is None


def test_the_base_url_is_the_applications() -> None:
    request = Request(scope(root_path="/app/sub", app_root_path="/app", path="/app/sub/x"))
    assert request.base_url == "http://example.org/app/"
    assert Request(scope(root_path="/app/")).base_url == "http://example.org/app/"


def test_a_connection_is_a_mapping_of_its_scope_and_equal_to_itself_only() -> None:
    one, other = Request(scope()), Request(scope())
    assert one["method"] == "GET"
    assert dict(one) == scope()
    assert len(one) == len(scope())
    assert one != other
    assert len({one, other}) == 2


def test_a_request_takes_what_others_hang_on_it() -> None:
    request = Request(scope())
    request.from_elsewhere = 1  # type: ignore[attr-defined]
    assert vars(request) == {"from_elsewhere": 1}


def test_the_scope_must_fit() -> None:
    with pytest.raises(TypeError, match="lifespan"):
        HTTPConnection({"type": "lifespan"})
    with pytest.raises(TypeError, match="websocket"):
        Request({"type": "websocket"})


def test_state_is_the_scopes() -> None:
    shared: dict[str, Any] = {"pool": 1}
    request = Request(scope(state=shared))
    request.state.user = "ann"
    assert (request.state.pool, shared["user"]) == (1, "ann")
    fresh = scope()
    Request(fresh).state.x = 1
    assert fresh["state"] == {"x": 1}


@pytest.mark.parametrize("name", ["session", "auth", "user"])
def test_what_a_middleware_brings_names_it_when_missing(name: str) -> None:
    for error in (MissingMiddleware, RuntimeError, AssertionError):
        with pytest.raises(error, match=f"Middleware must be installed to access request.{name}"):
            getattr(Request(scope()), name)
    assert getattr(Request(scope(**{name: {"a": 1}})), name) == {"a": 1}


def test_a_session_is_told_that_it_was_used() -> None:
    class Session(dict[str, Any]):
        accessed = False

        def mark_accessed(self) -> None:
            self.accessed = True

    session = Session()
    assert Request(scope(session=session)).session is session
    assert session.accessed


def test_url_for_asks_the_router() -> None:
    class Router:
        def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
            return URLPath(f"/{name}/{path_params['id']}")

    request = Request(scope(router=Router(), root_path="/app"))
    assert request.url_for("book", id=3) == "http://example.org/app/book/3"
    assert Request(scope(app=Router())).url_for("book", id=3) == "http://example.org/book/3"
    with pytest.raises(RuntimeError, match="application or with a router"):
        Request(scope()).url_for("book")


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        ('q="a b"', {"q": "a b"}),
        (r'q="say \"hi\"\054\303\274 \\"', {"q": 'say "hi",Ã¼ \\'}),
        (r"q=\"", {"q": r"\""}),
        ('q="', {"q": '"'}),
        ("a=b=c", {"a": "b=c"}),
        ("alone; =value; =;;", {"": "value"}),
        ("a=1; a=2", {"a": "2"}),
        ("", {}),
    ],
)
def test_cookies_are_read_as_browsers_write_them(header: str, cookies: dict[str, str]) -> None:
    assert cookie_parser(header) == cookies


def test_several_cookie_headers_are_one() -> None:
    request = Request(scope(headers=[(b"cookie", b"a=1"), (b"cookie", b"b=2")]))
    assert request.cookies == {"a": "1", "b": "2"}


@given(st.binary())
def test_any_bytes_are_cookies(header: bytes) -> None:
    cookies = Request(scope(headers=[(b"cookie", header)])).cookies
    assert all(isinstance(part, str) for pair in cookies.items() for part in pair)


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_what_the_standard_library_writes_is_read_back(value: str) -> None:
    try:
        written = SimpleCookie({"name": value})["name"].OutputString()
    except Exception:  # noqa: BLE001 (newer versions refuse control characters)
        return
    assert cookie_parser(written) == {"name": value}


async def test_the_body_is_joined_and_remembered() -> None:
    request = Request(scope(), receives(chunk(b"a", more_body=True), chunk(b"", more_body=True), chunk(b"bc")))
    assert await request.body() == b"abc"
    assert await request.body() == b"abc"
    assert [part async for part in request.stream()] == [b"abc", b""]


async def test_the_body_can_be_streamed_once() -> None:
    request = Request(scope(), receives(chunk(b"a", more_body=True), chunk(b"b")))
    assert [part async for part in request.stream()] == [b"a", b"b", b""]
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await request.body()


async def test_messages_of_other_kinds_are_passed_over() -> None:
    request = Request(scope(), receives({"type": "http.later.invention"}, chunk(b"a")))
    assert await request.body() == b"a"


async def test_a_client_that_leaves_is_an_exception() -> None:
    request = Request(scope(), receives(chunk(b"a", more_body=True), DISCONNECT))
    with pytest.raises(ClientDisconnect):
        await request.body()
    assert await request.is_disconnected()


async def test_asking_whether_the_client_left_loses_nothing() -> None:
    request = Request(scope(), receives(chunk(b"a", more_body=True), chunk(b"b"), DISCONNECT))

    async def instant() -> Message:
        return chunk(b"first", more_body=True)

    early = Request(scope(), instant)
    assert not await early.is_disconnected()
    assert not await early.is_disconnected()
    early._receive = receives(chunk(b" second"))
    assert await early.body() == b"first second"
    assert not await early.is_disconnected()
    assert await request.body() == b"ab"


async def test_a_disconnect_is_seen_without_waiting() -> None:
    async def gone() -> Message:
        return DISCONNECT

    request = Request(scope(), gone)
    assert await request.is_disconnected()
    assert await request.is_disconnected()
    waiting = Request(scope(), receives())
    with anyio.fail_after(1):
        assert not await waiting.is_disconnected()


async def test_without_channels_there_is_a_clear_error() -> None:
    request = Request(scope(extensions={"http.response.push": {}}))
    with pytest.raises(RuntimeError, match="Receive channel"):
        await request.body()
    with pytest.raises(RuntimeError, match="Send channel"):
        await request.send_push_promise("/style.css")


async def test_json_is_read_and_remembered() -> None:
    request = Request(scope(), receives(chunk(b'{"a": 1}')))
    assert await request.json() == {"a": 1}
    assert await request.json() is await request.json()


async def test_malformed_json_says_where() -> None:
    for kind in (MalformedJSON, HTTPException, json.JSONDecodeError):
        with pytest.raises(kind, match="line 2 column 3"):
            await Request(scope(), receives(chunk(b"{\n  nope}"))).json()


async def test_forms_of_both_kinds_are_read(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        async with request.form() as form:
            file = form.get("file")
            content = (await file.read()).decode() if isinstance(file, UploadFile) else None
            await JSONResponse({"text": form.get("text"), "file": content})(scope, receive, send)
        assert await request.form() is form
        await request.close()

    async with client_for(app) as client:
        answer = await client.post("/", data={"text": "ü &"})
        assert answer.json() == {"text": "ü &", "file": None}
        answer = await client.post("/", data={"text": "x"}, files={"file": ("a.txt", b"content")})
        assert answer.json() == {"text": "x", "file": "content"}
        answer = await client.post("/", json={"text": "x"})
        assert answer.json() == {"text": None, "file": None}


async def test_a_form_beyond_its_limits_is_a_400() -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")]
    request = Request(scope(headers=headers), receives(chunk(b"a=1&b=2")))
    with pytest.raises(MultiPartException, match="Too many fields"):
        await request.form(max_fields=1)
    await Request(scope()).close()


@given(st.binary(), st.binary())
def test_any_content_type_and_body_are_a_form_or_a_400(content_type: bytes, body: bytes) -> None:
    async def read() -> None:
        request = Request(scope(headers=[(b"content-type", content_type)]), receives(chunk(body)))
        try:
            async with request.form():
                pass
        except HTTPException as error:
            assert error.status_code == 400  # noqa: PT017

    asyncio.run(read())


async def test_hints_and_pushes_go_out_where_the_server_offers_them() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    plain = Request(scope(), send=send)
    await plain.send_early_hints("</a.css>; rel=preload")
    await plain.send_push_promise("/a.css")
    assert sent == []
    extensions: dict[str, Any] = {"http.response.push": {}, "http.response.early_hint": {}}
    request = Request(scope(extensions=extensions, headers=[(b"accept", b"*/*"), (b"x", b"y")]), send=send)
    await request.send_early_hints("</a.css>; rel=preload", "</b.js>; rel=preload")
    await request.send_push_promise("/a.css")
    assert sent == [
        {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]},
        {"type": "http.response.push", "path": "/a.css", "headers": [(b"accept", b"*/*")]},
    ]
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        await request.send_early_hints("</a>\r\nx: y")


async def test_the_body_of_a_real_client_arrives(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(body)(scope, receive, send)

    async with client_for(app) as client:
        assert (await client.post("/", content=b"x" * 100_000)).content == b"x" * 100_000


def test_the_number_of_query_parameters_is_limited() -> None:
    most = Request(scope(query_string=b"&".join([b"a=1"] * MAX_QUERY_PARAMS)))
    assert len(most.query_params.getlist("a")) == MAX_QUERY_PARAMS
    with pytest.raises(HTTPException, match="Too many query parameters") as caught:
        _ = Request(scope(query_string=b"&" * MAX_QUERY_PARAMS)).query_params
    assert caught.value.status_code == 400


def test_no_more_cookies_are_read_than_a_browser_could_send() -> None:
    cookies = cookie_parser("; ".join(f"c{number}=1" for number in range(MAX_COOKIES + 5)))
    assert list(cookies) == [f"c{number}" for number in range(MAX_COOKIES)]
