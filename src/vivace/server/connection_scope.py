"""What the scopes of all requests of one connection have in common."""

from __future__ import annotations

import asyncio
from typing import Any

from vivace.server._service_cy import Service
from vivace.server.protocol.proxy_protocol import ProxyHeader
from vivace.server.tls_extension import tls_extension

# ASGI extensions that every HTTP request has.
HTTP_EXTENSIONS: dict[str, dict[str, Any]] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
}
# Says that the server measures the requests for OpenTelemetry, and takes the template of their route from
# `scope["http.route"]`: a middleware that would measure them again leaves it so.
METRICS_EXTENSION: dict[str, dict[str, Any]] = {"vivace.metrics": {}}


def address(value: Any) -> tuple[str, int] | None:
    """A socket's name as ASGI wants it: host and port, None for a nameless one."""
    if isinstance(value, tuple) and len(value) >= 2:
        return (str(value[0]), int(value[1]))
    return None


def connection_scope(
    transport: asyncio.BaseTransport, service: Service, http_version: str, proxied: ProxyHeader | None
) -> dict[str, Any]:
    """The ASGI HTTP scope of the connection's requests, with None where each request has its own value,
    and what most have where it may. `proxied` is what a proxy said in front of the connection."""
    sockname = transport.get_extra_info("sockname")
    client = address(transport.get_extra_info("peername"))
    server: tuple[str, int | None] | None
    server = (sockname, None) if isinstance(sockname, str) and sockname else address(sockname)
    tls = transport.get_extra_info("ssl_object")
    encrypted = tls is not None
    extensions = HTTP_EXTENSIONS
    if service.recorder is not None:
        extensions = extensions | METRICS_EXTENSION
    if tls is not None:
        extensions = extensions | {"tls": tls_extension(tls)}
    if proxied is not None:
        extensions = extensions | {"proxy_protocol": proxied.extension()}
        encrypted = encrypted or proxied.encrypted
        if proxied.relayed:
            client, server = proxied.client, proxied.server
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": http_version,
        "method": "GET",
        "scheme": "https" if encrypted else "http",
        "path": None,
        "raw_path": None,
        "query_string": b"",
        "root_path": service.root_path,
        "headers": None,
        "client": client,
        "server": server,
        "state": None,
        "extensions": extensions,
    }
