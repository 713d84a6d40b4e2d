from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from vivace.web.background import BackgroundTask
from vivace.web.datastructures import URL, Headers
from vivace.web.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from vivace.web.responses._base import denial_send
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]


@pytest.mark.parametrize(
    ("response", "body", "content_type"),
    [
        (Response("ü"), "ü".encode(), None),
        (Response(b"\xff", media_type="image/png"), b"\xff", "image/png"),
        (Response(), b"", None),
        (Response(memoryview(b"abc")), b"abc", None),
        (Response(memoryview(b"abcdef")[::2]), b"ace", None),
        (PlainTextResponse("x"), b"x", "text/plain; charset=utf-8"),
        (HTMLResponse("<p>"), b"<p>", "text/html; charset=utf-8"),
        (Response("x", media_type="text/csv; charset=ascii"), b"x", "text/csv; charset=ascii"),
        (Response("x", media_type="text/html", headers={"Content-Type": "text/plain"}), b"x", "text/plain"),
        (JSONResponse({"a": None}), b'{"a":null}', "application/json"),
        (JSONResponse("ü"), '"ü"'.encode(), "application/json"),
    ],
)
async def test_a_response_is_an_application(
    client_for: ClientFor, response: Response, body: bytes, content_type: str | None
) -> None:
    async with client_for(response) as client:
        for _ in range(2):
            answer = await client.get("/")
            assert (answer.status_code, answer.content) == (200, body)
            assert answer.headers.get("content-type") == content_type
            assert answer.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("status_code", [100, 204, 304])
def test_a_response_that_has_no_body_announces_no_length(status_code: int) -> None:
    assert "content-length" not in Response(status_code=status_code).headers


def test_headers_that_are_given_are_kept() -> None:
    response = Response("abc", headers={"X-Name": "v", "Content-Length": "3"})
    assert response.raw_headers == [(b"x-name", b"v"), (b"content-length", b"3")]
    response.headers["x-other"] = "w"
    assert response.raw_headers[-1] == (b"x-other", b"w")


def test_headers_follow_a_list_that_was_replaced() -> None:
    response = Response()
    response.headers["a"] = "1"
    response.raw_headers = [(b"b", b"2")]
    assert response.headers == Headers({"b": "2"})
    response.headers["c"] = "3"
    assert response.raw_headers == [(b"b", b"2"), (b"c", b"3")]


def test_a_subclass_says_how_it_renders() -> None:
    class Shouting(PlainTextResponse):
        charset = "utf-16"

        def render(self, content: Any) -> bytes | memoryview:
            return super().render(content.upper())

    assert Shouting("a").body == "A".encode("utf-16")
    assert Shouting("a").headers["content-type"] == "text/plain; charset=utf-16"


BREAKOUTS = ["a\r\nx: y", "a\n", "\0"]
SETTERS: list[Callable[[str], object]] = [
    lambda text: Response(headers={"x-name": text}),
    lambda text: Response(headers={text: "value"}),
    lambda text: Response(media_type=text),
    lambda text: Response(media_type="text/" + text),
    lambda text: Response().headers.__setitem__("x-name", text),
    lambda text: Response().headers.append("x-name", text),
    lambda text: Response().headers.setdefault(text, "value"),
    lambda text: Response().headers.update({"x-name": text}),
    lambda text: Response().set_cookie(text),
    lambda text: Response().set_cookie("name", text),
    lambda text: Response().set_cookie("name", path=text),
    lambda text: Response().set_cookie("name", domain=text),
    lambda text: Response().set_cookie("name", expires=text),
    lambda text: Response().set_cookie("name", samesite=text),  # type: ignore[arg-type]
    lambda text: Response().delete_cookie("name", path=text),
    lambda text: RedirectResponse("/", headers={"x-name": text}),
    lambda text: JSONResponse({}, headers={"x-name": text}),
]


@pytest.mark.parametrize("text", BREAKOUTS)
@pytest.mark.parametrize("setter", SETTERS)
def test_nothing_that_is_set_can_break_out_of_its_header(setter: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"CR, LF or NUL|control characters|not a header name|not a cookie|samesite"):
        setter(text)


def test_a_redirect_encodes_what_a_url_cannot_hold() -> None:
    assert RedirectResponse("/ü ?a=1&b=[x]#f").headers["location"] == "/%C3%BC%20?a=1&b=[x]#f"
    assert RedirectResponse("/a\r\nx: y\0\\").headers["location"] == "/a%0D%0Ax:%20y%00%5C"
    response = RedirectResponse(URL("https://example.org/%2F"), status_code=303)
    assert (response.status_code, response.headers["location"]) == (303, "https://example.org/%2F")
    assert response.headers["content-length"] == "0"


def test_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        JSONResponse({"a": float("nan")})


async def test_a_background_task_runs_after_the_body_was_sent() -> None:
    events: list[str] = []

    async def send(message: Message) -> None:
        events.append(message["type"])

    async def receive() -> Message:
        raise AssertionError

    response = Response(background=BackgroundTask(events.append, "background"))
    await response({"type": "http"}, receive, send)
    assert events == ["http.response.start", "http.response.body", "background"]


async def test_a_response_can_refuse_a_websocket() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    await PlainTextResponse("no", status_code=403)({"type": "websocket"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (sent[0]["status"], sent[1]["body"]) == (403, b"no")


async def test_a_refusal_leaves_other_messages_alone() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await denial_send(send)({"type": "http.response.debug", "info": {}})
    assert sent == [{"type": "http.response.debug", "info": {}}]


async def test_head_is_left_to_the_server(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("four")(scope, receive, send)

    async with client_for(app) as client:
        assert (await client.head("/")).headers["content-length"] == "4"
