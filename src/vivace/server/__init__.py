"""The ASGI server: listeners, connections, lifespan, limits, logging.

It runs any ASGI or WSGI application and imports none of Vivace's other towers. Read `server.py` first (the life of a
server), then `_http1_cy.py` (the life of a connection) and `_cycle_cy.py` (of a request). `protocol/` knows bytes and
no sockets. The request path is compiled; `compiled` says whether it is here.
"""

from vivace.server.config import Config
from vivace.server.core import compiled
from vivace.server.errors import (
    AppLoadError,
    BindError,
    ClientDisconnected,
    CompiledCoreMissing,
    ConfigError,
    LifespanError,
    ServerError,
    TLSError,
)
from vivace.server.loading import load_app
from vivace.server.options.compression import Compression
from vivace.server.options.timeouts import Timeouts
from vivace.server.options.tls import TLS
from vivace.server.protocol.limits import Limits
from vivace.server.runner import run, serve
from vivace.server.server import Server

__all__ = [
    "TLS",
    "AppLoadError",
    "BindError",
    "ClientDisconnected",
    "CompiledCoreMissing",
    "Compression",
    "Config",
    "ConfigError",
    "LifespanError",
    "Limits",
    "Server",
    "ServerError",
    "TLSError",
    "Timeouts",
    "compiled",
    "load_app",
    "run",
    "serve",
]
