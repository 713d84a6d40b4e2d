from typing import Any

class AccessFacts:
    scope: dict[str, Any]
    method: str
    request_id: bytes | None
    status: int
    size: int
    microseconds: int
    response_headers: list[tuple[bytes, bytes]] | None
    close_code: int
