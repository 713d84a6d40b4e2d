"""The options of the server, checked where they are given."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

from vivace.server.errors import ConfigError
from vivace.server.options.binds import Binds
from vivace.server.options.capacity import Capacity
from vivace.server.options.compression import Compression
from vivace.server.options.logs import Logs
from vivace.server.options.metrics import Metrics
from vivace.server.options.process import Process
from vivace.server.options.proxies import Proxies
from vivace.server.options.reload import Reload
from vivace.server.options.static import Static
from vivace.server.options.timeouts import Timeouts
from vivace.server.options.tls import TLS
from vivace.server.options.workers import Workers
from vivace.server.protocol.default_headers import read_default_headers
from vivace.server.protocol.limits import Limits, check_number
from vivace.utils.suggest import did_you_mean

LifespanMode = Literal["auto", "on", "off"]
Interface = Literal["auto", "asgi3", "asgi2", "wsgi"]
Toolkit = Literal["vivace"]
LoopChoice = Literal["auto", "uvloop", "asyncio"]
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


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
    toolkit: Toolkit | None = None  # "vivace": what the application imports of starlette is vivace.web
    loop: LoopChoice = "auto"  # uvloop where it is installed
    lifespan: LifespanMode = "auto"
    interface: Interface = "auto"  # what the application is; auto looks at it
    wsgi_threads: int = 32  # threads for a WSGI application: so many of its requests at once
    http2: bool = True  # by ALPN on TLS, by prior knowledge without
    websocket: bool = True
    root_path: str = ""
    log_level: str = "info"
    log_config: Mapping[str, Any] | str | Path | None = None  # for logging.config, or a file, instead of our own
    access_log: bool = True
    use_colors: bool | None = None  # None: when standard error is a terminal
    server_header: str | None = "vivace"
    date_header: bool = True
    headers: tuple[str, ...] = ()  # of every response that has none of that name: "Name: value"
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    compression: Compression = field(default_factory=Compression)
    tls: TLS = field(default_factory=TLS)
    binds: Binds = field(default_factory=Binds)
    supervision: Workers = field(default_factory=Workers)
    process: Process = field(default_factory=Process)
    proxies: Proxies = field(default_factory=Proxies)
    capacity: Capacity = field(default_factory=Capacity)
    logs: Logs = field(default_factory=Logs)
    metrics: Metrics = field(default_factory=Metrics)
    reloading: Reload = field(default_factory=Reload)
    static_files: Static = field(default_factory=Static)

    def __post_init__(self) -> None:
        self._check_choice("loop", get_args(LoopChoice))
        self._check_choice("lifespan", get_args(LifespanMode))
        self._check_choice("log_level", LOG_LEVELS)
        self._check_choice("interface", get_args(Interface))
        if self.toolkit is not None:
            self._check_choice("toolkit", get_args(Toolkit))
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be a whole number from 0 to 65535, got {self.port!r}.")
        if self.fd is not None and (type(self.fd) is not int or self.fd < 0):
            raise ConfigError(f"fd must be the number of an inherited socket, got {self.fd!r}.")
        self._check_positive("backlog")
        self._check_positive("wsgi_threads")
        if self.uds is not None and self.fd is not None:
            raise ConfigError("uds and fd both say where to listen; give one of them.")
        self._check_addresses()
        if self.supervision.preload and self.reloading.reload:
            raise ConfigError("preload keeps the code as it was imported; reload imports it anew. Give one of them.")
        if self.process.daemon and self.reloading.reload:
            raise ConfigError("reload is for development, and daemon takes it out of sight. Give one of them.")
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise ConfigError(f'root_path starts with "/" and does not end with it, got {self.root_path!r}.')
        try:
            headers = read_default_headers(self.headers)
        except ValueError as error:
            raise ConfigError(f"{error}.") from None
        object.__setattr__(
            self, "headers", tuple(f"{name.decode()}: {value.decode('latin-1')}" for name, value in headers)
        )
        if self.server_header is not None and not self.server_header.isprintable():
            raise ConfigError(f"server_header must be printable, got {self.server_header!r}.")

    def _check_addresses(self) -> None:
        """What the binds need of the other options."""
        binds = self.binds
        given = [item.name for item in fields(self)[:4] if getattr(self, item.name) != item.default]
        if binds.bind and given:
            raise ConfigError(
                f"{' and '.join(given)} and bind both say where to listen: write all of it as bind, in one or more of "
                "the forms 127.0.0.1:8000, unix:/run/site.sock and fd://3."
            )
        if binds.insecure_bind and not self.tls.enabled:
            raise ConfigError(
                "insecure_bind is for addresses without TLS beside those that have it, and no certificate is given: "
                "write bind, or give ssl_certfile."
            )
        if binds.redirect_bind and binds.redirect_port is None and not self.tls.enabled:
            raise ConfigError(
                "redirect_bind redirects to https, and no certificate is given: give ssl_certfile, or redirect_port if "
                "another program serves https."
            )

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


Group = (
    Limits
    | Timeouts
    | Compression
    | TLS
    | Binds
    | Workers
    | Process
    | Proxies
    | Capacity
    | Logs
    | Metrics
    | Reload
    | Static
)

GROUPS: dict[str, type[Group]] = {
    "limits": Limits,
    "timeouts": Timeouts,
    "compression": Compression,
    "tls": TLS,
    "binds": Binds,
    "supervision": Workers,
    "process": Process,
    "proxies": Proxies,
    "capacity": Capacity,
    "logs": Logs,
    "metrics": Metrics,
    "reloading": Reload,
    "static_files": Static,
}
