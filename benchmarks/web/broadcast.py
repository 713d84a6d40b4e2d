"""A message told to 1,000 clients, one after the other: through WebSockets, and as server-sent events."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import Contenders
from benchmarks.web.broadcast_client import PAYLOAD
from benchmarks.web.contenders import APPLICATIONS

LISTENERS = 1000


def run_client(port: int, kind: str, listeners: int, seconds: int, core: int | str | None) -> Outcome:
    """One run of the load generator, in a process of its own; ServerFailedError unless all hear every message."""
    arguments = [kind, str(listeners), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.web.broadcast_client", str(port), *arguments]
    delivered, per_second = run_pinned(core, command, seconds + 60).split()
    return Outcome(int(delivered), float(per_second))


def check(port: int, kind: str) -> None:
    """ServerFailedError unless two listeners hear a message."""
    run_client(port, kind, 2, 0, None)


def load(port: int, options: Options, seconds: int, kind: str) -> Outcome:
    """The next message follows when all have the last."""
    return run_client(port, kind, LISTENERS, seconds, options.load_core)


def cases(workbench: Workbench) -> list[Case]:
    """What is measured."""
    make = Contenders(workbench, APPLICATIONS)
    uvicorn = partial(make.uvicorn, packages=("starlette",))
    granian = partial(make.granian, packages=("starlette",))
    node = make.node("node", "node_broadcast.js", packages=("ws",))
    queues, loop = "starlette_broadcast:app", "starlette_broadcast:loop_app"
    vivace = make.vivace("vivace_broadcast:app")
    websocket = [
        vivace,
        uvicorn(queues, "--ws", "websockets-sansio", name="Starlette on uvicorn, queues"),
        uvicorn(loop, "--ws", "websockets-sansio", name="Starlette on uvicorn, loop"),
        granian(queues, "--http", "1", "--ws", name="Starlette on Granian, queues"),
        granian(loop, "--http", "1", "--ws", name="Starlette on Granian, loop"),
        node,
    ]
    events = [
        vivace,
        uvicorn(queues, name="Starlette on uvicorn"),
        granian(queues, "--http", "1", "--no-ws", name="Starlette on Granian"),
        node,
    ]
    return [
        Case(
            f"broadcast-{kind}",
            f"a message of {len(PAYLOAD)} bytes to {LISTENERS:,} {listeners}",
            contenders,
            partial(check, kind=kind),
            partial(load, kind=kind),
            unit="deliveries",
        )
        for kind, listeners, contenders in (
            ("websocket", "WebSockets", websocket),
            ("events", "streams of server-sent events", events),
        )
    ]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(case, workbench, options) for case in chosen_cases(cases(workbench), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
