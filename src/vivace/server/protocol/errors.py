"""What a peer can do wrong."""

from __future__ import annotations

from collections.abc import Iterable

from vivace.server.protocol._request_head_cy import RequestHead


class ProtocolError(Exception):
    """The peer broke the protocol or a limit. `status` is the HTTP answer it deserves, `reason` says what was wrong.

    `headers` belong to that answer; `head` is the request, for the log, where method and target could be read, and
    `request_id` its id, where requests have ids. An HTTP/1.1 connection cannot be used for another request: where the
    next one begins is no longer known.
    """

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason
        self.headers = list(headers)
        self.head: RequestHead | None = None
        self.request_id: bytes | None = None


class WebSocketError(Exception):
    """The peer broke the WebSocket protocol or a limit. `code` is the close code it deserves, `reason` says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = int(code)
        self.reason = reason
