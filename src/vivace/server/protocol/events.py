"""The events that a protocol reports, one vocabulary for HTTP/1.1, HTTP/2 and WebSocket handshakes.

`next_event()` of a protocol returns one of

* a `RequestHead`: a request begins; a body follows when `has_body`;
* `bytes`: a piece of the body;
* `END_OF_BODY`: the body is complete (never reported for a request without one);
* `None`: more bytes are needed;

or raises `ProtocolError`, after which the connection reads no more.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from vivace.server.protocol._request_head_cy import RequestHead


class EndOfBody(Enum):
    """The type of `END_OF_BODY`, so that a type checker can tell it from the other events."""

    END_OF_BODY = "end of body"


END_OF_BODY: Final = EndOfBody.END_OF_BODY

Event = RequestHead | bytes | Literal[EndOfBody.END_OF_BODY] | None

__all__ = ["END_OF_BODY", "EndOfBody", "Event", "RequestHead"]
