"""Every way to set something that becomes a header refuses what could end its line (RFC 9110 5.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import anyio
import pytest

from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.requests import Request
from vivace.web.responses import (
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from vivace.web.types import Message, Scope
from vivace.web.websockets import WebSocket

HOSTILE = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\n", "a\r\n\r\n<script>", "\u010d\u010a", "a\u2028b\U0001f600"]
# What a name, or a token elsewhere, cannot be either.
HOSTILE_NAMES = [*HOSTILE, "", "a b", "a:b", "a\x7f", "é", "a\tb", "(a)"]

# Ours, and that of the codec for what is not Latin-1.
REFUSED = "cannot contain|is not a|can't encode|must be either|holds Latin-1|invalid literal"

Setter = Callable[[str], Any]


def response_setters() -> Iterable[tuple[str, Setter, Setter | None]]:
    """What is set, how its value is, how its name is."""
    kinds: dict[str, Callable[..., Response]] = {
        "Response": lambda **given: Response(b"", **given),
        "PlainTextResponse": lambda **given: PlainTextResponse("", **given),
        "HTMLResponse": lambda **given: HTMLResponse("", **given),
        "JSONResponse": lambda **given: JSONResponse({}, **given),
        "StreamingResponse": lambda **given: StreamingResponse([], **given),
        "EventSourceResponse": lambda **given: EventSourceResponse([], **given),
        "FileResponse": lambda **given: FileResponse(__file__, **given),
    }
    for name, make in kinds.items():
        yield (
            f"{name} headers",
            lambda value, make=make: make(headers={"x-a": value}),  # type: ignore[misc]
            lambda value, make=make: make(headers={value: "a"}),  # type: ignore[misc]
        )
        yield f"{name} media_type", lambda value, make=make: make(media_type="text/" + value), None  # type: ignore[misc]
    yield "RedirectResponse headers", lambda value: RedirectResponse("/", headers={"x-a": value}), None


def header_setters() -> Iterable[tuple[str, Setter, Setter | None]]:
    def new() -> MutableHeaders:
        return MutableHeaders({"x-a": "1", "vary": "x"})

    def item(name: str, value: str) -> None:
        new()[name] = value

    def response_item(name: str, value: str) -> None:
        Response().headers[name] = value

    def inplace(name: str, value: str) -> None:
        headers = new()
        headers |= {name: value}

    yield "Headers()", lambda value: Headers({"x-a": value}), lambda name: Headers({name: "1"})
    yield "MutableHeaders()", lambda value: MutableHeaders({"x-a": value}), lambda name: MutableHeaders({name: "1"})
    yield "[]", lambda value: item("x-a", value), lambda name: item(name, "1")
    yield "response.headers[]", lambda value: response_item("x-a", value), lambda name: response_item(name, "1")
    yield "append", lambda value: new().append("x-a", value), lambda name: new().append(name, "1")
    yield "setdefault", lambda value: new().setdefault("x-b", value), lambda name: new().setdefault(name, "1")
    yield "update", lambda value: new().update({"x-a": value}), lambda name: new().update({name: "1"})
    yield "|", lambda value: new() | {"x-a": value}, lambda name: new() | {name: "1"}
    yield "|=", lambda value: inplace("x-a", value), lambda name: inplace(name, "1")
    yield "add_vary_header", lambda value: new().add_vary_header(value), None


def cookie_setters() -> Iterable[tuple[str, Setter, Setter | None]]:
    cookie = Response().set_cookie
    yield "cookie", lambda value: cookie("a", value), cookie
    yield "cookie path", lambda value: cookie("a", path=value), None
    yield "cookie domain", lambda value: cookie("a", domain=value), None
    yield "cookie expires", lambda value: cookie("a", expires=value), None
    yield "cookie samesite", lambda value: cookie("a", samesite=cast("Any", value)), None
    yield "cookie max_age", lambda value: cookie("a", max_age=cast("Any", value)), None
    delete = Response().delete_cookie
    yield "delete_cookie", lambda value: delete("a", path=value), delete
    yield "delete_cookie domain", lambda value: delete("a", domain=value), None
    yield "delete_cookie samesite", lambda value: delete("a", samesite=cast("Any", value)), None


def disposition_setters() -> Iterable[tuple[str, Setter, Setter | None]]:
    yield (
        "FileResponse content_disposition_type",
        lambda value: FileResponse(__file__, filename="a", content_disposition_type=value),
        None,
    )


def connection_setters() -> Iterable[tuple[str, Setter, Setter | None]]:
    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    def now(function: Callable[..., Awaitable[None]], *given: Any) -> None:
        anyio.run(lambda: function(*given))

    scope: Scope = {"type": "http", "method": "GET", "headers": [], "extensions": {"http.response.early_hint": {}}}
    request: Request = Request(scope, receive, send)
    bare: Request = Request({"type": "http", "method": "GET", "headers": []}, receive, send)
    yield "early hints", lambda value: now(request.send_early_hints, value), None
    yield "more early hints", lambda value: now(request.send_early_hints, "</a>", value), None
    yield "early hints without the extension", lambda value: now(bare.send_early_hints, value), None
    yield "push", lambda value: now(request.send_push_promise, "/" + value), None

    def accept(*given: Any) -> None:
        now(WebSocket({"type": "websocket", "headers": []}, receive, send).accept, *given)

    yield "subprotocol", accept, accept


SETTERS = [*response_setters(), *header_setters(), *cookie_setters(), *disposition_setters(), *connection_setters()]


@pytest.mark.parametrize(("set_value"), [pytest.param(value, id=what) for what, value, _ in SETTERS])
def test_a_hostile_value_is_refused(set_value: Setter) -> None:
    for value in HOSTILE:
        with pytest.raises(ValueError, match=REFUSED):
            set_value(value)


@pytest.mark.parametrize("set_name", [pytest.param(name, id=what) for what, _, name in SETTERS if name is not None])
def test_a_hostile_name_is_refused(set_name: Setter, request: pytest.FixtureRequest) -> None:
    for name in HOSTILE_NAMES:
        if name == "a:b" and "cookie" in request.node.callspec.id:
            continue  # the standard library takes a colon in the name of a cookie
        with pytest.raises(ValueError, match=REFUSED):
            set_name(name)


@pytest.mark.parametrize(
    "pair", [(b"x-a", b"a\r\nb: c"), (b"x-a", b"a\0"), (b"a: b", b"c"), (b"a\r\nb", b"c"), (b"", b"c")]
)
def test_the_headers_of_a_websocket_handshake_are_refused(pair: tuple[bytes, bytes]) -> None:
    async def unused(*_: Any) -> Any:
        raise AssertionError

    async def accept() -> None:
        await WebSocket({"type": "websocket", "headers": []}, unused, unused).accept(headers=[pair])

    with pytest.raises(ValueError, match=REFUSED):
        anyio.run(accept)


def sent_value(response: Response, name: str) -> bytes:
    """A header as it is sent: one line of visible ASCII."""
    value = dict(response.raw_headers)[name.encode()]
    assert all(32 <= byte < 127 for byte in value), value
    return value


@pytest.mark.parametrize("hostile", [*HOSTILE, '"', "\\", "a;b", "../a", "é", "\udcff", "%0d%0a", "\x7f"])
def test_a_file_name_becomes_one_parameter(hostile: str) -> None:
    """RFC 6266 4.1, RFC 8187 3.2: quoted if it is plain, else percent-encoded UTF-8."""
    value = sent_value(FileResponse(__file__, filename=hostile), "content-disposition")
    assert value.startswith(b"attachment; filename*=utf-8''")
    assert not set(value[len(b"attachment; filename*=utf-8''") :]) & set(b" ;\"\\'(),/:<=>?@[]{}")
    assert sent_value(FileResponse(__file__, filename="a-b_1.txt"), "content-disposition") == (
        b'attachment; filename="a-b_1.txt"'
    )


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_redirect_is_encoded_into_one_line(hostile: str) -> None:
    assert sent_value(RedirectResponse("/next?to=" + hostile), "location").startswith(b"/next?to=")
