"""HTTP/2 with prior knowledge on a clear port: 8 connections with 32 streams each."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.harness.h2load import check_h2, run_h2load
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import Contenders

CONNECTIONS = 8
STREAMS = 32
PLAINTEXT = b"Hello, World!"


def load(port: int, options: Options, seconds: int) -> Outcome:
    """Every connection keeps its streams busy."""
    return run_h2load(port, options.load_core, CONNECTIONS, STREAMS, seconds)


def cases(workbench: Workbench, folder: Path) -> list[Case]:
    """What is measured; nghttpd serves the folder."""
    make = Contenders(workbench)
    contenders = [
        make.vivace("plaintext"),
        make.granian("plaintext", "--http", "2", "--no-ws"),
        make.hypercorn("plaintext"),
        make.node("node:http2 (stream API)", "node_http2.js"),
        make.nghttpd(folder),
    ]
    title = f"13 bytes, h2c, {CONNECTIONS} connections with {STREAMS} streams each"
    return [Case("http2", title, contenders, partial(check_h2, expected=PLAINTEXT), load)]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the table."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_bytes(PLAINTEXT)
        races = [run_race(case, workbench, options) for case in chosen_cases(cases(workbench, Path(folder)), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
