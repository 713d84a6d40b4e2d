"""A case measured on several servers: one after the other in every round, so that a slow minute hits all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.harness.processes import Contender, RunningServer, ServerFailedError
from benchmarks.harness.workbench import Workbench, say

BASE = "vivace"


class NothingChosenError(Exception):
    """The command line leaves nothing to measure; the message says what there is."""


@dataclass(frozen=True)
class Options:
    """What the command line says about every benchmark."""

    rounds: int = 5
    seconds: int = 6
    only: Sequence[str] | None = None
    cases: Sequence[str] | None = None
    server_core: int | str = 0  # or several, as taskset takes them
    load_core: int | str = 1

    def __str__(self) -> str:
        return f"{self.rounds} round{'s' if self.rounds > 1 else ''} of {self.seconds} s"


@dataclass(frozen=True)
class Outcome:
    """What a load generator saw in a round."""

    exchanges: int  # requests, or messages
    per_second: float
    p99: float | None = None  # milliseconds


@dataclass(frozen=True)
class Case:
    """A kind of work. `check` raises ServerFailedError unless a server on that port does it as it should."""

    name: str
    title: str
    contenders: Sequence[Contender]
    check: Callable[[int], None]
    load: Callable[[int, Options, int], Outcome]  # port, options and seconds
    unit: str = "requests"


@dataclass
class Standing:
    """A contender's rounds so far."""

    contender: Contender
    outcomes: list[Outcome] = field(default_factory=list)
    per_cpu_second: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.contender.name

    @property
    def efficiency(self) -> float:
        """Median of exchanges per second of server CPU."""
        return statistics.median(self.per_cpu_second)

    @property
    def rate(self) -> float:
        """Median of exchanges per second."""
        return statistics.median(outcome.per_second for outcome in self.outcomes)

    @property
    def p99(self) -> float | None:
        """Median of the rounds' 99th percentiles, in milliseconds."""
        known = [outcome.p99 for outcome in self.outcomes if outcome.p99 is not None]
        return statistics.median(known) if known else None


@dataclass
class Race:
    """How a case came out: standings in the order of its contenders, and who did not take part, with the reason."""

    case: Case
    standings: list[Standing]
    absent: dict[str, str]


def chosen(names: Sequence[str] | None, name: str) -> bool:
    """Whether `--only` or `--cases` includes it."""
    return not names or name.startswith(tuple(names))


def chosen_contenders(contenders: Sequence[Contender], options: Options) -> list[Contender]:
    """The contenders that `--only` leaves; NothingChosenError if that is none."""
    found = [contender for contender in contenders if chosen(options.only, contender.name)]
    if not found:
        raise NothingChosenError(f"Give servers of: {', '.join(each.name for each in contenders)}")
    return found


def chosen_cases(cases: Sequence[Case], options: Options) -> list[Case]:
    """The cases that `--cases` leaves; NothingChosenError if that is none."""
    found = [case for case in cases if chosen(options.cases, case.name)]
    if not found:
        raise NothingChosenError(f"Give cases of: {', '.join(case.name for case in cases)}")
    return found


def run_race(case: Case, workbench: Workbench, options: Options) -> Race:
    """Start everybody, check and warm up, then measure in rounds. Whoever fails leaves the race, with the reason."""
    absent: dict[str, str] = {}
    standings: list[Standing] = []
    servers: dict[str, RunningServer] = {}
    with ExitStack() as stack:
        for contender in chosen_contenders(case.contenders, options):
            try:
                servers[contender.name] = start(contender, case, stack, workbench, options)
                standings.append(Standing(contender))
            except ServerFailedError as error:
                drop(contender, error, absent)
        for number in range(options.rounds):
            say(f"{case.name}: round {number + 1} of {options.rounds}")
            for standing in list(standings):
                try:
                    measure(servers[standing.name], standing, case, options)
                except ServerFailedError as error:
                    standings.remove(standing)
                    drop(standing.contender, error, absent)
    return Race(case, standings, absent)


def start(contender: Contender, case: Case, stack: ExitStack, workbench: Workbench, options: Options) -> RunningServer:
    """A server that has been seen to do the work, and is warm."""
    missing = contender.needs()
    if missing is not None:
        raise ServerFailedError(missing)
    server = stack.enter_context(RunningServer(contender, options.server_core, workbench.folder))
    case.check(server.port)
    case.load(server.port, options, 1)
    return server


def measure(server: RunningServer, standing: Standing, case: Case, options: Options) -> None:
    """One round."""
    before = server.cpu_seconds()
    outcome = case.load(server.port, options, options.seconds)
    spent = server.cpu_seconds() - before
    if outcome.exchanges == 0 or spent <= 0:
        raise ServerFailedError("nothing was answered")
    standing.outcomes.append(outcome)
    standing.per_cpu_second.append(outcome.exchanges / spent)


def drop(contender: Contender, error: ServerFailedError, absent: dict[str, str]) -> None:
    """Note who leaves the race, and why."""
    say(f"{contender.name} is left out: {error}")
    absent[contender.name] = str(error)
