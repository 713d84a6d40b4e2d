"""Typed functions: what a function takes and answers is said by its annotations (names as in FastAPI).

    @app.api.get("/items/{id}")
    async def read(id: int, q: Annotated[str, Query()] = "") -> ItemOut: ...

`markers` are what is written in signatures, `router` where functions are declared. Behind them: `signatures` reads a
function, `plan` puts it and its dependencies into one list of steps (`_steps_cy`, `bodies`), `codecs` reads values,
`endpoints` answers a request with all that, `answers` makes the response, `describing` says it for OpenAPI.
"""

from vivace.rest.functions.answers import ResponseValidationError
from vivace.rest.functions.controllers import delete, get, patch, post, put, websocket
from vivace.rest.functions.endpoints import RequestValidationError
from vivace.rest.functions.markers import (
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Path,
    Query,
    Security,
    SecurityScopes,
)
from vivace.rest.functions.router import APIRouter
from vivace.rest.functions.routes import TypedRoute, TypedWebSocketRoute
from vivace.rest.functions.signatures import InvalidFunctionError
from vivace.web.background import BackgroundTasks
from vivace.web.datastructures import UploadFile
from vivace.web.exceptions import HTTPException, WebSocketException
from vivace.web.requests import Request
from vivace.web.responses import EventSourceResponse, JSONLinesResponse, JSONResponse, Response, ServerSentEvent
from vivace.web.websockets import WebSocket, WebSocketDisconnect

__all__ = [
    "APIRouter",
    "BackgroundTasks",
    "Body",
    "Cookie",
    "Depends",
    "EventSourceResponse",
    "File",
    "Form",
    "HTTPException",
    "Header",
    "InvalidFunctionError",
    "JSONLinesResponse",
    "JSONResponse",
    "Path",
    "Query",
    "Request",
    "RequestValidationError",
    "Response",
    "ResponseValidationError",
    "Security",
    "SecurityScopes",
    "ServerSentEvent",
    "TypedRoute",
    "TypedWebSocketRoute",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "delete",
    "get",
    "patch",
    "post",
    "put",
    "websocket",
]
