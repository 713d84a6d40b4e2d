"""Acts on files that change: new workers for new code, news for the browsers about pages and styles."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivace.server.config import Config
from vivace.server.logging import server_logger

# The worker's as well: it is loaded here already when one is forked, which then need not.
from vivace.server.supervisor import development_worker, watcher
from vivace.server.supervisor.changes import Effect, Rules, shown
from vivace.server.supervisor.companions import Companion
from vivace.server.supervisor.messages import Ready, RefreshBrowsers

if TYPE_CHECKING:
    from vivace.server.supervisor.handle import Worker
    from vivace.server.supervisor.supervisor import Supervisor

# A watcher that has ended is started again after so many seconds.
PAUSE = 2.0
# How long it may take to end with us.
PATIENCE = 2.0
# Files that say how to serve besides what: that was read when the command began.
WITH_OPTIONS = ("pyproject.toml", ".env")


def watched_folders(config: Config, target: str) -> list[str]:
    """What is watched as a whole: `reload_dirs`, or the folders of the application and of `static`."""
    if config.reloading.reload_dirs:
        return [str(Path(folder).resolve()) for folder in config.reloading.reload_dirs]
    folders = [Path(config.app_dir).resolve()]
    file = target.rpartition(":")[0] if ".py:" in target else target
    if file.endswith(".py"):
        beside = (folders[0] / file).resolve().parent
        if not beside.is_relative_to(folders[0]):
            folders.append(beside)
    for mount in config.static_files.mounts:
        static = Path(mount.folder).resolve()
        if not any(static.is_relative_to(folder) for folder in folders):
            folders.append(static)
    return [str(folder) for folder in folders]


def forget_bytecode(paths: Iterable[str]) -> None:
    """Remove what Python has compiled of these files.

    It would take that for current if a file was saved twice within a second, with the same size.
    """
    for path in paths:
        if path.endswith(".py"):
            with contextlib.suppress(OSError):
                os.unlink(importlib.util.cache_from_source(path))


class Reloading(Companion):
    """Has the watcher as its child, and tells the supervisor what its news mean."""

    def __init__(self, config: Config) -> None:
        options = config.reloading
        self.config = config
        self.rules = Rules(options.reload_include, options.reload_exclude)
        self.supervisor: Supervisor | None = None
        self.folders: list[str] = []
        # Modules of this process are in every worker that it forks, as they were when it began.
        self.preloaded = frozenset(development_worker.imported_files(sys.modules.values()))
        self.loaded: frozenset[str] = frozenset()
        self.reported = ""  # the version whose mistake is in the log
        self._token = secrets.token_hex(4)
        self._count = 0
        self._since = time.time()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    @property
    def version(self) -> str:
        """Of the code and files that are served; unlike that of any other server that a browser has seen here."""
        return f"{self._token}-{self._count}"

    async def start(self, supervisor: Supervisor) -> None:
        """Begin to watch, before the code is loaded."""
        self.supervisor = supervisor
        self.folders = watched_folders(self.config, supervisor.target)
        supervisor.version = self.version
        await self._start_watcher()

    def ready(self) -> None:
        """Say what to expect."""
        what = "a save restarts the application"
        if self.config.reloading.live_reload:
            what += " and reloads the browser"
        server_logger.info("Watching %s: %s.", " and ".join(self.folders), what)

    def worker_ready(self, worker: Worker, message: Ready) -> None:
        """Watch what was imported from elsewhere, too; and tell once what is broken."""
        files = frozenset(message.files) - self.preloaded
        if files - self.loaded:
            self.loaded |= files
            self._order({"files": sorted(file for file in self.loaded if not self._is_inside(file))})
        if message.broken is not None and self.reported != self.version:
            self.reported = self.version
            server_logger.error("%s\nThis is shown in the browser until the next save.", message.broken)

    async def stop(self) -> None:
        """End the watcher."""
        self._ended = True
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.to_thread(process.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def changed(self, paths: list[str]) -> None:
        """Do what these changes ask for."""
        assert self.supervisor is not None
        effect, causes = self.rules.effect(paths, self.loaded)
        if effect is Effect.NOTHING or self.supervisor.state == "stopping":
            return
        self._count += 1
        self.supervisor.version = self.version
        if effect is Effect.RESTART:
            server_logger.info("%s changed: the application is started again.", shown(causes, os.getcwd()))
            if any(os.path.basename(path) in WITH_OPTIONS for path in causes):
                server_logger.info("Options of the server in that file count when the command is started again.")
            self.supervisor.replace_all()
            # Before the new workers are forked.
            forget_bytecode(causes)
            return
        server_logger.info("%s changed.", shown(causes, os.getcwd()))
        message = RefreshBrowsers(version=self.version, styles=effect is Effect.STYLES)
        for worker in self.supervisor.workers:
            worker.send(message)

    def _is_inside(self, file: str) -> bool:
        return any(file.startswith(f"{folder}/") for folder in self.folders)

    async def _start_watcher(self) -> None:
        plan: watcher.Plan = {
            "folders": self.folders,
            "files": sorted(file for file in self.loaded if not self._is_inside(file)),
            "exclude": list(self.rules.exclude),
            "since": self._since,
        }
        # No process of asyncio's: on Python 3.11 a thread would wait for it.
        self._process = process = subprocess.Popen(  # noqa: ASYNC220, S603 - a program of our own
            [sys.executable, "-P", watcher.__file__, json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: _News(self), process.stdout)

    def _order(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def told(self, line: bytes) -> None:
        """A line of the watcher's."""
        message = json.loads(line)
        if "changed" in message:
            self.changed(message["changed"])
        elif "note" in message:
            server_logger.warning("%s", message["note"])

    def watcher_ended(self) -> None:
        """It has ended without being asked, unless we end as well."""
        assert self.supervisor is not None
        if self._ended or self.supervisor.state == "stopping":
            return
        server_logger.error("The watcher of files has ended; another one is started.")
        self._since = time.time()
        self.supervisor.spawn_task(self._start_watcher_again())

    async def _start_watcher_again(self) -> None:
        assert self._process is not None
        await asyncio.sleep(PAUSE)
        if not self._ended:
            self._process.poll()
            await self._start_watcher()


class _News(asyncio.Protocol):
    """Splits what the watcher writes into lines."""

    def __init__(self, reloading: Reloading) -> None:
        self.reloading = reloading
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.reloading.told(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self.reloading.watcher_ended()
