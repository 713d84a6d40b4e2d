"""The health path: answered by the server itself, whatever the application does and however busy it is."""

from __future__ import annotations

from vivace.server._service_cy import Service
from vivace.server._stream_cy import Stream
from vivace.server.protocol._request_head_cy import RequestHead

HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]


def answer_health(service: Service, stream: Stream, head: RequestHead) -> bool:
    """Answer a request that asks for the service's `health_path`; False for any other request.

    200 `ok`, or 503 `stopping` while the server drains, which tells load balancers to choose another.
    """
    if head.raw_path != service.health_path or head.method not in ("GET", "HEAD"):
        return False
    if service.draining:
        stream.start_response(503, [*HEADERS, (b"retry-after", service.retry_after)], False)
        stream.send_body(b"stopping\n", False)
    else:
        stream.start_response(200, HEADERS, False)
        stream.send_body(b"ok\n", False)
    return True
