"""Latency when requests come at a constant rate: 60 % of what node:http can do, the same for everybody."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.harness.exchange import Exchange, Latencies, run_exchange
from benchmarks.harness.processes import Contender, RunningServer, ServerFailedError
from benchmarks.harness.race import Options, chosen
from benchmarks.harness.tables import left_out, table
from benchmarks.harness.workbench import Workbench, say
from benchmarks.server.contenders import Contenders
from benchmarks.server.http_checks import check_http, reply_size

CONNECTIONS = 64
SHARE = 0.6
PLAINTEXT = b"Hello, World!"
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
# Slower than node:http never is: taken when there is no node to measure.
RATE_WITHOUT_NODE = 20_000.0


@dataclass
class Runner:
    """A server that is running, and its rounds so far."""

    contender: Contender
    server: RunningServer
    exchange: Exchange
    rounds: list[Latencies] = field(default_factory=list)
    cpu_shares: list[float] = field(default_factory=list)

    def load(self, workbench: Workbench, options: Options, seconds: int, rate: float = 0) -> Latencies:
        """Load at that rate, or at full speed."""
        port = self.server.port
        return run_exchange(workbench, self.exchange, port, options.load_core, CONNECTIONS, seconds, rate)

    def measure(self, workbench: Workbench, options: Options, rate: float) -> None:
        """One round."""
        before = self.server.cpu_seconds()
        self.rounds.append(self.load(workbench, options, options.seconds, rate))
        self.cpu_shares.append((self.server.cpu_seconds() - before) / options.seconds)

    def median(self, attribute: str) -> float:
        """Over the rounds."""
        values: list[float] = [getattr(each, attribute) for each in self.rounds]
        return statistics.median(values)


def contenders(workbench: Workbench) -> list[Contender]:
    """Who takes part; node is always needed, for the rate."""
    make = Contenders(workbench)
    return [
        make.vivace("plaintext"),
        make.uvicorn("plaintext"),
        make.granian("plaintext", "--http", "1", "--no-ws"),
        make.node("node:http", "node_http.js", "plaintext"),
    ]


def start(contender: Contender, stack: ExitStack, workbench: Workbench, options: Options) -> Runner:
    """A server that has been seen to answer, and is warm."""
    missing = contender.needs()
    if missing is not None:
        raise ServerFailedError(missing)
    server = stack.enter_context(RunningServer(contender, options.server_core, workbench.folder))
    check_http(server.port, PLAINTEXT)
    exchange = Exchange(REQUEST, reply_size(server.port, REQUEST, PLAINTEXT), b"HTTP/1.1 200 ")
    runner = Runner(contender, server, exchange)
    runner.load(workbench, options, 1)
    return runner


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the table."""
    runners: list[Runner] = []
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        for contender in contenders(workbench):
            try:
                runners.append(start(contender, stack, workbench, options))
            except ServerFailedError as error:
                absent[contender.name] = str(error)
        node = next((each for each in runners if each.contender.name == "node:http"), None)
        peak = None if node is None else node.load(workbench, options, options.seconds).per_second
        rate = RATE_WITHOUT_NODE if peak is None else SHARE * peak
        runners = [each for each in runners if chosen(options.only, each.contender.name)]
        for number in range(options.rounds):
            say(f"latency: round {number + 1} of {options.rounds}, {rate:,.0f} requests per second")
            for runner in runners:
                runner.measure(workbench, options, rate)
    return section(runners, absent, workbench, options, rate, peak)


def section(
    runners: list[Runner],
    absent: dict[str, str],
    workbench: Workbench,
    options: Options,
    rate: float,
    peak: float | None,
) -> str:
    """The heading, circumstances and table."""
    made_of = [name for runner in runners for name in runner.contender.made_of]
    origin = "a rate of our choice" if peak is None else f"{SHARE:.0%} of node:http's {peak:,.0f}"
    lines = [
        f"### latency: {rate:,.0f} requests per second\n",
        f"{origin}, {CONNECTIONS} connections, latency from when a request was due (coordinated omission corrected);",
        f"{options}; {workbench.versions(made_of)}.\n",
        table(
            ["server", "median, ms", "p99, ms", "p99.9, ms", "worst, ms", "of a core"],
            [
                [
                    runner.contender.name,
                    *(f"{runner.median(attribute):.3f}" for attribute in ("p50", "p99", "p999", "worst")),
                    f"{statistics.median(runner.cpu_shares):.0%}",
                ]
                for runner in runners
            ],
        ),
    ]
    return "\n".join(lines) + "\n" + left_out(absent)
