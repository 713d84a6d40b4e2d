"""Large things: posting 600 bytes and 1 MiB, a response of 1 MiB, and a file of 10 MiB."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.harness.processes import Contender
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.harness.wrk import run_wrk
from benchmarks.server.contenders import Contenders
from benchmarks.server.http_checks import check_http

MIB = 1024 * 1024
FILE_SIZE = 10 * MIB


@dataclass(frozen=True)
class Post:
    """A body that is posted on so many connections, and answered with its length."""

    size: int
    connections: int

    def check(self, port: int) -> None:
        """See that it arrives whole."""
        check_http(port, str(self.size).encode(), "POST", b"x" * self.size)

    def load(self, port: int, options: Options, seconds: int) -> Outcome:
        """Post it over and over."""
        return run_wrk(port, options.load_core, self.connections, seconds, "post.lua", [str(self.size)])


@dataclass(frozen=True)
class Get:
    """A body that is fetched on so many connections."""

    body: bytes
    connections: int

    def check(self, port: int) -> None:
        """See that it arrives whole."""
        check_http(port, self.body)

    def load(self, port: int, options: Options, seconds: int) -> Outcome:
        """Fetch it over and over."""
        return run_wrk(port, options.load_core, self.connections, seconds)


def cases(workbench: Workbench) -> list[Case]:
    """What is measured."""
    file = workbench.folder / "10-mib"
    content = bytes(range(256)) * (FILE_SIZE // 256)
    file.write_bytes(content)
    make = partial(everybody, Contenders(workbench), file)
    found = []
    for name, title, application, work in (
        ("post-600", "POST of 600 bytes, 64 connections", "post", Post(600, 64)),
        ("post-1m", "POST of 1 MiB, 16 connections", "post", Post(MIB, 16)),
        ("response-1m", "response of 1 MiB, 16 connections", "large", Get(b"x" * MIB, 16)),
        ("file-10m", "file of 10 MiB, 8 connections", "file", Get(content, 8)),
    ):
        found.append(Case(name, title, make(application), work.check, work.load))
    return found


def everybody(make: Contenders, file: Path, application: str) -> list[Contender]:
    """All who take part, told where the file is."""
    contenders = [
        make.vivace(application),
        make.uvicorn(application),
        make.granian(application, "--http", "1", "--no-ws"),
        make.node("node:http", "node_http.js", application),
    ]
    return [replace(each, environment={**each.environment, "BENCH_FILE": str(file)}) for each in contenders]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(case, workbench, options) for case in chosen_cases(cases(workbench), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
