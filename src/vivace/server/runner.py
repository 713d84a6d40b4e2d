"""`run` blocks and owns the process; `serve` lives in a loop that is somebody else's."""

from __future__ import annotations

from typing import Any

from vivace.server.types import ASGIApp


def run(app: ASGIApp | str, **options: Any) -> None:
    """Serve `app` (an ASGI application, or "module:app") until SIGINT or SIGTERM. Options are those of `Config`.

    The first signal stops gracefully, the second at once. A start that fails (import error, taken port, failing
    lifespan) prints one message and raises SystemExit(3). ConfigError for options that are wrong.
    """
    raise NotImplementedError


async def serve(app: ASGIApp | str, **options: Any) -> None:
    """Serve `app` inside the running loop until cancelled, touching no signal handlers. Raises ServerError."""
    raise NotImplementedError
