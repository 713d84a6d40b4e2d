"""Is the compiled core here? The request path has no slow second implementation, so without it nothing is served."""

from __future__ import annotations

import importlib
from types import ModuleType

from vivace.server.errors import CompiledCoreMissing

try:
    from vivace.server._http1_cy import Http1Connection
    from vivace.server._service_cy import Service
    from vivace.server.logging.opening import open_access_log
except Exception:  # noqa: BLE001 - `find_missing` says what it is: not built, or built from other sources
    Http1Connection = Service = open_access_log = None  # type: ignore[assignment,misc]

__all__ = ["Http1Connection", "Service", "compiled", "open_access_log", "require_compiled"]

MODULES = (
    "vivace.server._admission_cy",
    "vivace.server._body_pace_cy",
    "vivace.server._cycle_cy",
    "vivace.server._http1_cy",
    "vivace.server._http2_cy",
    "vivace.server._http2_exchange_cy",
    "vivace.server._service_cy",
    "vivace.server._stream_cy",
    "vivace.server._transport_cy",
    "vivace.server._waiter_cy",
    "vivace.server._websocket_cy",
    "vivace.server.counters",
    "vivace.server.logging.access_log",
    "vivace.server.logging.atoms",
    "vivace.server.logging.request_ids",
    "vivace.server.protocol._request_head_cy",
    "vivace.server.protocol.http1_scanner",
    "vivace.server.protocol.http1_writer",
    "vivace.server.request_task",
    "vivace.server.protocol.http2_session",
    "vivace.server.protocol._websocket_protocol_cy",
    "vivace.server.protocol.websocket_reader",
    "vivace.server.protocol.websocket_writer",
)


def is_compiled(module: ModuleType) -> bool:
    """Whether `module` came from a compiled file rather than from its Python source."""
    return not (module.__file__ or "").endswith(".py")


def find_missing() -> list[str]:
    """The modules of the core that are not compiled, or cannot be loaded, with the reason."""
    missing = []
    for name in MODULES:
        try:
            if not is_compiled(importlib.import_module(name)):
                missing.append(f"{name} is not compiled")
        except Exception as error:  # noqa: BLE001 - a stale build fails in many ways
            missing.append(f"{name}: {error}")
    return missing


missing = find_missing()
compiled: bool = not missing


def require_compiled() -> None:
    """Raise CompiledCoreMissing, with what to do about it, unless the core is compiled."""
    if missing:
        raise CompiledCoreMissing(
            f"The server's compiled core is missing ({missing[0]}). Install Vivace where there is a C compiler "
            '(Debian: "apt install gcc python3-dev"): "pip install --force-reinstall vivace", or in a checkout '
            '"pip install -e .". Until then any other ASGI server can run your application.'
        )
