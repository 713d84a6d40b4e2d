from __future__ import annotations

import pytest

from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.middleware import Middleware
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("host", "status_code"),
    [
        ("example.com", 200),
        ("EXAMPLE.com:8000", 200),
        ("a.sub.example.org", 200),
        ("sub.example.org", 400),
        ("evil.com", 400),
        ("example.com.evil.com", 400),
        ("evilsub.example.org", 400),
        ("example.com:evil", 400),
        ("example.com/@evil.com", 400),
        ("[::1]", 200),
    ],
)
async def test_only_our_hosts_are_answered(host: str, status_code: int) -> None:
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["example.com", "*.sub.example.org", "[::1]"])
    client = AsyncTestClient(app)
    assert (await client.get("/", headers={"host": host})).status_code == status_code


@pytest.mark.parametrize(
    ("host", "status_code"),
    [
        ("example.com", 200),
        ("example.com.", 200),
        ("a.b.example.com", 200),
        ("badexample.com", 400),
        (".example.com", 200),
    ],
)
async def test_a_dot_in_front_means_the_host_and_its_subdomains(host: str, status_code: int) -> None:
    client = AsyncTestClient(TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=[".example.com"]))
    for _ in range(2):  # the second time from memory
        assert (await client.get("/", headers={"host": host})).status_code == status_code


async def test_a_refusal_is_logged_and_answered_as_the_application_answers_that_status(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def page(request: Request, error: Exception) -> Response:
        return PlainTextResponse("our page", status_code=400)

    app = Application(
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])], exception_handlers={400: page}
    )
    async with AsyncTestClient(app) as client:
        assert (await client.get("/", headers={"host": "other"})).text == "our page"
    assert "'other'" in caplog.text


@pytest.mark.parametrize("handled", [HTTPException, Exception])
async def test_a_handler_of_all_exceptions_is_not_asked(handled: type[Exception]) -> None:
    async def page(request: Request, error: Exception) -> Response:
        raise AssertionError("Starlette does not call it either")

    layers = [Middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])]
    async with AsyncTestClient(Application(middleware=layers, exception_handlers={handled: page})) as client:
        assert (await client.get("/", headers={"host": "other"})).text == "Invalid host header"


async def test_a_websocket_for_another_host_is_closed_where_no_response_can_be_sent() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["example.com"])
    await app({"type": "websocket", "headers": [(b"host", b"other")]}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "Invalid host header"}]


async def test_hosts_that_strangers_make_up_are_not_remembered_without_end() -> None:
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["*.example.com"])
    client = AsyncTestClient(app)
    for number in range(150):
        assert (await client.get("/", headers={"host": f"h{number}.example.com"})).status_code == 200
    assert len(app._remembered) == 100


async def test_a_host_known_by_www_is_sent_there() -> None:
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["www.example.com"])
    client = AsyncTestClient(app, base_url="https://example.com", follow_redirects=False)
    assert (await client.get("/a?b=c")).headers["location"] == "https://www.example.com/a?b=c"
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["www.example.com"], www_redirect=False)
    assert (await AsyncTestClient(app, base_url="https://example.com").get("/")).status_code == 400


async def test_without_hosts_any_is_ours() -> None:
    client = AsyncTestClient(TrustedHostMiddleware(PlainTextResponse("ok")))
    assert (await client.get("/", headers={"host": "any"})).status_code == 200


@pytest.mark.parametrize("pattern", ["*example.com", "a.*.com", "example.*"])
async def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"must be like '\*\.example\.com'"):
        TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=[pattern])
