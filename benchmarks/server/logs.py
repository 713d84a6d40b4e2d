"""What the access log costs: plaintext with 64 keep-alive connections, without it and with it, to a file and a pipe."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.harness.processes import Contender
from benchmarks.harness.race import Case, Options, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import APPLICATIONS, Contenders
from benchmarks.server.http import CONNECTIONS, PLAINTEXT, one_by_one
from benchmarks.server.http_checks import check_http

FORMS = ("text", "json", "combined")


def with_log(form: str, *where: str) -> Contender:
    """Our server with an access log of that form."""
    script = str(APPLICATIONS / "vivace_logging.py")
    name = " to a ".join(("log as " + form, *(where or ("file",))))
    return Contender(
        name, lambda port: [sys.executable, script, "asgi:plaintext", str(port), form, *where], ("vivace",)
    )


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the table."""
    case = Case(
        "logs",
        f"13 bytes, {CONNECTIONS} keep-alive connections, with an access log",
        [
            Contenders(workbench).vivace("plaintext"),
            *(with_log(form) for form in FORMS),
            with_log("text", "pipe"),
            with_log("json", "pipe"),
        ],
        partial(check_http, expected=PLAINTEXT),
        one_by_one,
    )
    races = [run_race(each, workbench, options) for each in chosen_cases([case], options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
