"""How each server is started: one process, no access log, otherwise as its documentation says it is fastest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness.processes import Contender
from benchmarks.harness.workbench import Workbench

APPLICATIONS = Path(__file__).with_name("applications")
PortArguments = Callable[[int], Sequence[str]]


class Contenders:
    """Makes contenders. `application` names a function of applications/asgi.py, or is `module:name` for another file.

    A `script` is a file there, too. `folder` may be another folder of applications.
    """

    def __init__(self, workbench: Workbench, folder: Path = APPLICATIONS) -> None:
        self.workbench = workbench
        self.folder = folder

    def vivace(self, application: str, name: str = "vivace", *, workers: int | None = None) -> Contender:
        """Our server; one process, or a supervisor with workers."""
        script = str(APPLICATIONS / "vivace_server.py")
        extra = [] if workers is None else [str(workers)]
        return Contender(
            name,
            lambda port: [sys.executable, script, in_module(application), str(port), *extra],
            ("vivace",),
            environment={"PYTHONPATH": str(self.folder)},
        )

    def uvicorn(
        self, application: str, *options: str, name: str = "uvicorn", packages: tuple[str, ...] = ()
    ) -> Contender:
        """uvicorn with its fast parser and loop; `--ws websockets-sansio` is given where it matters."""
        fixed = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
        quiet = ["--lifespan", "off", "--timeout-keep-alive", "120", *fixed, *options]
        return self._python_peer(
            name,
            (*packages, "uvicorn", "httptools", "uvloop"),
            lambda port: ["-m", "uvicorn", in_module(application), "--port", str(port), *quiet],
        )

    def granian(
        self,
        application: str,
        *options: str,
        workers: int = 1,
        name: str = "Granian ASGI",
        packages: tuple[str, ...] = (),
    ) -> Contender:
        """Granian's ASGI interface: one runtime thread for each worker, uvloop."""
        fixed = ["--interface", "asginl", "--workers", str(workers), "--runtime-threads", "1", "--loop", "uvloop"]
        quiet = [*fixed, "--backlog", "16384", "--log-level", "warning", "--no-access-log", *options]
        return self._python_peer(
            name,
            (*packages, "granian", "uvloop"),
            lambda port: ["-m", "granian", in_module(application), "--port", str(port), *quiet],
        )

    def hypercorn(self, application: str) -> Contender:
        """Hypercorn on uvloop."""
        return self._python_peer(
            "hypercorn",
            ("hypercorn", "h2", "uvloop"),
            lambda port: ["-m", "hypercorn", f"asgi:{application}", "-b", f"127.0.0.1:{port}", "-k", "uvloop"],
        )

    def picows(self) -> Contender:
        """A WebSocket echo with picows: no ASGI, so the limit of what a Python server does."""
        script = str(APPLICATIONS / "picows_echo.py")
        return self._python_peer("picows (no ASGI)", ("picows", "uvloop"), lambda port: [script, str(port)])

    def node(self, name: str, script: str, *arguments: str, packages: tuple[str, ...] = ()) -> Contender:
        """A script under node."""
        needs = ("node", *packages)
        return Contender(
            name,
            lambda port: ["node", str(self.folder / script), str(port), *arguments],
            made_of=needs,
            environment={"NODE_PATH": str(self.workbench.node_modules), "NODE_ENV": "production"},
            needs=lambda: self.workbench.missing(*needs),
        )

    def bun(self, application: str) -> Contender:
        """Bun.serve."""
        script = str(APPLICATIONS / "bun_http.js")
        return Contender(
            "Bun",
            lambda port: [self.workbench.bun(), script, str(port), application],
            made_of=("bun",),
            needs=lambda: self.workbench.missing("bun"),
        )

    def nghttpd(self, folder: Path) -> Contender:
        """nghttp2's server, of a folder of files: C, no application."""
        command = ["nghttpd", "--no-tls", "--address=127.0.0.1", "--htdocs", str(folder)]
        return Contender(
            "nghttpd (C, no application)",
            lambda port: [*command, str(port)],
            made_of=("nghttpd",),
            needs=lambda: self.workbench.missing("nghttpd"),
        )

    def _python_peer(self, name: str, packages: tuple[str, ...], arguments: PortArguments) -> Contender:
        python = self.workbench.python
        return Contender(
            name,
            lambda port: [python, *arguments(port)],
            made_of=packages,
            environment={"PYTHONPATH": str(self.folder)},
            needs=lambda: self.workbench.missing(*packages),
        )


def in_module(application: str) -> str:
    """Where servers look for it."""
    return application if ":" in application else f"asgi:{application}"
