"""Finding a running server's control socket, and asking it: the other end of `control.py`, for `vivace ctl`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from vivace.server.errors import ServerError
from vivace.server.supervisor.control_messages import Answer, Request, decode_answer, encode
from vivace.server.supervisor.control_paths import is_stale, sockets_of

# A server answers `status` from memory.
PATIENCE = 10.0
# Between the end of the conversation and that of the process.
LAST_BREATH = 10.0
POLL = 0.02


class NoAnswer(ServerError):
    """There is no server to ask, or it does not answer."""


def ask(path: Path, request: Request) -> Answer:
    """What the server says when it has done it. NoAnswer: nobody is there, or it ended before."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(PATIENCE)
        try:
            channel.connect(str(path))
            # What is more than a question takes as long as it takes: a restart waits for every worker.
            channel.settimeout(PATIENCE if request.command == "status" else None)
            channel.sendall(encode(request) + b"\n")
            with channel.makefile("rb") as answers:
                answer = _decode(answers.readline(), path)
                if answer.ok and request.command in ("drain", "stop"):
                    answers.read()
        except FileNotFoundError:
            raise NoAnswer(f"There is no control socket {path}.") from None
        except ConnectionRefusedError:
            raise NoAnswer(f"Nobody listens on {path}: the server that made it is gone.") from None
        except PermissionError:
            raise NoAnswer(f"{path} is another user's. Ask as the user who started the server, or as root.") from None
        except TimeoutError:
            raise NoAnswer(f"The server at {path} does not answer.") from None
        except OSError as error:
            raise NoAnswer(f"Cannot ask {path}: {error.strerror or error}.") from None
    if answer.ok and request.command in ("drain", "stop") and answer.report is not None:
        _wait_for_the_end(answer.report.pid)
    return answer


def find(folder: Path) -> Path:
    """The socket of the one server that was started in a folder. NoAnswer names those there are otherwise."""
    here = _alive(sockets_of(folder))
    if len(here) == 1:
        return here[0][0]
    if here:
        raise NoAnswer(f"{len(here)} servers were started in this folder; say which with --socket:\n{_listed(here)}")
    elsewhere = _alive(sockets_of(None))
    others = f"\nThose of other folders, for --socket:\n{_listed(elsewhere)}" if elsewhere else ""
    raise NoAnswer(
        "No server with workers that this user has started in this folder is running. Only `vivace run --workers N` "
        f"has a control socket; with --control-socket, give its path as --socket.{others}"
    )


def _alive(paths: Sequence[Path]) -> list[tuple[Path, Answer]]:
    """Those on which a server answers; what dead ones left is removed."""
    found = []
    for path in paths:
        try:
            found.append((path, ask(path, Request("status"))))
        except NoAnswer:
            if is_stale(path):
                path.unlink(missing_ok=True)
    return found


def _listed(servers: Sequence[tuple[Path, Answer]]) -> str:
    lines = []
    for path, answer in servers:
        if answer.report is not None:
            report = answer.report
            where = " and ".join(report.server.addresses)
            lines.append(f"  {report.server.target}, pid {report.pid}, in {report.folder}, {where}\n    {path}")
    return "\n".join(lines)


def _decode(line: bytes, path: Path) -> Answer:
    if not line:
        raise NoAnswer(f"The server at {path} ended before it answered.")
    try:
        return decode_answer(line)
    except msgspec.DecodeError as error:
        raise NoAnswer(f"What answers on {path} is no Vivace server, or one of another version: {error}.") from None


def _wait_for_the_end(pid: int) -> None:
    end = time.monotonic() + LAST_BREATH
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(POLL)
