"""Two workers on two cores against one, and against peers: the load shares the cores, at the lowest priority."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.harness.race import Case, Options, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import Contenders
from benchmarks.server.http import CONNECTIONS, PLAINTEXT, one_by_one
from benchmarks.server.http_checks import check_http

BOTH = "0,1"
TITLES = {
    "plaintext": f"13 bytes, {CONNECTIONS} keep-alive connections",
    "page": f"13 bytes after some 200 us of Python, {CONNECTIONS} keep-alive connections",
}


def cases(workbench: Workbench) -> list[Case]:
    """What is measured. Work in another language is other work, so node takes part in the first only."""
    make = Contenders(workbench)
    found = []
    for application, title in TITLES.items():
        contenders = [
            make.vivace(application, workers=2),
            make.vivace(application, "vivace, 1 worker", workers=1),
            make.uvicorn(application, "--workers", "2"),
            make.granian(application, "--http", "1", "--no-ws", workers=2),
        ]
        if application == "plaintext":
            contenders.append(make.node("node cluster", "node_cluster.js", application))
        check = partial(check_http, expected=PLAINTEXT)
        found.append(Case(f"workers-{application}", f"two workers, {title}", contenders, check, one_by_one))
    return found


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    everywhere = replace(options, server_core=BOTH, load_core=BOTH)
    races = [run_race(case, workbench, everywhere) for case in chosen_cases(cases(workbench), options)]
    return "\n".join(race_section(race, workbench, everywhere) for race in races)
