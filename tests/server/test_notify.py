"""The service manager is told what becomes of the server, on a real socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace.server.notify import Notifier


class Manager:
    """The manager's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(10)

    def hears(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@vivace-notify-{os.getpid()}"
    manager = Manager(address)
    with manager.socket:
        yield manager


def test_it_hears_of_start_reload_and_end(manager: Manager) -> None:
    notifier = Notifier.of_environment({"NOTIFY_SOCKET": manager.address})
    notifier.ready("serving")
    assert manager.hears() == ["READY=1", "STATUS=serving"]
    before = time.monotonic_ns() // 1000
    notifier.reloading("restarting")
    first, when, status = manager.hears()
    assert (first, status) == ("RELOADING=1", "STATUS=restarting")
    assert before <= int(when.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    notifier.status("4 workers\nREADY=1")
    assert manager.hears() == ["STATUS=4 workers READY=1"]
    notifier.alive()
    assert manager.hears() == ["WATCHDOG=1"]
    notifier.stopping("stopping")
    assert manager.hears() == ["STOPPING=1", "STATUS=stopping"]


def test_after_a_handover_this_process_is_silent(manager: Manager) -> None:
    notifier = Notifier.of_environment({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"})
    notifier.hand_over(77)
    notifier.stopping("draining")
    assert manager.hears() == ["MAINPID=77", "READY=1"]
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.hears()
    assert notifier.watchdog is None


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier.of_environment({})
    notifier.ready("serving")
    assert notifier.watchdog is None


def test_a_manager_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nobody")).ready("serving")


def test_a_manager_that_does_not_read_stops_nobody(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    for _ in range(1000):
        notifier.alive()


def test_an_address_of_another_kind_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert Notifier.of_environment({"NOTIFY_SOCKET": "vsock:2:1234"}).address is None
    assert "'vsock:2:1234' is no Unix socket" in caplog.text


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_s_period_is_known_if_it_is_ours(environ: dict[str, str], seconds: float | None) -> None:
    assert Notifier.of_environment(environ).watchdog == seconds
