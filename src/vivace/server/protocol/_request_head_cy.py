"""The head of a request, as every protocol reports it and as the ASGI scope wants it."""

from __future__ import annotations


class RequestHead:
    """Method, target and headers of one request; header names are lower-case.

    `path` is percent-decoded (UTF-8, invalid bytes replaced), `raw_path` and `query_string` are as sent.
    `content_length` is -1 when unknown. `keep_alive` says whether the client would like to send another request on
    this connection, `expects_continue` that it waits for `100 Continue`, `upgrade` that it asked for another protocol,
    `forwarded` that there is a header in which proxies tell of the client (X-Forwarded-For and the like, Forwarded).
    """

    method: str
    path: str
    raw_path: bytes
    query_string: bytes
    http_version: str
    headers: list[tuple[bytes, bytes]]
    content_length: int
    has_body: bool
    keep_alive: bool
    expects_continue: bool
    upgrade: bool
    forwarded: bool

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.raw_path!r} HTTP/{self.http_version}>"
