"""The application's own start and end (the ASGI lifespan protocol)."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import Context
from typing import Any

from vivace.server.config import LifespanMode
from vivace.server.errors import LifespanError, describe
from vivace.server.options.checks import FOREVER
from vivace.server.types import ASGIApp, Message

logger = logging.getLogger("vivace.server")


class Lifespan:
    """Runs the application's lifespan in a task of its own, whose context the requests' contexts derive from.

    An application that refuses (it raises, or returns, before it has asked for the first event) is served without, as
    Django is, unless the mode is "on". One that has asked for `lifespan.startup` and then fails, has failed to start.
    """

    def __init__(self, app: ASGIApp, mode: LifespanMode, context: Context) -> None:
        self.app = app
        self.mode = mode
        self.context = context
        self.state: dict[str, Any] = {}
        self.events: asyncio.Queue[Message] = asyncio.Queue()
        self.asked = False
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.start_failure: str | None = None
        self.start_error: BaseException | None = None
        self.end_failure: str | None = None
        self.task: asyncio.Task[None] | None = None

    async def startup(self, seconds: float = FOREVER) -> None:
        """Return when the application is ready, or has no lifespan.

        Raises LifespanError when it failed to start, or did not within `seconds`.
        """
        if self.mode == "off":
            return
        self.events.put_nowait({"type": "lifespan.startup"})
        self.task = asyncio.get_running_loop().create_task(self._run(), context=self.context)
        started = asyncio.ensure_future(self.started.wait())
        try:
            done, _ = await asyncio.wait({self.task, started}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.cancel()
            raise
        finally:
            started.cancel()
        if not done:
            await self.cancel()
            raise LifespanError(f"The application did not start within {seconds:g} s (lifespan_startup_timeout).")
        if self.start_failure is not None:
            await self.cancel()
            message = f"The application failed to start.\n{self.start_failure}".rstrip()
            raise LifespanError(message) from self.start_error
        if not self.started.is_set():
            self._check_refusal(self.task)

    def _check_refusal(self, task: asyncio.Task[None]) -> None:
        """The application ended without a word about its start: was that a refusal?"""
        error = None if task.cancelled() else task.exception()
        if error is not None and (self.asked or self.mode == "on"):
            raise LifespanError(f"The application failed to start.\n{describe(error, hidden=(__file__,))}") from error
        if self.mode == "on":
            raise LifespanError(
                'The application has no lifespan (it returned at once), and lifespan="on" asks for one.'
            )
        logger.debug("The application has no lifespan: %r", error)

    async def shutdown(self, seconds: float) -> None:
        """Tell the application to end and wait for it, `seconds` at most. Failures are logged."""
        if self.task is None:
            return
        if self.started.is_set() and not self.task.done():
            self.events.put_nowait({"type": "lifespan.shutdown"})
            ended = asyncio.ensure_future(self.ended.wait())
            done, _ = await asyncio.wait({self.task, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not done:
                logger.error("The application did not shut down within %s s; it is cancelled.", seconds)
            elif self.end_failure is not None:
                logger.error("The application failed to shut down.\n%s", self.end_failure)
            if self.ended.is_set() and not self.task.done():
                # What it does after its last word, such as closing what it holds, still belongs to it.
                await asyncio.wait({self.task}, timeout=seconds)
        if self.task.done() and not self.task.cancelled():
            error = self.task.exception()
            if error is not None and self.started.is_set() and self.start_failure is None and self.end_failure is None:
                logger.error("The application's lifespan failed.\n%s", describe(error, hidden=(__file__,)))
        await self.cancel()

    async def cancel(self) -> None:
        """End the task, whatever it is doing."""
        if self.task is not None and not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=5)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self.app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        self.asked = True
        return await self.events.get()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self.started.set()
        elif kind == "lifespan.startup.failed":
            self.start_failure = message.get("message", "")
            # Said, as a rule, while the application handles it.
            self.start_error = sys.exception()
            self.started.set()
        elif kind == "lifespan.shutdown.complete":
            self.ended.set()
        elif kind == "lifespan.shutdown.failed":
            self.end_failure = message.get("message", "")
            self.ended.set()
        else:
            raise RuntimeError(f'A lifespan sends "lifespan.startup.complete" and its like, not "{kind}"')
