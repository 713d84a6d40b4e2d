from typing import Any

from vivace.server.protocol.events import RequestHead

class Http2Stream:
    id: int
    head: RequestHead | None
    scheme: str
    protocol: str | None
    urgency: int
    incremental: bool
    trailers: list[tuple[bytes, bytes]]
    owner: Any
    begun: bool
    complete: bool
    closed: bool
    unsent: int
    sent: int
    send_window: int
    receive_window: int
    body_size: int
