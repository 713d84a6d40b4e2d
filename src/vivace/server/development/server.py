"""The server of a worker with `reload`: a broken application is served as its traceback, and the next save mends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import replace
from typing import Any

from vivace.server.config import Config
from vivace.server.core import open_access_log
from vivace.server.development.broken import BrokenApplication
from vivace.server.development.site import RESERVED, DevelopmentSite
from vivace.server.development.versions import Versions
from vivace.server.errors import AppLoadError, LifespanError
from vivace.server.listeners import Listener
from vivace.server.loading import load_configured
from vivace.server.logging.access_log import AccessLog
from vivace.server.server import Server
from vivace.server.types import Application, ASGIApp

# Developers have pages open whose streams and WebSockets never end; old processes of many saves shall not pile up.
LONGEST_DRAIN = 5.0


def load_or_explain(target: str, config: Config) -> Application:
    """The application that `target` names, or one that shows why it cannot be loaded."""
    try:
        return load_configured(target, config)
    except AppLoadError as error:
        return BrokenApplication(error)


class DevelopmentAccessLog(AccessLog):
    """An access log of the application's own responses."""

    def response(self, scope: dict[str, Any], *arguments: Any, **options: Any) -> None:
        """Write the line of one response, unless it is the script's or its events'."""
        if not scope["path"].startswith(scope["root_path"] + RESERVED):
            super().response(scope, *arguments, **options)


class DevelopmentServer(Server):
    """A `Server` that starts whatever the application does; `broken` is what it shows in its place."""

    def __init__(
        self,
        app: Application | str,
        config: Config,
        listeners: Sequence[Listener] | None = None,
        *,
        versions: Versions,
    ) -> None:
        timeouts = config.timeouts
        shortened = replace(timeouts, graceful_timeout=min(timeouts.graceful_timeout, LONGEST_DRAIN))
        super().__init__(app, replace(config, timeouts=shortened), listeners)
        self.versions = versions
        self._site: DevelopmentSite | None = None

    @property
    def broken(self) -> BrokenApplication | None:
        """What is served in place of the application."""
        served = None if self._site is None else self._site.app
        return served if isinstance(served, BrokenApplication) else None

    def request_stop(self, *, quick: bool = False, replaced: bool = False) -> None:
        """As for `Server`; browsers that wait for news are let go, to ask the next process."""
        self.versions.close()
        super().request_stop(quick=quick, replaced=replaced)

    def _open_access_log(self, loop: asyncio.AbstractEventLoop) -> AccessLog | None:
        return open_access_log(self.config, loop, DevelopmentAccessLog)

    def _load(self) -> ASGIApp:
        app: ASGIApp
        try:
            app = self.app if isinstance(self.app, BrokenApplication) else super()._load()
        except AppLoadError as error:
            app = BrokenApplication(error)
        self._site = DevelopmentSite(app, self.versions, live_reload=self.config.reloading.live_reload)
        return self._site

    async def _start_application(self, app: ASGIApp, context: Context) -> dict[str, Any]:
        try:
            return await super()._start_application(app, context)
        except LifespanError as error:
            assert self._site is not None
            self._site.app = BrokenApplication(error)
            return {}
