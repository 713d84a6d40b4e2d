"""A server of ours beside the test, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from vivace.server import Config, Server
from vivace.server.types import ASGIApp

PATIENCE = 30.0


@contextmanager
def serving(app: ASGIApp, **options: Any) -> Iterator[int]:
    """Serves `app`, by default on a free port; the port."""
    quick = {"port": 0, "access_log": False, "graceful_timeout": 0.2}
    port: Future[int] = Future()
    end: Future[None] = Future()

    async def serve() -> None:
        try:
            async with Server(app, Config.from_options(quick | options)) as server:
                port.set_result(server.port)
                await asyncio.wrap_future(end)
        except BaseException as error:
            if not port.done():
                port.set_exception(error)
            raise

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield port.result(PATIENCE)
    finally:
        end.set_result(None)
        thread.join(PATIENCE)
    assert not thread.is_alive(), "the server does not stop"
