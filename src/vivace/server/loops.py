"""Which event loop a process of ours runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vivace.server.config import Config
from vivace.server.errors import ServerError

try:
    import uvloop
except ImportError:  # pragma: no cover - Windows and PyPy
    uvloop = None  # type: ignore[assignment]


def loop_factory(config: Config) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the loop that `config.loop` asks for. Raises ServerError when it is not installed."""
    if config.loop == "asyncio" or (config.loop == "auto" and uvloop is None):
        return asyncio.new_event_loop
    if uvloop is None:
        raise ServerError('loop="uvloop" was asked for and uvloop is not installed: pip install uvloop.')
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
