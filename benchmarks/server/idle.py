"""What 10,000 idle connections cost: memory each, and the CPU that keeping them takes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.harness.processes import Contender, RunningServer, ServerFailedError
from benchmarks.harness.race import Options, chosen
from benchmarks.harness.tables import left_out, table
from benchmarks.harness.workbench import Workbench, say
from benchmarks.server.contenders import Contenders
from benchmarks.server.websocket_client import TEXT, WebSocketClient

CONNECTIONS = 10_000
WARM_UP = 200
SETTLE = 1.5
WATCH = 4.0
KIB = 1024


@dataclass(frozen=True)
class Kind:
    """A kind of connection. `open` makes one that has been used once."""

    name: str
    title: str
    contenders: Sequence[Contender]
    open: Callable[[int, ExitStack], None]


@dataclass(frozen=True)
class Cost:
    """What was found of one server."""

    contender: Contender
    bytes_each: float
    total: int
    cpu_share: float  # of one core, while nothing happens


def open_keep_alive(port: int, stack: ExitStack) -> None:
    """A connection on which one request has been answered."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
    reply = b""
    while not reply.endswith(b"Hello, World!"):
        piece = connection.recv(4096)
        if not piece:
            raise ServerFailedError(f"closes the connection: {reply[:80]!r}")
        reply += piece


def open_websocket(port: int, stack: ExitStack) -> None:
    """A connection on which one message has been sent back."""
    try:
        stack.enter_context(WebSocketClient(port)).exchange(TEXT, b"hello")
    except ValueError as error:
        raise ServerFailedError(str(error)) from None


def measure(contender: Contender, kind: Kind, workbench: Workbench, options: Options) -> Cost:
    """Open them all and look at the server's memory before and after."""
    missing = contender.needs()
    if missing is not None:
        raise ServerFailedError(missing)
    with RunningServer(contender, options.server_core, workbench.folder) as server, ExitStack() as connections:
        try:
            with ExitStack() as warm_up:
                for _ in range(WARM_UP):
                    kind.open(server.port, warm_up)
            time.sleep(SETTLE)
            before = server.resident_bytes()
            for _ in range(CONNECTIONS):
                kind.open(server.port, connections)
        except OSError as error:
            raise ServerFailedError(f"not answering: {error}") from None
        time.sleep(SETTLE)
        after = server.resident_bytes()
        spent = server.cpu_seconds()
        time.sleep(WATCH)
        share = (server.cpu_seconds() - spent) / WATCH
    return Cost(contender, (after - before) / CONNECTIONS, after, share)


def kinds(workbench: Workbench) -> list[Kind]:
    """What is measured."""
    make = Contenders(workbench)
    granian = ("--http", "1", "--backpressure", "16384")
    keep_alive = [
        make.vivace("plaintext"),
        make.uvicorn("plaintext"),
        make.granian("plaintext", *granian, "--no-ws"),
        make.node("node:http", "node_http.js", "plaintext"),
    ]
    websocket = [
        make.vivace("echo"),
        make.uvicorn("echo", "--ws", "websockets-sansio"),
        make.granian("echo", *granian, "--ws"),
        make.node("node ws", "node_ws.js", packages=("ws",)),
    ]
    return [
        Kind("idle-keep-alive", "keep-alive connections after one request", keep_alive, open_keep_alive),
        Kind("idle-websocket", "WebSocket connections after one message", websocket, open_websocket),
    ]


def section(kind: Kind, workbench: Workbench, options: Options) -> str:
    """A kind with its heading and table."""
    costs: list[Cost] = []
    absent: dict[str, str] = {}
    for contender in kind.contenders:
        if chosen(options.only, contender.name):
            say(f"{kind.name}: {contender.name}")
            try:
                costs.append(measure(contender, kind, workbench, options))
            except ServerFailedError as error:
                absent[contender.name] = str(error)
    made_of = [name for cost in costs for name in cost.contender.made_of]
    lines = [
        f"### {kind.name}: {CONNECTIONS:,} {kind.title}\n",
        f"Measured once, memory hardly varies; {workbench.versions(made_of)}.\n",
        table(
            ["server", "KiB of memory each", "MiB in all", "CPU while idle"],
            [
                [
                    cost.contender.name,
                    f"{cost.bytes_each / KIB:.1f}",
                    f"{cost.total / KIB**2:,.0f}",
                    f"{cost.cpu_share:.1%}",
                ]
                for cost in costs
            ],
        ),
    ]
    return "\n".join(lines) + "\n" + left_out(absent)


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    chosen_kinds = [kind for kind in kinds(workbench) if chosen(options.cases, kind.name)]
    return "\n".join(section(kind, workbench, options) for kind in chosen_kinds)
