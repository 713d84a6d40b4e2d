"""What a WebSocket connection reports.

`next_event()` of a `WebSocketProtocol` returns one of

* `str`: a text message, whole;
* `bytes`: a binary message, whole, maybe empty;
* a `Ping` or `Pong`;
* a `Close`: the last event; close the connection once its `answer` is written;
* `None`: more bytes are needed.

Events own what they hold. `answer` is what to write because of the event, `b""` when nothing may be sent any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class CloseCode(IntEnum):
    """Why a connection ends (RFC 6455 7.4.1 and the IANA registry of close codes)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS = 1005  # never sent: the close frame that came was empty
    ABNORMAL = 1006  # never sent: the connection ended without a close frame
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014


@dataclass(frozen=True, slots=True)
class Ping:
    """The client asks whether we are there; `answer` is the pong."""

    payload: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The client answers a ping of ours, or tells unasked that it is there."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The end, with the code and reason that the application is told.

    `failed` says that the client did not choose it: it broke the protocol or a limit, and `answer` tells it so.
    """

    code: int
    reason: str
    answer: bytes
    failed: bool = False


Event = str | bytes | Ping | Pong | Close | None

__all__ = ["Close", "CloseCode", "Event", "Ping", "Pong"]
