"""Clients that do the same work, one after the other in every round, so that a slow minute hits all of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from select import select
from statistics import median
from types import TracebackType
from typing import Self

from benchmarks.harness.processes import ServerFailedError
from benchmarks.harness.race import NothingChosenError, Options, chosen
from benchmarks.harness.tables import left_out, table
from benchmarks.harness.workbench import ROOT, Workbench, say

# To open, to check, or beyond the seconds of a round.
PATIENCE = 60.0


@dataclass(frozen=True)
class Client:
    """Who takes part: a name for the table, a module of clients/, and what it is made of."""

    name: str
    module: str
    made_of: tuple[str, ...]
    driver: str = ""  # put behind the scheme of the URL


@dataclass(frozen=True)
class Case:
    """A kind of work: a method of the program's Works, done by so many tasks, on `postgresql`, `mysql` or `sqlite`."""

    name: str
    title: str
    database: str
    work: str
    tasks: int
    clients: Sequence[Client]
    # How many times better ours should be than these, in processor time.
    targets: Mapping[str, float] = field(default_factory=dict)
    program: str = "benchmarks.databases.client"


class RunningClient:
    """A client's process; a context manager that has it checked and ready inside."""

    def __init__(self, client: Client, case: Case, url: str, options: Options, workbench: Workbench) -> None:
        python = sys.executable if client.made_of[0] == "vivace" else workbench.python
        if client.driver:
            scheme, _, rest = url.partition("://")
            url = f"{scheme}+{client.driver}://{rest}"
        # SQLite has no server, so its clients and their threads may have that core too.
        cores = f"{options.server_core},{options.load_core}" if case.database == "sqlite" else str(options.load_core)
        words = ["-m", case.program, client.module, case.work, str(case.tasks), url]
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, python, *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        try:
            if self.answer(PATIENCE) != "ready":
                raise ServerFailedError("does not say that it is ready")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, patience: float) -> str:
        """Its next line; ServerFailedError, with what it complained about, if there is none."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        if not select([self.process.stdout], [], [], patience)[0]:
            raise ServerFailedError(f"does not answer within {patience:.0f} s")
        line = self.process.stdout.readline().strip()
        if not line:
            said = self.process.stderr.read().strip().split("\n")
            raise ServerFailedError(said[-1] or "ended without a word")
        return line

    def measure(self, seconds: float) -> tuple[int, float, float]:
        """Operations, processor time and time of a round."""
        assert self.process.stdin is not None
        try:
            print(seconds, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise ServerFailedError("ended") from None
        operations, cpu, passed = self.answer(seconds + PATIENCE).split()
        return int(operations), float(cpu), float(passed)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


@dataclass
class Standing:
    """A client's rounds so far."""

    client: Client
    cpu_seconds: list[float] = field(default_factory=list)  # of one operation
    per_second: list[float] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """Median of the processor time of one operation, in microseconds."""
        return median(self.cpu_seconds) * 1e6

    @property
    def rate(self) -> float:
        """Median of operations in a second."""
        return median(self.per_second)


def run_contest(case: Case, url: str, workbench: Workbench, options: Options) -> str:
    """Check and warm up everybody, measure in rounds; the section with its table."""
    chosen_clients = [client for client in case.clients if chosen(options.only, client.name)]
    if not chosen_clients:
        raise NothingChosenError(f"Give clients of: {', '.join(client.name for client in case.clients)}")
    absent: dict[str, str] = {}
    running: dict[str, tuple[RunningClient, Standing]] = {}
    with ExitStack() as stack:
        for client in chosen_clients:
            try:
                missing = workbench.missing(*[name for name in client.made_of if name != "vivace"])
                if missing is not None:
                    raise ServerFailedError(missing)
                process = stack.enter_context(RunningClient(client, case, url, options, workbench))
                process.measure(1)
                running[client.name] = process, Standing(client)
            except ServerFailedError as error:
                drop(client, error, absent)
        for number in range(options.rounds):
            say(f"{case.name}: round {number + 1} of {options.rounds}")
            for process, standing in list(running.values()):
                try:
                    operations, cpu, passed = process.measure(options.seconds)
                except ServerFailedError as error:
                    del running[standing.client.name]
                    drop(standing.client, error, absent)
                else:
                    standing.cpu_seconds.append(cpu / operations)
                    standing.per_second.append(operations / passed)
    return section(case, [standing for _, standing in running.values()], absent, workbench, options)


def drop(client: Client, error: ServerFailedError, absent: dict[str, str]) -> None:
    """Note who leaves, and why."""
    say(f"{client.name} is left out: {error}")
    absent[client.name] = str(error)


def section(
    case: Case, standings: Sequence[Standing], absent: Mapping[str, str], workbench: Workbench, options: Options
) -> str:
    """A case with its heading, circumstances and table."""
    versions = workbench.versions(name for standing in standings for name in standing.client.made_of)
    lines = [f"### {case.name}: {case.title}\n", f"{options}; {versions}.\n"]
    if standings:
        base = standings[0]
        name = base.client.name
        titles = ["client", "µs of client CPU", f"{name} is", "target", "per second", f"by rate {name} is"]
        rows = [
            [
                standing.client.name,
                f"{standing.cost:,.1f}",
                f"{standing.cost / base.cost:.2f}x",
                f"{case.targets[standing.client.name]:g}x" if standing.client.name in case.targets else "",
                f"{standing.rate:,.1f}" if standing.rate < 1000 else f"{standing.rate:,.0f}",
                f"{base.rate / standing.rate:.2f}x",
            ]
            for standing in standings
        ]
        lines.append(table(titles, rows))
    return "\n".join(lines) + "\n" + left_out(absent)
