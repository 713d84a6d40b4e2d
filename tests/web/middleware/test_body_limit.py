from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest

from vivace.web.applications import Application
from vivace.web.middleware import Middleware, problem_details
from vivace.web.middleware.body_limit import RequestBodyLimitMiddleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, Response
from vivace.web.routing import Mount, Route
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


async def size(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


async def without_looking(request: Request) -> Response:
    return JSONResponse("not read")


async def test_a_declared_length_over_the_limit_is_refused_also_when_nobody_reads() -> None:
    app = RequestBodyLimitMiddleware(
        Application(
            routes=[Route("/size", size, methods=["POST"]), Route("/blind", without_looking, methods=["POST"])]
        ),
        max_body_size=3,
    )
    client = AsyncTestClient(app)
    assert (await client.post("/size", content=b"abc")).json() == 3
    for path in ("/size", "/blind"):
        response = await client.post(path, content=b"abcd")
        assert (response.status_code, response.text) == (413, "Content Too Large")


async def test_a_body_that_does_not_say_its_length_is_counted() -> None:
    chunks = [{"type": "http.request", "body": b"ab", "more_body": True}] * 5
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return chunks[taken]

    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    app = Application(routes=[Route("/", size, methods=["POST"])], max_body_size=3)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"x")], "query_string": b""}
    await app(scope, receive, send)
    assert (messages[0]["status"], taken) == (413, 2)


async def test_the_innermost_limit_counts() -> None:
    inner = Mount("/in", routes=[Route("/", size, methods=["POST"], max_body_size=5)], max_body_size=1)
    app = Application(routes=[inner, Route("/", size, methods=["POST"])], max_body_size=3)
    async with AsyncTestClient(app) as client:
        assert (await client.post("/in/", content=b"abcde")).json() == 5
        assert (await client.post("/in/", content=b"abcdef")).status_code == 413
        assert (await client.post("/", content=b"abcd")).status_code == 413


async def test_a_limit_below_what_was_read_already_refuses() -> None:
    class Reads:
        def __init__(self, app: Application) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await receive()
            await self.app(scope, receive, send)

    async def body() -> AsyncIterator[bytes]:
        yield b"abcd"

    app = Application(
        routes=[Route("/", without_looking, methods=["POST"], max_body_size=2)],
        middleware=[Middleware(Reads)],  # type: ignore[arg-type]
        max_body_size=10,
    )
    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=body())).status_code == 413


async def test_a_limit_is_a_size() -> None:
    with pytest.raises(ValueError, match="zero or more bytes, got -1"):
        RequestBodyLimitMiddleware(Application(), max_body_size=-1)


@pytest.mark.parametrize("path", ["/size", "/blind"])
async def test_the_refusal_is_the_applications_own(path: str) -> None:
    app = Application(
        routes=[Route("/size", size, methods=["POST"]), Route("/blind", without_looking, methods=["POST"])],
        max_body_size=3,
    )
    problem_details.install(app)
    async with AsyncTestClient(app) as client:
        response = await client.post(path, content=b"abcd")
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == 413


async def test_what_is_compressed_is_counted_as_it_is_and_not_unpacked() -> None:
    body = gzip.compress(b"x" * 1_000_000)
    app = Application(routes=[Route("/", size, methods=["POST"])], max_body_size=len(body))
    async with AsyncTestClient(app) as client:
        response = await client.post("/", content=body, headers={"content-encoding": "gzip"})
        assert response.json() == len(body)
        response = await client.post("/", content=body + b"x", headers={"content-encoding": "gzip"})
        assert response.status_code == 413
