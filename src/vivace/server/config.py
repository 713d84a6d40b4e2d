"""The options of the server, checked where they are given."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

from vivace.server.errors import ConfigError
from vivace.server.protocol.limits import Limits, check_number
from vivace.server.protocol.websocket_deflate import PerMessageDeflate
from vivace.server.tls_options import TLS
from vivace.utils.suggest import did_you_mean

LifespanMode = Literal["auto", "on", "off"]
Interface = Literal["auto", "asgi3", "asgi2", "wsgi"]
LoopChoice = Literal["auto", "uvloop", "asyncio"]
# Zero seconds: no waiting at the end. For the others it would refuse every client; float("inf") waits for ever.
MAY_BE_ZERO = ("graceful_timeout", "lifespan_timeout")
FOREVER = float("inf")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


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
            value = getattr(self, item.name)
            if item.name in MAY_BE_ZERO:
                lowest, fits = ", zero or more", isinstance(value, int | float) and value >= 0
            else:
                lowest, fits = " above zero", isinstance(value, int | float) and value > 0
            if not fits:
                raise ValueError(f"{item.name} must be a number of seconds{lowest}, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """How WebSocket messages are compressed, when the client offers permessage-deflate (RFC 7692)."""

    websocket_compression: bool = True
    websocket_compression_level: int = 6  # 1 is fastest, 9 smallest
    websocket_compression_window_bits: int = 12  # 9 to 15, both ways: a connection's memory doubles with each
    websocket_compression_memory_level: int = 5  # 1 to 9: the compressor's memory doubles with each
    websocket_compression_min_size: int = 1024  # bytes of the smallest message that is compressed
    websocket_compression_no_context_takeover: bool = False  # forget every message: less memory, worse compression

    def __post_init__(self) -> None:
        check_number("websocket_compression_level", self.websocket_compression_level, 1, 9)
        check_number("websocket_compression_window_bits", self.websocket_compression_window_bits, 9, 15)
        check_number("websocket_compression_memory_level", self.websocket_compression_memory_level, 1, 9)
        check_number("websocket_compression_min_size", self.websocket_compression_min_size)

    def offered(self) -> PerMessageDeflate | None:
        """What the protocol agrees to, or None when messages are not compressed."""
        if not self.websocket_compression:
            return None
        return PerMessageDeflate(
            server_max_window_bits=self.websocket_compression_window_bits,
            client_max_window_bits=self.websocket_compression_window_bits,
            server_no_context_takeover=self.websocket_compression_no_context_takeover,
            client_no_context_takeover=self.websocket_compression_no_context_takeover,
            level=self.websocket_compression_level,
            mem_level=self.websocket_compression_memory_level,
            minimum_size=self.websocket_compression_min_size,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Where and how to serve. Every field is also a keyword of `run` and `serve`, and so is every field of `Limits`,
    `Timeouts` and the other groups: `run(app, port=9000, max_body_size=10_000, header_timeout=5)`.
    """

    host: str = "127.0.0.1"
    port: int = 8000  # 0 lets the system choose; the banner says which
    uds: str | None = None  # path of a Unix socket, instead of host and port
    fd: int | None = None  # an inherited listening socket, instead of host and port
    backlog: int = 2048
    factory: bool = False  # the target is called without arguments and returns the application
    app_dir: str | Path = "."  # put first on sys.path before the import
    loop: LoopChoice = "auto"  # uvloop where it is installed
    lifespan: LifespanMode = "auto"
    interface: Interface = "auto"  # what the application is; auto looks at it
    wsgi_threads: int = 32  # threads for a WSGI application: so many of its requests at once
    http2: bool = True  # by ALPN on TLS, by prior knowledge without
    websocket: bool = True
    root_path: str = ""
    log_level: str = "info"
    log_config: Mapping[str, Any] | None = None  # for logging.config.dictConfig, instead of our own
    access_log: bool = True
    use_colors: bool | None = None  # None: when standard error is a terminal
    server_header: str | None = "vivace"
    date_header: bool = True
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    compression: Compression = field(default_factory=Compression)
    tls: TLS = field(default_factory=TLS)

    def __post_init__(self) -> None:
        self._check_choice("loop", get_args(LoopChoice))
        self._check_choice("lifespan", get_args(LifespanMode))
        self._check_choice("log_level", LOG_LEVELS)
        self._check_choice("interface", get_args(Interface))
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be a whole number from 0 to 65535, got {self.port!r}.")
        if self.fd is not None and (type(self.fd) is not int or self.fd < 0):
            raise ConfigError(f"fd must be the number of an inherited socket, got {self.fd!r}.")
        self._check_positive("backlog")
        self._check_positive("wsgi_threads")
        if self.uds is not None and self.fd is not None:
            raise ConfigError("uds and fd both say where to listen; give one of them.")
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise ConfigError(f'root_path starts with "/" and does not end with it, got {self.root_path!r}.')
        if self.server_header is not None and not self.server_header.isprintable():
            raise ConfigError(f"server_header must be printable, got {self.server_header!r}.")

    def _check_positive(self, name: str) -> None:
        try:
            check_number(name, getattr(self, name))
        except ValueError as error:
            raise ConfigError(f"{error}.") from None

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ConfigError(
                f"{name}={value!r} is not known. {did_you_mean(str(value), choices, listed_as='Choices')}"
            )

    @property
    def log_level_number(self) -> int:
        """The level as the `logging` module counts."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """A Config of flat options: the members of `GROUPS` go by their own names. ConfigError names the nearest."""
        own = {item.name for item in fields(cls)}
        members = {group: [item.name for item in fields(kind)] for group, kind in GROUPS.items()}
        known = own.union(*members.values())
        for name in options:
            if name not in known:
                raise ConfigError(
                    f"The server has no option {name!r}. {did_you_mean(name, known, listed_as='Options')}"
                )
        values = {name: value for name, value in options.items() if name in own}
        for group, kind in GROUPS.items():
            given = {name: options[name] for name in members[group] if name in options}
            if given and group in values:
                raise ConfigError(f"{group}= and {min(given)}= say the same; give one of them.")
            try:
                if given:
                    values[group] = kind(**given)
            except ValueError as error:
                raise ConfigError(f"{error}.") from None
        return cls(**values)


GROUPS: dict[str, type[Limits | Timeouts | Compression | TLS]] = {
    "limits": Limits,
    "timeouts": Timeouts,
    "compression": Compression,
    "tls": TLS,
}
