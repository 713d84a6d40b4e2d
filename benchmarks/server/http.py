"""Plaintext and JSON over HTTP/1.1 with 64 keep-alive connections, and plaintext pipelined 16 deep."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.harness.processes import Contender
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.harness.wrk import run_wrk
from benchmarks.server.contenders import Contenders
from benchmarks.server.http_checks import check_http

CONNECTIONS = 64
DEPTH = 16
PLAINTEXT = b"Hello, World!"
JSON = b'{"message":"Hello, World!"}'


def one_by_one(port: int, options: Options, seconds: int) -> Outcome:
    """The next request follows the answer."""
    return run_wrk(port, options.load_core, CONNECTIONS, seconds)


def pipelined(port: int, options: Options, seconds: int) -> Outcome:
    """So many requests at once, the next so many when all are answered."""
    outcome = run_wrk(port, options.load_core, CONNECTIONS, seconds, "pipeline.lua", [str(DEPTH)])
    return replace(outcome, p99=None)  # wrk does not tell it for requests that go out together


def cases(workbench: Workbench) -> list[Case]:
    """What is measured."""
    make = Contenders(workbench)

    def everybody(application: str) -> list[Contender]:
        return [
            make.vivace(application),
            make.uvicorn(application),
            make.granian(application, "--http", "1", "--no-ws"),
            make.node("node:http", "node_http.js", application),
            make.bun(application),
        ]

    return [
        Case(
            "plaintext",
            f"13 bytes, {CONNECTIONS} keep-alive connections",
            everybody("plaintext"),
            partial(check_http, expected=PLAINTEXT),
            one_by_one,
        ),
        Case(
            "json",
            f"27 bytes encoded for every request (msgspec, JSON.stringify), {CONNECTIONS} keep-alive connections",
            everybody("json"),
            partial(check_http, expected=JSON),
            one_by_one,
        ),
        Case(
            "pipelined",
            f"13 bytes, {CONNECTIONS} keep-alive connections, {DEPTH} requests at once",
            everybody("plaintext"),
            partial(check_http, expected=PLAINTEXT),
            pipelined,
        ),
    ]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(case, workbench, options) for case in chosen_cases(cases(workbench), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
