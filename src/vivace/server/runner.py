"""`run` blocks and owns the process; `serve` lives in a loop that is somebody else's."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vivace.server.accepting import LoopErrors
from vivace.server.allocator import keep_freed_memory
from vivace.server.collector import settle
from vivace.server.config import Config
from vivace.server.core import require_compiled
from vivace.server.errors import ConfigError, ServerError
from vivace.server.loading import load_configured
from vivace.server.logging import configure_logging, reopen_logs, server_logger
from vivace.server.loops import loop_factory
from vivace.server.process import Presence
from vivace.server.server import Server
from vivace.server.signals import handled_signals
from vivace.server.types import Application
from vivace.utils.suggest import with_article

# The exit code of a start that failed; a supervisor need not try again.
FAILED_START = 3


def run(app: Application | str, **options: Any) -> None:
    """Serve `app` (an ASGI or WSGI application, or "module:app") until SIGINT or SIGTERM, with the options of `Config`.

    With `workers` or `reload` this process is a supervisor, whose workers import `app`: it must be "module:app" or a
    file.

    The first signal stops gracefully, the second at once (SystemExit(1)). A start that fails (import error, taken
    port, failing lifespan) prints one message and raises SystemExit(3). ConfigError for options that are wrong.
    """
    config = Config.from_options(options)
    _check_toolkit(app, config)
    if _is_supervised(config):
        _check_supervision(app, config)
    try:
        with Presence(config, app) as presence:
            configure_logging(config)
            require_compiled()
            forced = (_run_workers if _is_supervised(config) else _run_alone)(app, config, presence)
    except ServerError as error:
        if isinstance(error, ConfigError):
            raise
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(FAILED_START) from None
    if forced:
        raise SystemExit(1)


def _is_supervised(config: Config) -> bool:
    return config.supervision.workers is not None or config.reloading.reload


def _check_toolkit(app: Application | str, config: Config) -> None:
    """ConfigError for an application that has its toolkit already."""
    if config.toolkit is not None and not isinstance(app, str):
        raise ConfigError(
            f'toolkit replaces what the application imports: give its name ("module:app" or "file.py"), got '
            f"{with_article(type(app).__name__)}. Or install vivace.utils.import_alias before it is imported."
        )


def _check_supervision(app: Application | str, config: Config) -> None:
    """ConfigError where there can be no workers."""
    asked = "reload" if config.supervision.workers is None else "workers"
    if not hasattr(os, "fork"):  # pragma: no cover - Windows
        raise ConfigError(f"{asked} needs a system with fork (Linux, macOS, BSD). Without it one process serves.")
    if not isinstance(app, str):
        raise ConfigError(
            f'With {asked} each process imports the application itself: give its name ("module:app" or "file.py"), '
            f"got {with_article(type(app).__name__)}."
        )


def _run_workers(app: Application | str, config: Config, presence: Presence) -> bool:
    assert isinstance(app, str)
    from vivace.server.supervisor.supervise import supervise

    return supervise(app, config, presence)


def _run_alone(app: Application | str, config: Config, presence: Presence) -> bool:
    if hasattr(signal, "SIGUSR1"):
        # Whoever rotates logs does not know that the application is still being imported.
        signal.signal(signal.SIGUSR1, lambda number, frame: reopen_logs())
    keep_freed_memory()
    make_loop = loop_factory(config)
    server = Server(app, replace(config, factory=config.factory and not isinstance(app, str)))
    server.open(presence.inherited)
    try:
        presence.become_user()
        if isinstance(app, str):
            # Outside the loop, so that a module may run one of its own while it is imported.
            server.app = load_configured(app, config)
        with asyncio.Runner(loop_factory=make_loop) as runner:
            return runner.run(_serve_until_signal(server, presence))
    finally:
        server.close()


async def serve(app: Application | str, **options: Any) -> None:
    """Serve `app` inside the running loop until cancelled, touching no signal handlers. Raises ServerError.

    Cancelling it stops gracefully: running requests have `graceful_timeout` seconds.
    """
    config = Config.from_options(options)
    _check_toolkit(app, config)
    await Server(app, config).serve()


async def _serve_until_signal(server: Server, presence: Presence) -> bool:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(LoopErrors())
    tasks: list[asyncio.Task[None]] = []

    def stop() -> None:
        presence.stopping()
        server.request_stop()

    handlers: dict[str, Callable[[], object]] = {
        "SIGINT": stop,
        "SIGTERM": stop,
        "SIGUSR1": functools.partial(_reopen_logs, presence),
        # It would end the process of whoever is used to it.
        "SIGUSR2": _refuse_upgrade,
    }
    if server.config.tls.enabled:
        # Without TLS there is nothing to read anew, and the terminal that is closed ends us.
        handlers["SIGHUP"] = server.reload_certificates

    def started() -> None:
        settle()
        tasks.append(loop.create_task(_take_place(server, presence)))

    try:
        with handled_signals(loop, handlers):
            await server.serve(started)
    finally:
        for task in tasks:
            task.cancel()
    return server.forced


def _reopen_logs(presence: Presence) -> None:
    reopen_logs()
    presence.reopened_logs()


def _refuse_upgrade() -> None:
    server_logger.warning("SIGUSR2 asks for a binary upgrade, which needs a supervisor: run with workers=1 or more.")


async def _take_place(server: Server, presence: Presence) -> None:
    """Tell who waits for the start. As the heir of a running server, be the server when that one lets us."""
    try:
        await presence.announce(server.listeners)
        presence.ready(f"Serving {' and '.join(server.addresses)}.")
    except ServerError as error:
        server_logger.error("Stopping, as this server cannot take its place. %s", error)
        server.request_stop()
