"""What access log and metrics cost: on the smallest application there is, and on a site with a route."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.harness.processes import Contender
from benchmarks.harness.race import BASE, Case, Options, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import APPLICATIONS
from benchmarks.server.http import CONNECTIONS, JSON, PLAINTEXT, one_by_one
from benchmarks.server.http_checks import check_http

CONTENDERS = {
    BASE: ("off",),
    "metrics": ("metrics",),
    "text to a file": ("text",),
    "json to a file": ("json",),
    "combined to a file": ("combined",),
    "text to a pipe": ("text", "pipe"),
    "json to a pipe": ("json", "pipe"),
}


def contender(name: str, application: str) -> Contender:
    """Our server with a log of that form, or metrics."""
    script = str(APPLICATIONS / "vivace_logging.py")
    return Contender(
        name, lambda port: [sys.executable, script, application, str(port), *CONTENDERS[name]], ("vivace",)
    )


def case(name: str, title: str, application: str, expected: bytes) -> Case:
    """All of them with an application."""
    return Case(
        name,
        f"{title}, {CONNECTIONS} keep-alive connections, with access log or metrics",
        [contender(each, application) for each in CONTENDERS],
        partial(check_http, expected=expected),
        one_by_one,
    )


CASES = [
    case("logs-plaintext", "13 bytes from a raw ASGI application", "asgi:plaintext", PLAINTEXT),
    case("logs-site", "27 bytes of JSON from a route of a site", "site_route:app", JSON),
]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(each, workbench, options) for each in chosen_cases(CASES, options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
