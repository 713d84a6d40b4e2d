"""WebSockets with typed arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from vivace.rest.exceptions import NotAuthenticated
from vivace.rest.functions import (
    APIRouter,
    Depends,
    Header,
    InvalidFunctionError,
    Query,
    Request,
    WebSocket,
    WebSocketDisconnect,
)
from vivace.web.applications import Application
from vivace.web.testclient import TestClient

router = APIRouter(prefix="/chat")
log: list[str] = []


async def resource(token: Annotated[str, Query()] = "") -> AsyncIterator[str]:
    if token == "bad":
        raise NotAuthenticated
    yield token.upper()
    log.append("closed")


@router.websocket("/{room}")
async def chat(
    websocket: WebSocket[Any],
    room: int,
    token: Annotated[str, Depends(resource)],
    x_kind: Annotated[list[str] | None, Header()] = None,
) -> None:
    await websocket.accept()
    await websocket.send_json([room, token, x_kind])
    await websocket.close()


client = TestClient(Application(routes=router.routes))


def test_arguments_are_found_as_those_of_requests() -> None:
    log.clear()
    with client.websocket_connect("/chat/3?token=t", headers={"X-Kind": "k"}) as session:
        assert session.receive_json() == [3, "T", ["k"]]
        with pytest.raises(WebSocketDisconnect):
            session.receive_json()
    assert log == ["closed"]


def test_what_is_wrong_closes_the_handshake() -> None:
    for path in ("/chat/x", "/chat/3?token=bad"):
        with pytest.raises(WebSocketDisconnect) as caught:
            with client.websocket_connect(path):
                pass
        assert caught.value.code == 1008


async def with_body(websocket: WebSocket[Any], body: dict[str, int]) -> None: ...
async def with_request(request: Request[Any]) -> None: ...


@pytest.mark.parametrize("function", [with_body, with_request])
def test_what_a_websocket_has_not_is_refused_where_it_is_declared(function: Any) -> None:
    with pytest.raises(InvalidFunctionError, match=r"A WebSocket has no|a WebSocket has no body"):
        APIRouter().websocket("/")(function)


async def with_websocket(websocket: WebSocket[Any]) -> None: ...


def test_a_request_has_no_websocket() -> None:
    with pytest.raises(InvalidFunctionError, match="A request has no WebSocket"):
        APIRouter().get("/")(with_websocket)
