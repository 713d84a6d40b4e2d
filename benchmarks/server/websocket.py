"""WebSocket echo of 125 bytes, one message in flight on each of 64 connections."""

from __future__ import annotations

from functools import partial

from benchmarks.harness.exchange import Exchange, run_exchange
from benchmarks.harness.processes import ServerFailedError
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.server.contenders import Contenders
from benchmarks.server.websocket_client import BINARY, TEXT, WebSocketClient, frame, masked_frame, opening_request

CONNECTIONS = 64
PAYLOAD = (b"The quick brown fox jumps over the lazy dog. " * 3)[:125]


def check(port: int, opcode: int) -> None:
    """ServerFailedError unless two messages come back as they were."""
    try:
        with WebSocketClient(port) as client:
            for _ in range(2):
                client.exchange(opcode, PAYLOAD)
    except (OSError, ValueError) as error:
        raise ServerFailedError(f"not answering WebSocket as it should: {error}") from None


def load(port: int, options: Options, seconds: int, workbench: Workbench, opcode: int) -> Outcome:
    """The next message follows the echo."""
    echo = frame(opcode, PAYLOAD)
    exchange = Exchange(masked_frame(opcode, PAYLOAD), len(echo), echo, opening_request(port))
    return run_exchange(workbench, exchange, port, options.load_core, CONNECTIONS, seconds)


def cases(workbench: Workbench) -> list[Case]:
    """What is measured."""
    make = Contenders(workbench)
    contenders = [
        make.vivace("echo"),
        make.uvicorn("echo", "--ws", "websockets-sansio"),
        make.granian("echo", "--http", "1", "--ws"),
        make.node("node ws", "node_ws.js", packages=("ws",)),
        make.picows(),
    ]
    return [
        Case(
            name,
            f"echo of {len(PAYLOAD)} bytes as {kind}, {CONNECTIONS} connections",
            contenders,
            partial(check, opcode=opcode),
            partial(load, workbench=workbench, opcode=opcode),
            unit="messages",
        )
        for name, kind, opcode in (("websocket-text", "text", TEXT), ("websocket-binary", "binary", BINARY))
    ]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(case, workbench, options) for case in chosen_cases(cases(workbench), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
