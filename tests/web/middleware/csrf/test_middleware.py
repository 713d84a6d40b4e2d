from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jinja2
import pytest

from vivace.server import Config, Server
from vivace.web.applications import Application
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.middleware import Middleware
from vivace.web.middleware.csrf import (
    CSRFError,
    CSRFMiddleware,
    csrf_exempt,
    ensure_csrf_cookie,
    get_token,
    rotate_token,
)
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.middleware.sessions import SessionMiddleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Mount, Route, Router, WebSocketRoute
from vivace.web.templating import Jinja2Templates
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

TEMPLATES = Jinja2Templates(
    env=jinja2.Environment(
        loader=jinja2.DictLoader({"form": "<form>{{ csrf_input }}</form>{{ csrf_token }}"}), autoescape=True
    )
)
CROSS = {"sec-fetch-site": "cross-site"}


async def form(request: Request) -> Response:
    return TEMPLATES.TemplateResponse(request, "form")


async def token(request: Request) -> Response:
    return PlainTextResponse(get_token(request))


async def post(request: Request) -> Response:
    async with request.form() as sent:
        return JSONResponse({key: value if isinstance(value, str) else value.size for key, value in sent.items()})


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def login(request: Request) -> Response:
    rotate_token(request)
    return PlainTextResponse("in")


@csrf_exempt
async def webhook(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@ensure_csrf_cookie
async def page(request: Request) -> Response:
    return PlainTextResponse("page")


@csrf_exempt
class Machine(HTTPEndpoint):
    async def post(self, request: Request) -> Response:
        return PlainTextResponse("machine")


async def partial(request: Request, more: int) -> Response:
    return PlainTextResponse("partial")


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


@csrf_exempt
async def feed(websocket: WebSocket) -> None:
    await chat(websocket)


def routes() -> list[Any]:
    return [
        Route("/form", form),
        Route("/token", token),
        Route("/page", page),
        Route("/plain", lambda request: PlainTextResponse("plain")),
        Route("/post", post, methods=["POST", "PUT", "DELETE"]),
        Route("/body", body, methods=["POST"]),
        Route("/login", login, methods=["POST"]),
        Mount(
            "/hooks/{name}",
            routes=[Route("/in", webhook, methods=["POST"]), Route("/in", body, methods=["PUT"])],
            middleware=[Middleware(GZipMiddleware)],
        ),
        Route("/machine", Machine),
        Route("/partial", csrf_exempt(functools.partial(partial, more=1)), methods=["POST"]),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/feed", feed),
    ]


def app_with(*, debug: bool = False, sessions: bool = False, **options: Any) -> Application:
    layers = [Middleware(SessionMiddleware, secret_key="s" * 32)] if sessions else []
    layers += [Middleware(CSRFMiddleware, use_sessions=sessions, **options), Middleware(GZipMiddleware)]
    return Application(debug, routes(), layers)


def client_of(app: Any, scheme: str = "http", **options: Any) -> AsyncTestClient:
    return AsyncTestClient(app, base_url=f"{scheme}://testserver", **options)


@pytest.mark.parametrize("sessions", [False, True])
async def test_a_form_with_its_token_passes_and_one_without_is_refused(sessions: bool) -> None:
    async with client_of(app_with(sessions=sessions)) as client:
        assert (await client.post("/post", data={"a": "b"})).status_code == 403
        html = (await client.get("/form")).text
        found = re.search(r'<input type="hidden" name="csrfmiddlewaretoken" value="([0-9a-f]{64})">', html)
        assert found is not None
        assert "csrftoken" in client.cookies or sessions
        answer = await client.post("/post", data={"csrfmiddlewaretoken": found[1], "a": "b"})
        assert answer.json() == {"csrfmiddlewaretoken": found[1], "a": "b"}
        answer = await client.post("/post", data={"csrfmiddlewaretoken": found[1]}, files={"f": b"x" * 1_000_000})
        assert answer.json() == {"csrfmiddlewaretoken": found[1], "f": 1_000_000}
        for data in ({"a": "b"}, {"csrfmiddlewaretoken": "f" * 64}, {"csrfmiddlewaretoken": ""}):
            assert (await client.post("/post", data=data)).status_code == 403
        for method in ("PUT", "DELETE"):
            assert (await client.request(method, "/post")).status_code == 403


async def test_a_script_sends_the_cookie_in_a_header() -> None:
    async with client_of(app_with()) as client:
        await client.get("/page")
        headers = {"x-csrftoken": client.cookies["csrftoken"]}
        assert (await client.post("/body", json={}, headers=headers)).text == "2"
        masked = (await client.get("/token")).text
        assert (await client.post("/body", json={}, headers={"x-csrftoken": masked})).text == "2"
        assert (await client.post("/body", json={}, headers={"x-csrftoken": "0" * 32})).status_code == 403
        # A wrong header does not keep a right form out.
        right = {"csrfmiddlewaretoken": masked}
        assert (await client.post("/post", data=right, headers={"x-csrftoken": "old"})).json() == right


async def test_the_cookie_comes_with_the_token_and_only_then() -> None:
    async with client_of(app_with()) as client:
        assert "set-cookie" not in (await client.get("/plain")).headers
        answer = await client.get("/token")
        cookie = answer.headers["set-cookie"]
        assert re.fullmatch(r"csrftoken=[0-9a-f]{32}; Max-Age=31449600; Path=/; SameSite=lax", cookie)
        assert "Cookie" in answer.headers["vary"]
        first = client.cookies["csrftoken"]
        await client.get("/token")
        assert client.cookies["csrftoken"] == first
    async with client_of(app_with(), "https") as client:
        assert "Secure" in (await client.get("/token")).headers["set-cookie"]
    options: dict[str, Any] = {"cookie_name": "__Host-t", "cookie_secure": True, "cookie_httponly": True}
    async with client_of(app_with(**options, cookie_age=None, cookie_samesite="strict")) as client:
        cookie = (await client.get("/token")).headers["set-cookie"]
        assert re.fullmatch(r"__Host-t=\w{32}; HttpOnly; Path=/; SameSite=strict; Secure", cookie)


async def test_login_gives_another_secret() -> None:
    async with client_of(app_with()) as client:
        old = (await client.get("/token")).text
        assert (await client.post("/login", headers={"x-csrftoken": old})).text == "in"
        assert (await client.post("/body", headers={"x-csrftoken": old})).status_code == 403
        assert (await client.post("/body", headers={"x-csrftoken": client.cookies["csrftoken"]})).text == "0"


async def test_another_site_is_refused_even_with_the_token() -> None:
    async with client_of(app_with(trusted_origins=["https://shop.example"])) as client:
        right = {"x-csrftoken": (await client.get("/token")).text}
        assert (await client.post("/body", headers={**right, **CROSS})).status_code == 403
        assert (await client.post("/body", headers={**right, "origin": "https://evil.example"})).status_code == 403
        assert (await client.post("/body", headers={**right, "origin": "https://shop.example"})).status_code == 200
        assert (await client.post("/body", headers={**right, "origin": "http://testserver"})).status_code == 200
        assert (await client.get("/plain", headers=CROSS)).status_code == 200
    async with client_of(app_with(), "https") as client:
        right = {"x-csrftoken": (await client.get("/token")).text}
        assert (await client.post("/body", headers=right)).status_code == 403  # no Referer
        assert (await client.post("/body", headers={**right, "referer": "https://testserver/"})).status_code == 200


async def test_without_tokens_only_other_sites_are_refused() -> None:
    async with client_of(app_with(require_token=False), "https") as client:
        assert (await client.post("/body", content=b"abc")).text == "3"
        assert (await client.post("/body", headers={"sec-fetch-site": "same-origin"})).status_code == 200
        assert (await client.post("/body", headers=CROSS)).status_code == 403
        assert "set-cookie" not in (await client.get("/form")).headers
        assert (await client.get("/form")).text == "<form></form>"


async def test_what_is_exempt_is_not_checked_at_exactly_its_path_and_method() -> None:
    async with client_of(app_with()) as client:
        for path in ("/machine", "/partial", "/hooks/a/in"):
            assert (await client.post(path, headers=CROSS)).status_code == 200
        form_data = {"a": "b" * 100_000}
        assert (await client.post("/hooks/a/in", data=form_data, headers=CROSS)).text == "100002"
        assert (await client.put("/hooks/a/in")).status_code == 403
        assert (await client.post("/hooks/a/in/")).status_code == 403
        assert (await client.post("/nowhere")).status_code == 403


async def test_a_mounted_application_may_be_exempt() -> None:
    mounted = csrf_exempt(Router(routes()))
    layers = [Middleware(CSRFMiddleware)]
    app = Application(routes=[Mount("/api", mounted), Mount("/site", routes=routes())], middleware=layers)
    async with client_of(app) as client:
        assert (await client.post("/api/body")).text == "0"
        assert (await client.post("/site/body")).status_code == 403


@pytest.mark.parametrize("place", ["router", "mount", "route", "around"])
async def test_it_may_stand_anywhere(place: str) -> None:
    layers = [Middleware(CSRFMiddleware)]
    app: Any = Router(routes(), middleware=layers)
    if place == "mount":
        app = Application(routes=[Mount("/", routes=routes(), middleware=layers)])
    elif place == "route":
        app = Application(routes=[Route("/body", body, methods=["POST"], middleware=layers), *routes()])
    elif place == "around":
        app = CSRFMiddleware(CSRFMiddleware(Application(routes=routes())))
    async with client_of(app) as client:
        assert (await client.post("/body")).status_code == 403
        assert (await client.post("/machine")).status_code == 200
        if place != "route":
            right = {"csrfmiddlewaretoken": (await client.get("/token")).text}
            assert (await client.post("/post", data=right)).json() == right


async def test_a_form_whose_token_comes_too_late_is_refused() -> None:
    async with client_of(app_with(max_form_bytes=1000)) as client:
        right = (await client.get("/token")).text
        late = {"a": "x" * 1000, "csrfmiddlewaretoken": right}
        assert (await client.post("/post", data=late)).status_code == 403
        assert (await client.post("/post", data={"csrfmiddlewaretoken": right, **late})).status_code == 200


async def test_the_reason_is_for_the_log_and_the_developer(caplog: pytest.LogCaptureFixture) -> None:
    browser = {"accept": "text/html", "origin": "https://<b>evil"}
    async with client_of(app_with(debug=True)) as client:
        answer = await client.post("/body", headers=browser)
        assert answer.status_code == 403
        assert "Origin &#x27;https://&lt;b&gt;evil&#x27; is not" in answer.text
        assert (await client.post("/body")).text == "CSRF verification failed."
        assert "The cookie 'csrftoken' is not set." in caplog.text
        await client.get("/page")
        await client.post("/body", headers={"accept": "text/html"}, data={"a": "b"})
        assert "belongs at its beginning" in caplog.text
    async with client_of(app_with()) as client:
        answer = await client.post("/body", headers=browser)
        assert (answer.text, answer.headers["content-type"]) == (
            "CSRF verification failed.",
            "text/plain; charset=utf-8",
        )


async def test_a_failure_may_be_answered_otherwise() -> None:
    def sorry(request: Request, reason: str) -> Response:
        return PlainTextResponse(f"sorry: {reason}", 403)

    async with client_of(app_with(on_failure=sorry)) as client:
        assert (await client.post("/body")).text == "sorry: The cookie 'csrftoken' is not set."

    async def our_page(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{request.url.path}: {error}", 403)

    for key in (403, CSRFError):
        app = app_with()
        app.add_exception_handler(key, our_page)
        async with client_of(app) as client:
            assert (await client.post("/body")).text == "/body: 403: CSRF verification failed."


async def test_a_websocket_of_another_site_is_refused() -> None:
    async with client_of(app_with()) as client:
        for headers in ({}, {"origin": "http://testserver"}, {"sec-fetch-site": "same-origin"}):
            async with client.websocket_connect("/chat", headers=headers) as websocket:
                assert await websocket.receive_text() == "hello"
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, CROSS):
            with pytest.raises(WebSocketDisconnect):
                async with client.websocket_connect("/chat", headers=headers):
                    pass
            async with client.websocket_connect("/feed", headers=headers) as websocket:
                assert await websocket.receive_text() == "hello"


async def test_a_token_asked_for_while_streaming_is_too_late_unless_there_is_one() -> None:
    async def late(request: Request) -> AsyncIterator[str]:
        yield "begun "
        yield get_token(request)

    async def stream(request: Request) -> Response:
        return StreamingResponse(late(request))

    app = app_with()
    app.route("/stream")(stream)
    async with client_of(app) as client:
        with pytest.raises(RuntimeError, match="before streaming begins"):
            await client.get("/stream")
        await client.get("/token")
        assert (await client.get("/stream")).text.startswith("begun ")


async def test_the_body_streams_to_the_application_after_the_token() -> None:
    taken: list[str] = []
    parts = [b"csrfmiddlewaretoken=" + b"0" * 32 + b"&a=", b"x" * 10, b"y"]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        taken.append("application")
        taken.extend([f"read {len(part)}" async for part in Request(scope, receive).stream()])
        await PlainTextResponse("")(scope, receive, send)

    async def receive() -> Message:
        part = parts.pop(0)
        taken.append(f"sent {len(part)}")
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        pass

    headers = [
        (b"host", b"a"),
        (b"cookie", b"csrftoken=" + b"0" * 32),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/", "scheme": "http", "headers": headers}
    await CSRFMiddleware(app)(scope, receive, send)
    assert taken == ["sent 55", "application", "sent 10", "sent 1", "read 55", "read 10", "read 1", "read 0"]


def test_arguments_are_checked() -> None:
    app = PlainTextResponse("in")
    with pytest.raises(TypeError, match="is a list"):
        CSRFMiddleware(app, trusted_origins="https://a")
    with pytest.raises(ValueError, match="max_form_bytes"):
        CSRFMiddleware(app, max_form_bytes=0)
    with pytest.raises(ValueError, match="not a cookie name"):
        CSRFMiddleware(app, cookie_name="a b")
    with pytest.raises(ValueError, match="not a header name"):
        CSRFMiddleware(app, header_name="a b")
    with pytest.raises(TypeError, match="method of an HTTPEndpoint"):
        ensure_csrf_cookie(Machine)


def test_a_large_upload_passes_a_real_server_whole() -> None:
    async def upload() -> tuple[int, int, int]:
        config = Config.from_options({"port": 0, "access_log": False})
        async with Server(app_with(), config) as server:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
                right = {"csrfmiddlewaretoken": (await client.get("/token")).text}
                answer = await client.post("/post", data=right, files={"f": b"x" * 3_000_000})
                refused = await client.post("/post", files={"f": b"x" * 3_000_000})
                return answer.status_code, int(answer.json()["f"]), refused.status_code

    assert asyncio.run(upload()) == (200, 3_000_000, 403)
