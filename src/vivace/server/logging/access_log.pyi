import asyncio
from typing import Any

from vivace.server.logging.line_forms import LineForm
from vivace.server.protocol._request_head_cy import RequestHead

class AccessLog:
    wants_response_headers: bool
    def __init__(
        self,
        form: LineForm,
        sample: float = 1.0,
        loop: asyncio.AbstractEventLoop | None = None,
        is_formatted: bool = False,
    ) -> None: ...
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
    ) -> None: ...
    def flush(self) -> None: ...
