"""A worker with `reload`: it serves a broken application as its traceback, and knows which files it was made of."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import cast

from vivace.server.config import Config
from vivace.server.development.server import DevelopmentServer, load_or_explain
from vivace.server.development.versions import Versions
from vivace.server.listeners import Listener
from vivace.server.server import Server
from vivace.server.supervisor.messages import Ready, RefreshBrowsers, ToWorker
from vivace.server.supervisor.worker import Worker
from vivace.server.types import Application

INSTALLED = tuple(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib", "stdlib", "platstdlib"))


class DevelopmentWorker(Worker):
    """Starts whatever the application does, and passes on to browsers what the supervisor tells."""

    @classmethod
    def load(cls, target: str, config: Config) -> Application:
        """The application, or one that shows why it cannot be loaded."""
        return load_or_explain(target, config)

    def make_server(self, app: Application, listeners: Sequence[Listener]) -> Server:
        """What serves it."""
        return DevelopmentServer(app, self.config, listeners, versions=Versions(self.position.version))

    def readiness(self) -> Ready:
        """With the files to watch, and what is broken."""
        broken = self.development_server.broken
        if broken is None:
            return Ready(files=imported_files(sys.modules.values()))
        files = {*imported_files(sys.modules.values()), *filter(is_own, broken.files)}
        return Ready(files=sorted(files), broken=broken.text)

    def receive(self, message: ToWorker) -> None:
        """The supervisor says something."""
        if isinstance(message, RefreshBrowsers):
            self.development_server.versions.change(message.version, styles=message.styles)
        else:
            super().receive(message)

    @property
    def development_server(self) -> DevelopmentServer:
        """The server, as what it is here."""
        return cast(DevelopmentServer, self.server)


def imported_files(modules: Iterable[ModuleType]) -> list[str]:
    """The files of modules that are neither Python's nor installed."""
    files = {getattr(module, "__file__", None) for module in list(modules)}
    return sorted(file for file in files if isinstance(file, str) and is_own(file))


def is_own(file: str) -> bool:
    """Whether a developer may be about to change it."""
    return file.startswith("/") and "/site-packages/" not in file and not file.startswith(INSTALLED)
