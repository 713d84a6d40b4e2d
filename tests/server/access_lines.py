"""An access log that keeps what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vivace.server.logging.access_log import AccessLog
from vivace.server.logging.line_forms import TextForm
from vivace.server.protocol._request_head_cy import RequestHead


@dataclass(frozen=True)
class Line:
    """What one response was logged as."""

    scope: dict[str, Any]
    method: str
    status: int
    size: int
    seconds: float
    request_id: bytes | None
    close_code: int

    @property
    def version(self) -> str:
        return str(self.scope["http_version"])

    @property
    def target(self) -> bytes:
        query = self.scope["query_string"]
        return bytes(self.scope["raw_path"] + (b"?" + query if query else b""))


class RecordingLog(AccessLog):
    """Remembers every response, in `lines`."""

    def __init__(self) -> None:
        super().__init__(TextForm(lambda second: b"", lambda status: b""))
        self.lines: list[Line] = []

    def response(
        self,
        scope: dict[str, Any],
        method: str,
        status: int,
        size: int,
        seconds: float,
        request_id: bytes | None = None,
        response_headers: list[tuple[bytes, bytes]] | None = None,
        close_code: int = 0,
        head: RequestHead | None = None,
        encrypted: bool = True,
    ) -> None:
        self.lines.append(Line(scope, method, status, size, seconds, request_id, close_code))
