"""The ASGI toolkit: what an application is made of, between the server's messages and your functions.

Module names, classes and signatures are Starlette's, so that replacing `starlette.` by `vivace.web.` moves a project.
It knows no database and no settings; any ASGI server runs what it makes. Written on anyio: asyncio and trio.

Read `applications` first, then `routing` (which code answers which URL), `requests` and `responses`; `middleware` is
what can stand around them, `testclient` calls an application without a server. `urls`, `views` and `shortcuts` are
Django's way to write the same; `broadcast` tells many clients at once. The common names are here as well.
"""

from vivace.web.applications import Application, Starlette
from vivace.web.background import BackgroundTask, BackgroundTasks
from vivace.web.endpoints import HTTPEndpoint, WebSocketEndpoint
from vivace.web.exceptions import HTTPException, WebSocketException
from vivace.web.middleware import Middleware
from vivace.web.requests import Request
from vivace.web.responses import (
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    JSONLinesResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    ServerSentEvent,
    StreamingResponse,
)
from vivace.web.routing import Host, Mount, Route, Router, WebSocketRoute
from vivace.web.staticfiles import StaticFiles
from vivace.web.templating import Jinja2Templates
from vivace.web.websockets import WebSocket, WebSocketDisconnect

# Starlette's, whose names and behaviour these are: what a program is told that asks for it (`utils.import_alias`).
__version__ = "1.10.0"

__all__ = [
    "Application",
    "BackgroundTask",
    "BackgroundTasks",
    "EventSourceResponse",
    "FileResponse",
    "HTMLResponse",
    "HTTPEndpoint",
    "HTTPException",
    "Host",
    "JSONLinesResponse",
    "JSONResponse",
    "Jinja2Templates",
    "Middleware",
    "Mount",
    "PlainTextResponse",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "Router",
    "ServerSentEvent",
    "Starlette",
    "StaticFiles",
    "StreamingResponse",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketEndpoint",
    "WebSocketException",
    "WebSocketRoute",
]
