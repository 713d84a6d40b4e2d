"""The command line: `python -m benchmarks NAME [OPTIONS]`, which `scripts/bench` runs."""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import signal
import sys
from collections.abc import Callable, Mapping

from benchmarks import commands, makemigrations
from benchmarks.databases import cases as databases
from benchmarks.harness.race import NothingChosenError, Options
from benchmarks.harness.workbench import Workbench
from benchmarks.orm import cases as orm
from benchmarks.server import bodies, http, http2, idle, latency, logs, websocket, workers
from benchmarks.techempower import race as techempower
from benchmarks.web import broadcast, forms, routes, static

Benchmark = Callable[[Workbench, Options], str]

SERVER: Mapping[str, Benchmark] = {
    "http": http.run,
    "http2": http2.run,
    "websocket": websocket.run,
    "bodies": bodies.run,
    "idle": idle.run,
    "latency": latency.run,
    "workers": workers.run,
    "logs": logs.run,
}
WEB: Mapping[str, Benchmark] = {
    "routes": routes.run,
    "broadcast": broadcast.run,
    "static": static.run,
    "forms": forms.run,
}
BENCHMARKS = {
    **SERVER,
    **WEB,
    "databases": databases.run,
    "orm": orm.run,
    "techempower": techempower.run,
    "commands": commands.run,
    "makemigrations": makemigrations.run,
}
GROUPS = {"server": tuple(SERVER), "web": tuple(WEB)}


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    found = argparse.ArgumentParser(prog="scripts/bench", description="Measure Vivace against its peers.")
    found.add_argument("name", choices=[*BENCHMARKS, *GROUPS], help="one benchmark, or server or web for all of those")
    found.add_argument("--rounds", type=int, default=5, help="how often each server is measured [default: 5]")
    found.add_argument("--seconds", type=int, default=6, help="how long a round lasts [default: 6]")
    found.add_argument(
        "--only", nargs="+", metavar="NAME", help="servers or clients to measure: names, or their beginnings"
    )
    found.add_argument("--cases", nargs="+", metavar="CASE", help="cases to measure: names, or their beginnings")
    found.add_argument("--server-core", type=int, default=0, help="core for the server, or the databases [default: 0]")
    found.add_argument(
        "--load-core", type=int, default=1, help="core for the load generator, or the clients [default: 1]"
    )
    return found


def main() -> None:
    """Measure and print."""
    command_line = parser()
    arguments = vars(command_line.parse_args())
    name = arguments.pop("name")
    options = Options(**arguments)
    if options.rounds < 1 or options.seconds < 1:
        command_line.error("--rounds and --seconds are at least 1")
    if name in GROUPS and options.cases:
        command_line.error("--cases goes with one benchmark")
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("A benchmark needs two cores: one for the server and one for the load.")
    # Whoever stops us, by `timeout` for instance, leaves no servers behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # Ten thousand connections; servers inherit the limit.
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
    workbench = Workbench()
    workbench.prepare()
    print(f"`scripts/bench {shlex.join(sys.argv[1:])}`; {workbench.machine()}.\n")
    for each in GROUPS.get(name, (name,)):
        try:
            print(f"## {each}\n\n{BENCHMARKS[each](workbench, options)}\n", flush=True)
        except NothingChosenError as error:
            if name not in GROUPS:  # where a server takes part in some benchmarks only
                command_line.error(str(error))


if __name__ == "__main__":
    main()
