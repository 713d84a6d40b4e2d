from __future__ import annotations

import base64
from typing import Any

import pytest

from vivace.web.applications import Application
from vivace.web.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
    requires,
)
from vivace.web.middleware import Middleware
from vivace.web.middleware.authentication import AuthenticationMiddleware
from vivace.web.requests import HTTPConnection, Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import Route, WebSocketRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


class Basic(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        header = conn.headers.get("authorization")
        if header is None:
            return None
        try:
            name, _, _ = base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
        except ValueError:
            raise AuthenticationError("wrong credentials") from None
        return AuthCredentials(["authenticated"]), SimpleUser(name)


async def who(request: Request) -> Response:
    return JSONResponse([request.user.is_authenticated, request.user.display_name, request.user.identity])


@requires("authenticated")
async def members(request: Request) -> Response:
    return PlainTextResponse("members")


@requires(["authenticated", "admin"], status_code=404)
def admins(request: Request) -> Response:
    return PlainTextResponse("admins")


@requires("authenticated", redirect="who")
def members_in_a_thread(request: Request) -> Response:
    return PlainTextResponse("members")


class Views:
    @requires("authenticated", redirect="who")
    async def method(self, request: Request) -> Response:
        return PlainTextResponse("method")


@requires("authenticated")
async def chat(other: Any = None, *, websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.user.display_name)
    await websocket.close()


async def chat_endpoint(websocket: WebSocket) -> None:
    await chat(websocket=websocket)


def make_app(**options: Any) -> Application:
    return Application(
        routes=[
            Route("/who", who),
            Route("/members", members),
            Route("/admins", admins),
            Route("/thread", members_in_a_thread),
            Route("/method", Views().method),
            WebSocketRoute("/chat", chat_endpoint),
        ],
        middleware=[Middleware(AuthenticationMiddleware, backend=Basic(), **options)],
    )


async def test_a_backend_says_who_asks() -> None:
    async with AsyncTestClient(make_app()) as client:
        assert (await client.get("/who")).json() == [False, "", ""]
        assert (await client.get("/who", auth=("ann", "x"))).json() == [True, "ann", "ann"]


async def test_wrong_credentials_are_400_or_what_on_error_says() -> None:
    wrong = {"authorization": "Basic !"}
    async with AsyncTestClient(make_app()) as client:
        response = await client.get("/who", headers=wrong)
        assert (response.status_code, response.text) == (400, "wrong credentials")
        with pytest.raises(WebSocketDisconnect):
            async with client.websocket_connect("/chat", headers=wrong):
                pass
    app = make_app(on_error=lambda connection, error: PlainTextResponse(str(error), status_code=401))
    async with AsyncTestClient(app) as client:
        assert (await client.get("/who", headers=wrong)).status_code == 401


async def test_requires_lets_only_those_in_who_may() -> None:
    async with AsyncTestClient(make_app(), follow_redirects=False) as client:
        assert (await client.get("/members")).status_code == 403
        response = await client.get("/thread?a=1")
        assert response.status_code == 303
        assert response.headers["location"] == "http://testserver/who?next=http%3A%2F%2Ftestserver%2Fthread%3Fa%3D1"
        assert (await client.get("/method")).status_code == 303
        with pytest.raises(WebSocketDisconnect):
            async with client.websocket_connect("/chat"):
                pass
        ann = ("ann", "x")
        assert (await client.get("/members", auth=ann)).text == "members"
        assert (await client.get("/thread", auth=ann)).text == "members"
        assert (await client.get("/method", auth=ann)).text == "method"
        assert (await client.get("/admins", auth=ann)).status_code == 404
        async with client.websocket_connect("/chat", auth=ann) as session:
            assert await session.receive_text() == "ann"


async def test_requires_needs_a_request_to_look_at() -> None:
    with pytest.raises(TypeError, match='No "request" or "websocket" argument'):
        requires("a")(lambda other: None)
    with pytest.raises(TypeError, match="'request' is required to be of type 'Request' not 'str'"):
        admins("not a request")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="of type 'WebSocket' not 'NoneType'"):
        await chat()  # type: ignore[call-arg]


async def test_lifespans_pass_the_middleware_by() -> None:
    async with AsyncTestClient(AuthenticationMiddleware(Application(), backend=Basic())) as client:
        assert (await client.get("/")).status_code == 404


async def test_base_classes_say_what_a_subclass_has_to_bring() -> None:
    for name in ("is_authenticated", "display_name", "identity"):
        with pytest.raises(NotImplementedError):
            getattr(BaseUser(), name)
    with pytest.raises(NotImplementedError):
        await AuthenticationBackend().authenticate(None)  # type: ignore[arg-type]
    assert UnauthenticatedUser().identity == ""
    assert AuthCredentials().scopes == []
