"""ASGI 2 applications on a live server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from vivace.server import AppLoadError
from vivace.server.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]


class Application:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        assert self.scope["type"] == "http"
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.scope["path"].encode() + message["body"]})


def function(scope: Scope) -> Callable[[Receive, Send], Awaitable[None]]:
    return Application(scope)


@pytest.mark.parametrize("app", [Application, function])
@pytest.mark.parametrize("interface", ["auto", "asgi2"])
async def test_an_asgi2_application_is_served(live: Live, app: Any, interface: str) -> None:
    async with live(app, interface=interface) as site:
        answer = await site.ask(b"PUT /path HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
    assert answer.body == b"/pathbody"


async def test_an_interface_that_cannot_be_stops_the_start(live: Live) -> None:
    with pytest.raises(AppLoadError, match=r'interface="wsgi" was asked for'):
        async with live(Application, interface="wsgi"):
            pass
