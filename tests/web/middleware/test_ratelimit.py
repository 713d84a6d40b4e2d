"""429 to those who ask too often, and to nobody else; and what they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from vivace.utils.ratelimit import Decision, Limit, MemoryStore, SlidingWindow, StoreUnavailable, TokenBucket
from vivace.web.applications import Starlette
from vivace.web.authentication import SimpleUser, UnauthenticatedUser
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.exceptions import HTTPException
from vivace.web.middleware import Middleware
from vivace.web.middleware.ratelimit import RateLimitMiddleware, rate_limit
from vivace.web.requests import HTTPConnection, Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Mount, Route, WebSocketRoute
from vivace.web.testclient import AsyncTestClient, WebSocketDenialResponse
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio
ClientFor = Callable[[ASGIApp], httpx.AsyncClient]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def statuses(app: ASGIApp, times: int, path: str = "/", **scope: Any) -> list[int]:
    """What requests with this scope are answered with."""
    found: list[int] = []
    for _ in range(times):

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                found.append(message["status"])

        async def receive() -> Message:
            return {"type": "http.request"}

        request = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        await app(request | {"client": ("192.0.2.1", 1)} | scope, receive, send)
    return found


async def test_who_asks_too_often_is_told_when_to_come_back(client_for: ClientFor) -> None:
    now = 1000.0
    store = MemoryStore(clock=lambda: now)
    async with client_for(RateLimitMiddleware(hello, "2/minute", store=store)) as client:
        first, second, third = [await client.get("/") for _ in range(3)]
        assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
        assert first.headers["ratelimit-policy"] == '"default";q=2;w=60'
        assert first.headers["ratelimit"] == '"default";r=1;t=61'
        assert second.headers["ratelimit"] == '"default";r=0;t=61'
        assert third.headers["ratelimit"] == f'"default";r=0;t={third.headers["retry-after"]}'
        assert third.text == f"Too Many Requests: try again in {third.headers['retry-after']} seconds"
        assert third.headers["ratelimit-policy"] == '"default";q=2;w=60'
        now += int(third.headers["retry-after"])
        assert (await client.get("/")).status_code == 200


async def test_several_limits_have_names(client_for: ClientFor) -> None:
    rates: list[str | Limit] = ["2/second; 5/minute", SlidingWindow(7, 90), TokenBucket(10, 60, burst=20)]
    async with client_for(RateLimitMiddleware(hello, rates, name="api")) as client:
        answer = await client.get("/")
    assert answer.headers["ratelimit-policy"] == (
        '"api-per-second";q=2;w=1, "api-per-minute-2";q=5;w=60, "api-per-90-seconds";q=7;w=90, '
        '"api-per-minute-4";q=20;w=120'
    )
    assert answer.headers["ratelimit"].count(";r=") == 4


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, {}),
        ([], {}),
        ("legacy", {"ratelimit-limit": "5", "ratelimit-remaining": "4", "ratelimit-reset": "12"}),
        ("x", {"x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "12"}),
        (
            ("x", "ietf"),
            {
                "ratelimit-policy": '"default";q=5;w=60',
                "ratelimit": '"default";r=4;t=12',
                "x-ratelimit-limit": "5",
                "x-ratelimit-remaining": "4",
                "x-ratelimit-reset": "12",
            },
        ),
    ],
)
async def test_clients_are_told_in_the_words_that_are_chosen(
    client_for: ClientFor, headers: Any, expected: dict[str, str]
) -> None:
    app = RateLimitMiddleware(hello, "5/minute", algorithm="token-bucket", headers=headers)
    async with client_for(app) as client:
        answer = await client.get("/")
    assert {name: value for name, value in answer.headers.items() if "ratelimit" in name} == expected


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("no:address", "no:address", True),
    ],
)
async def test_an_address_is_one_client_and_so_is_a_network_of_ipv6(one: str, other: str, shared: bool) -> None:
    app = RateLimitMiddleware(hello, "1/hour")
    assert await statuses(app, 1, client=(one, 1)) == [200]
    assert await statuses(app, 1, client=(other, 2)) == [429 if shared else 200]


async def test_those_without_an_address_share_one_count() -> None:
    app = RateLimitMiddleware(hello, "1/hour")
    assert await statuses(app, 1, client=None) + await statuses(app, 1, client=("", 0)) == [200, 429]


async def test_users_are_counted_wherever_they_are_and_strangers_by_address() -> None:
    class Account(SimpleUser):
        @property
        def identity(self) -> str:
            return "42"

    app = RateLimitMiddleware(hello, "1/hour", key="user")
    ann = SimpleUser("ann")
    assert await statuses(app, 1, user=ann) == [200]
    assert await statuses(app, 1, user=ann, client=("192.0.2.9", 1)) == [429]
    assert await statuses(app, 2, user=Account("ann")) == [200, 429]
    assert await statuses(app, 2, user=UnauthenticatedUser()) == [200, 429]
    assert await statuses(app, 1) == [429]


async def test_a_function_says_whose_requests_are_counted_and_what_they_cost() -> None:
    async def by_key(connection: HTTPConnection) -> str | None:
        key: str | None = connection.query_params.get("key")
        return key

    def by_size(connection: HTTPConnection) -> int:
        return int(connection.query_params.get("cost", "1"))

    app = RateLimitMiddleware(hello, "10/hour", key=by_key, cost=by_size)
    assert await statuses(app, 3, query_string=b"key=a&cost=4") == [200, 200, 429]
    assert await statuses(app, 3, query_string=b"key=a&cost=0") == [200] * 3
    assert await statuses(app, 1, query_string=b"key=b&cost=11") == [429]
    assert await statuses(app, 12) == [200] * 12


async def test_a_request_that_can_never_be_allowed_is_not_asked_to_come_back(client_for: ClientFor) -> None:
    async with client_for(RateLimitMiddleware(hello, "10/hour", cost=11)) as client:
        answer = await client.get("/")
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    assert "costs more" in answer.text


async def test_exempt_paths_are_not_counted() -> None:
    app = RateLimitMiddleware(hello, "1/hour", exempt=["/health", "/static/*"])
    for path in ("/health", "/static/", "/static/a/b.css"):
        assert await statuses(app, 3, path) == [200] * 3
    assert await statuses(app, 2, "/healthy") == [200, 429]
    assert await statuses(app, 1, "/static") == [429]
    # Below a mount, they are the mount's own.
    mounted = Starlette(routes=[Mount("/api", app=app)])
    assert await statuses(mounted, 2, "/api/health") == [200] * 2


async def test_it_stands_around_an_application_a_mount_or_one_route() -> None:
    limit = Middleware(RateLimitMiddleware, rate="1/hour")
    app = Starlette(
        routes=[
            Route("/free", hello_endpoint),
            Route("/route", hello_endpoint, middleware=[limit]),
            Mount("/mount", routes=[Route("/", hello_endpoint)], middleware=[limit]),
        ]
    )
    assert await statuses(app, 2, "/free") == [200, 200]
    assert await statuses(app, 2, "/route") == [200, 429]
    assert await statuses(app, 2, "/mount/") == [200, 429]


async def hello_endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def test_limits_in_one_store_are_apart_unless_they_have_one_name() -> None:
    store = MemoryStore()
    app = RateLimitMiddleware(hello, "1/hour", store=store)
    same = RateLimitMiddleware(hello, "1/hour", store=store)
    other = RateLimitMiddleware(hello, "1/hour", store=store, name="other")
    assert await statuses(app, 1) + await statuses(same, 1) + await statuses(other, 1) == [200, 429, 200]


async def test_the_refusal_is_the_applications_own(client_for: ClientFor) -> None:
    async def slower(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"slower": True}, error.status_code, error.headers)

    app = Starlette(
        routes=[Route("/", hello_endpoint)],
        middleware=[Middleware(RateLimitMiddleware, "1/hour")],
        exception_handlers={429: slower},
    )
    async with client_for(app) as client:
        await client.get("/")
        answer = await client.get("/")
    assert (answer.status_code, answer.json()) == (429, {"slower": True})
    assert {"retry-after", "ratelimit", "ratelimit-policy"} <= set(answer.headers)


async def test_websockets_are_refused_before_they_open() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    app = Starlette(
        routes=[WebSocketRoute("/", echo)], middleware=[Middleware(RateLimitMiddleware, "1/hour", headers="x")]
    )
    async with AsyncTestClient(app) as client:
        async with client.websocket_connect("/") as websocket:
            assert await websocket.receive_text() == "hello"
            assert (b"x-ratelimit-remaining", b"0") in (websocket.extra_headers or [])
        with pytest.raises(WebSocketDenialResponse) as caught:
            async with client.websocket_connect("/"):
                raise AssertionError
        assert caught.value.status_code == 429
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    strict = RateLimitMiddleware(hello, "1/hour", cost=2)
    await strict({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


class Broken:
    """A store that cannot be asked."""

    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses

    async def take(self, key: str, limits: Any, cost: int = 1) -> Decision:
        if self.refuses:
            raise StoreUnavailable("planted", 1.5)
        return Decision(True)


async def test_a_store_that_does_not_answer_lets_all_pass_or_refuses(client_for: ClientFor) -> None:
    async with client_for(RateLimitMiddleware(hello, "1/hour", store=Broken(refuses=False))) as client:
        answers = [await client.get("/") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert "ratelimit" not in answers[0].headers
    async with client_for(RateLimitMiddleware(hello, "1/hour", store=Broken(refuses=True))) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_responses_stream_through_and_requests_together_are_counted_right(client_for: ClientFor) -> None:
    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> Any:
            for _ in range(3):
                await anyio.sleep(0)
                yield b"piece"

        return StreamingResponse(pieces())

    app = Starlette(routes=[Route("/", stream)], middleware=[Middleware(RateLimitMiddleware, "5/hour")])
    answers: list[httpx.Response] = []
    async with client_for(app) as client:

        async def ask() -> None:
            answers.append(await client.get("/"))

        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(ask)
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7
    assert {answer.text for answer in answers if answer.status_code == 200} == {"piece" * 3}


async def test_a_decorated_endpoint_has_limits_of_its_own(client_for: ClientFor) -> None:
    @rate_limit("1/hour", headers="x")
    async def login(request: Request) -> PlainTextResponse:
        return PlainTextResponse("welcome")

    @rate_limit("1/hour")
    def search(request: Request) -> PlainTextResponse:
        return PlainTextResponse("found")

    class Books(HTTPEndpoint):
        @rate_limit("1/hour")
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("books")

        async def post(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("posted")

    app = Starlette(routes=[Route("/login", login), Route("/search", search), Route("/books", Books)])
    async with client_for(app) as client:
        for path in ("/login", "/search", "/books"):
            first, second = await client.get(path), await client.get(path)
            assert (first.status_code, second.status_code) == (200, 429)
            assert "retry-after" in second.headers
        assert (await client.get("/login")).headers["x-ratelimit-remaining"] == "0"
        assert [(await client.post("/books")).status_code for _ in range(3)] == [200] * 3
        assert first.headers["ratelimit-policy"].endswith('Books.get";q=1;w=3600')


async def test_a_response_that_a_decorated_endpoint_gives_to_many_stays_as_it_is(client_for: ClientFor) -> None:
    shared = PlainTextResponse("the same for all")
    headers = list(shared.raw_headers)

    @rate_limit("10/hour", headers="x")
    async def endpoint(request: Request) -> PlainTextResponse:
        return shared

    async with client_for(Starlette(routes=[Route("/", endpoint)])) as client:
        answers = [await client.get("/") for _ in range(3)]
    assert [answer.headers.get_list("x-ratelimit-remaining") for answer in answers] == [["9"], ["8"], ["7"]]
    assert shared.raw_headers == headers


async def test_a_decorated_websocket_is_refused_before_it_opens() -> None:
    @rate_limit("1/hour")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    async with AsyncTestClient(Starlette(routes=[WebSocketRoute("/", chat)])) as client:
        async with client.websocket_connect("/") as websocket:
            with pytest.raises(WebSocketDisconnect):
                await websocket.receive_text()
        with pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)):
            async with client.websocket_connect("/"):
                raise AssertionError


async def test_an_endpoint_without_a_request_is_told_so() -> None:
    @rate_limit("1/hour")
    async def function(number: int) -> int:
        return number

    with pytest.raises(TypeError, match="without a Request or WebSocket"):
        await function(1)


async def test_a_store_of_ones_own_is_asked() -> None:
    asked: list[tuple[str, int]] = []

    class Refusing:
        async def take(self, key: str, limits: Any, cost: int = 1) -> Decision:
            asked.append((key, cost))
            return Decision(True)

    await statuses(RateLimitMiddleware(hello, "1/hour", store=Refusing(), cost=3), 1)
    assert asked == [("default:192.0.2.1", 3)]


async def test_other_scopes_pass_and_nothing_is_counted() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    nothing: Callable[..., Awaitable[Any]] = anyio.sleep
    await RateLimitMiddleware(app, "1/hour")({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": "often"}, "A rate is such as"),
        ({"rate": []}, "limits nothing"),
        ({"rate": "1/s", "key": "adress"}, "'client', 'user' or a function, got 'adress'"),
        ({"rate": "1/s", "cost": 0}, "one or more"),
        ({"rate": "1/s", "algorithm": "leaky"}, "sliding-window"),
        ({"rate": "1/s", "headers": "draft"}, "ietf"),
        ({"rate": "1/s", "name": "a\nb"}, "visible ASCII"),
        ({"rate": "1/s", "name": ""}, "visible ASCII"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RateLimitMiddleware(hello, **arguments)


def test_limits_are_values_of_any_kind() -> None:
    limits: list[Limit] = [SlidingWindow(1, 1), TokenBucket(1, 1)]
    RateLimitMiddleware(hello, limits)
    RateLimitMiddleware(hello, limits[0])
