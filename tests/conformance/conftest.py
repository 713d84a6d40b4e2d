"""Live servers in processes of their own, clear and with TLS, and what must hold of them whatever their clients did."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 15.0
# Clients that neither read nor leave properly are dropped within the tests' patience.
SOON = {"write_timeout": 3.0, "websocket_close_timeout": 3.0}


@dataclass
class Live:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    tls: ssl.SSLContext | None = None
    ca_file: Path | None = None
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def get(self, path: str) -> bytes:
        """The body of a GET, by a client that never does anything odd."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE, context=self.tls) as response:
            assert response.status == 200
            body = response.read()
            assert isinstance(body, bytes)
            return body

    def state(self) -> dict[str, Any]:
        """What the server holds besides this request."""
        state = json.loads(self.get("/state"))
        assert isinstance(state, dict)
        return state

    def settles(self, *, memory: int | None = None, within: float = PATIENCE) -> None:
        """Wait until no connection and no task is left; AssertionError if some are, or an error was logged.

        `memory` is by how many KiB the process may have grown since it was started.
        """
        end = time.monotonic() + within
        while (state := self.state())["connections"] or state["tasks"]:
            assert time.monotonic() < end, f"what is left of odd clients: {state}"
            time.sleep(0.02)
        assert state["errors"] == []
        assert state["descriptors"] <= self.before["descriptors"]
        if memory is not None:
            grown = state["memory"] - self.before["memory"]
            assert grown < memory, f"memory grew by {grown} KiB"


Serve = Callable[..., Any]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The root's certificate, and a file with the server's key and certificate."""
    folder, ca = tmp_path_factory.mktemp("tls"), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture(scope="session")
def serve(authority: tuple[Path, Path]) -> Serve:
    """`with serve(tls=False, **options) as live:` runs a server."""

    @contextmanager
    def start(*, tls: bool = False, **options: Any) -> Iterator[Live]:
        ca_file, certificate = authority
        if tls:
            options |= {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate)}
        command = [sys.executable, "-m", "tests.conformance.live", json.dumps(options)]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                live = Live(process, int(process.stdout.readline()))
                if tls:
                    live.ca_file, live.tls = ca_file, ssl.create_default_context(cafile=str(ca_file))
                live.before = live.state()
                yield live
            finally:
                process.stdin.close()
                assert process.wait(PATIENCE) == 0

    return start


@pytest.fixture(scope="session")
def clear(serve: Serve) -> Iterator[Live]:
    """A server without TLS, for tests that leave it as it was."""
    with serve(**SOON) as live:
        yield live


@pytest.fixture(scope="session")
def secure(serve: Serve) -> Iterator[Live]:
    """The same with TLS."""
    with serve(tls=True, **SOON) as live:
        yield live


@pytest.fixture(params=["clear", "tls"])
def either(request: pytest.FixtureRequest) -> Live:
    """A server without TLS and one with it."""
    live = request.getfixturevalue("clear" if request.param == "clear" else "secure")
    assert isinstance(live, Live)
    return live
