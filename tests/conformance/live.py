"""`python -m tests.conformance.live OPTIONS`: serves the suite's application on a free port, which it prints, until its
standard input ends. `/state` tells what the server holds. OPTIONS are the server's, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import uvloop
from tests.conformance import uploads
from tests.conformance.application import JSON, application, respond

from vivace.server import Config, Server
from vivace.server.types import Receive, Scope, Send


class Errors(logging.Handler):
    """Keeps what is logged at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


def memory() -> int:
    """The resident memory of this process in KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)


class Watched:
    """The application, and what its server holds besides the request that asks."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors
        self.server: Server | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/state":
            await asyncio.sleep(0)  # from here on this request is one of the server's tasks
            await respond(send, json.dumps(self.state()).encode(), JSON)
        elif scope["type"] == "http" and scope["path"].startswith("/forms/"):
            await uploads.application(scope, receive, send)
        else:
            await application(scope, receive, send)

    def state(self) -> dict[str, Any]:
        assert self.server is not None
        service = self.server._service
        assert service is not None
        gc.collect()
        return {
            "connections": len(service.connections) - 1,
            "tasks": len(service.tasks) - 1,
            "descriptors": len(os.listdir("/proc/self/fd")),
            "memory": memory(),
            "errors": self.errors.messages,
        }


async def serve(options: dict[str, Any]) -> None:
    """Until standard input ends."""
    errors = Errors()
    logging.getLogger().addHandler(errors)
    app = Watched(errors)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, ended.set)
    quick = {"port": 0, "access_log": False, "graceful_timeout": 2.0}
    async with Server(app, Config.from_options(quick | options)) as app.server:
        print(app.server.port, flush=True)
        await ended.wait()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    uvloop.run(serve(given)) if given.get("loop") != "asyncio" else asyncio.run(serve(given))
