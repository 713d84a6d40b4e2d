"""Seeing that a server answers as it should before it is measured: a benchmark of errors is worth nothing."""

from __future__ import annotations

import http.client
import socket

from benchmarks.harness.processes import ServerFailedError


def check_http(port: int, expected: bytes, method: str = "GET", body: bytes | None = None, path: str = "/") -> None:
    """ServerFailedError unless the path is answered with status 200, a Content-Length, and that body."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request(method, path, body)
        response = client.getresponse()
        found = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ServerFailedError(f"not answering: {error!r}") from None
    finally:
        client.close()
    if response.status != 200 or found != expected:
        raise ServerFailedError(f"answers {response.status} with {len(found)} bytes: {found[:80]!r}")
    if response.getheader("content-length") != str(len(expected)):
        raise ServerFailedError("answers without the length of its body")


def reply_size(port: int, request: bytes, body: bytes) -> int:
    """Bytes of the whole answer to a request, which are always the same: header lines, and this body."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        reply = b""
        while not reply.endswith(b"\r\n\r\n" + body):
            piece = connection.recv(65536)
            if not piece:
                raise ServerFailedError(f"not answering as it should: {reply[:200]!r}")
            reply += piece
    return len(reply)
