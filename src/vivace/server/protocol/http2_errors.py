"""What can go wrong on an HTTP/2 connection, and how it is said (RFC 9113 7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from vivace.server.protocol.errors import ProtocolError


class ErrorCode(IntEnum):
    """The codes that RST_STREAM and GOAWAY carry."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFailed(ProtocolError):
    """The connection cannot go on. A GOAWAY with `code` is ready to be sent; close after it."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(400, reason)
        self.code = code


class StreamFailed(Exception):
    """One request cannot go on; its stream is reset with `code`."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The event that a stream ended without a proper end: cancelled by the client (`by_client`) or reset by us for an
    error of the client's. `code` is an `ErrorCode`, or a number unknown here.
    """

    code: int
    by_client: bool
