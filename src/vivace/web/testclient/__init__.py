"""Test clients: an application is called in this process, with no server and no socket.

`TestClient` is synchronous and runs the application in an event loop of its own, in another thread. `AsyncTestClient`
runs it in the event loop of the test, where fixtures, application and database share connections and context variables.

Both are httpx clients (cookies, redirects, files, JSON and streaming are httpx's); `pip install httpx` brings what they
need. Read `_exchange` for how a request is put to the application.
"""

from vivace.web.testclient._async import AsyncTestClient, AsyncWebSocketTestSession
from vivace.web.testclient._scope import ASGI2App, ASGI3App, ASGIInstance
from vivace.web.testclient._sync import TestClient, WebSocketTestSession
from vivace.web.testclient._websocket import WebSocketDenialResponse

__all__ = [
    "ASGI2App",
    "ASGI3App",
    "ASGIInstance",
    "AsyncTestClient",
    "AsyncWebSocketTestSession",
    "TestClient",
    "WebSocketDenialResponse",
    "WebSocketTestSession",
]
