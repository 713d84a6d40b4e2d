"""`run` blocks and owns the process; `serve` lives in a loop that is somebody else's."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vivace.server.allocator import keep_freed_memory
from vivace.server.config import Config
from vivace.server.core import require_compiled
from vivace.server.errors import ConfigError, ServerError
from vivace.server.loading import load_app
from vivace.server.logging import configure_logging
from vivace.server.server import Server
from vivace.server.types import Application

try:
    import uvloop
except ImportError:  # pragma: no cover - Windows and PyPy
    uvloop = None  # type: ignore[assignment]

# The exit code of a start that failed; a supervisor need not try again.
FAILED_START = 3


def run(app: Application | str, **options: Any) -> None:
    """Serve `app` (an ASGI or WSGI application, or "module:app") until SIGINT or SIGTERM, with the options of `Config`.

    The first signal stops gracefully, the second at once (SystemExit(1)). A start that fails (import error, taken
    port, failing lifespan) prints one message and raises SystemExit(3). ConfigError for options that are wrong.
    """
    config = Config.from_options(options)
    configure_logging(config)
    try:
        require_compiled()
        keep_freed_memory()
        if isinstance(app, str):
            # Outside the loop, so that a module may run one of its own while it is imported.
            app = load_app(app, app_dir=config.app_dir, factory=config.factory)
            config = replace(config, factory=False)
        with asyncio.Runner(loop_factory=_loop_factory(config)) as runner:
            forced = runner.run(_serve_until_signal(app, config))
    except ServerError as error:
        if isinstance(error, ConfigError):
            raise
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(FAILED_START) from None
    if forced:
        raise SystemExit(1)


async def serve(app: Application | str, **options: Any) -> None:
    """Serve `app` inside the running loop until cancelled, touching no signal handlers. Raises ServerError.

    Cancelling it stops gracefully: running requests have `graceful_timeout` seconds.
    """
    config = Config.from_options(options)
    await Server(app, config).serve()


async def _serve_until_signal(app: Application | str, config: Config) -> bool:
    server = Server(app, config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.request_stop)
    try:
        await server.serve()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return server.forced


def _loop_factory(config: Config) -> Callable[[], asyncio.AbstractEventLoop]:
    if config.loop == "asyncio" or (config.loop == "auto" and uvloop is None):
        return asyncio.new_event_loop
    if uvloop is None:
        raise ServerError('loop="uvloop" was asked for and uvloop is not installed: pip install uvloop.')
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
