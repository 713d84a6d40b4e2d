"""How long the server waits."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vivace.server.options.checks import FOREVER, check_seconds

# Zero seconds: no waiting at the end. For the others it would refuse every client; float("inf") waits for ever.
MAY_BE_ZERO = ("graceful_timeout", "lifespan_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long, in seconds, we wait for whom. They are kept by a shared tick, so each may last a tick longer."""

    header_timeout: float = 30.0  # from the first byte of a request to the end of its head: 408
    body_timeout: float = 30.0  # between two pieces of a body that the application waits for: 408
    request_timeout: float = FOREVER  # from the head of a request to the end of its body: 408
    write_timeout: float = 60.0  # with a response unsent and the client taking none of it: the connection is dropped
    keep_alive_timeout: float = 75.0  # between two requests; longer than the usual load balancer's 60 s
    handshake_timeout: float = 10.0  # for the TLS handshake
    http2_ping_interval: float = 60.0  # without a byte from a client that has requests open, before we ask; inf: never
    http2_ping_timeout: float = 20.0  # for any byte after that; then the connection is dropped
    websocket_open_timeout: float = 30.0  # for the application to accept or refuse a WebSocket: 503
    websocket_ping_interval: float = 20.0  # between two pings of ours; inf for none
    websocket_ping_timeout: float = 20.0  # for the answer to one: 1011, and the connection is dropped
    websocket_close_timeout: float = 10.0  # for the client's close frame after ours; then the connection is dropped
    graceful_timeout: float = 30.0  # for running requests when the server stops; then they are cancelled
    lifespan_startup_timeout: float = FOREVER  # for the application's startup; then the server gives up
    lifespan_timeout: float = 60.0  # for the application's shutdown

    def __post_init__(self) -> None:
        for item in fields(self):
            check_seconds(item.name, getattr(self, item.name), zero=item.name in MAY_BE_ZERO)
