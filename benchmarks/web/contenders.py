"""Who takes part in the toolkit's benchmarks: a framework on a server. Servers are started as in benchmarks/server."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.harness.processes import Contender
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import Contenders

APPLICATIONS = Path(__file__).with_name("applications")


class Frameworks:
    """Makes contenders. An `application` is a name in the framework's file in applications/."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.servers = Contenders(workbench, APPLICATIONS)

    def vivace(self, application: str = "app", name: str = "vivace") -> Contender:
        """Our toolkit on our server."""
        return self.servers.vivace(f"vivace_toolkit:{application}", name)

    def vivace_on_uvicorn(self, application: str = "app", name: str = "vivace on uvicorn") -> Contender:
        """Our toolkit on the peers' uvicorn, which is put before whatever else our interpreter has."""
        contender = self.servers.uvicorn(f"vivace_toolkit:{application}", name=name)
        command = contender.command
        path = os.pathsep.join([str(APPLICATIONS), str(self.workbench.library)])
        return replace(
            contender,
            command=lambda port: [sys.executable, *command(port)[1:]],
            made_of=("vivace", *contender.made_of),
            environment={"PYTHONPATH": path},
        )

    def starlette(self, application: str = "app", name: str = "Starlette on uvicorn") -> Contender:
        """Starlette on uvicorn."""
        return self.servers.uvicorn(f"starlette_toolkit:{application}", name=name, packages=("starlette",))

    def fastapi(self) -> Contender:
        """FastAPI on uvicorn."""
        return self.servers.uvicorn("fastapi_route:app", name="FastAPI on uvicorn", packages=("fastapi", "starlette"))

    def fastapi_on_vivace(self, name: str = "FastAPI on vivace", *, toolkit: bool = False) -> Contender:
        """FastAPI on our server; with `toolkit` our toolkit is in Starlette's place."""
        path = os.pathsep.join([str(APPLICATIONS), str(self.workbench.library)])
        return replace(
            self.servers.vivace("fastapi_route:app", name),
            made_of=("vivace", "fastapi") if toolkit else ("vivace", "fastapi", "starlette"),
            environment={"PYTHONPATH": path, **({"VIVACE_TOOLKIT": "vivace"} if toolkit else {})},
        )

    def blacksheep(self) -> Contender:
        """BlackSheep on Granian."""
        options = ("--http", "1", "--no-ws")
        contender = self.servers.granian(
            "blacksheep_route:app", *options, name="BlackSheep on Granian", packages=("blacksheep",)
        )
        # It has a lifespan, without which it refuses to answer.
        command = contender.command
        return replace(contender, command=lambda port: ["asgi" if part == "asginl" else part for part in command(port)])

    def fastify(self) -> Contender:
        """Fastify on node."""
        return self.servers.node("Fastify", "fastify_route.js", packages=("fastify",))
