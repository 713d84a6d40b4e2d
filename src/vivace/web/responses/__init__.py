"""Responses: objects that answer a request as ASGI applications do (names as in `starlette.responses`).

Read `_base` first. `_streaming` and `_file` send what does not fit, or need not be, in memory; `_event_source` sends
server-sent events, `_json_lines` JSON lines.
"""

from vivace.utils.conditional import MalformedRange, RangeNotSatisfiable
from vivace.web.responses._base import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from vivace.web.responses._event_source import EventSourceResponse
from vivace.web.responses._file import FileResponse
from vivace.web.responses._json_lines import JSONLinesResponse, NDJSONResponse
from vivace.web.responses._server_sent_event import JSONServerSentEvent, ServerSentEvent
from vivace.web.responses._streaming import (
    AsyncContentStream,
    Content,
    ContentStream,
    StreamingResponse,
    SyncContentStream,
)

MalformedRangeHeader = MalformedRange

__all__ = [
    "AsyncContentStream",
    "Content",
    "ContentStream",
    "EventSourceResponse",
    "FileResponse",
    "HTMLResponse",
    "JSONLinesResponse",
    "JSONResponse",
    "JSONServerSentEvent",
    "MalformedRangeHeader",
    "NDJSONResponse",
    "PlainTextResponse",
    "RangeNotSatisfiable",
    "RedirectResponse",
    "Response",
    "ServerSentEvent",
    "StreamingResponse",
    "SyncContentStream",
]
