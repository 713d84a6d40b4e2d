"""A server's place in the system, with one process and with workers alike."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.server.processes import IS_ROOT, ask, command, launched, public_folder
from tests.server.waiting import PATIENCE, eventually, is_running

NOBODY = pwd.getpwnam("nobody")
ONE_PROCESS: dict[str, Any] = {}
WORKERS: dict[str, Any] = {"workers": 1}
PRELOADED: dict[str, Any] = {"workers": 1, "preload": True}
both = pytest.mark.parametrize("kind", [ONE_PROCESS, WORKERS], ids=["one process", "workers"])
all_kinds = pytest.mark.parametrize(
    "kind", [ONE_PROCESS, WORKERS, PRELOADED], ids=["one process", "workers", "preload"]
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder
        path = folder / "site.pid"
        if path.exists():
            # A daemon that its test has left; nothing of it may stay.
            with suppress(ProcessLookupError):
                os.killpg(os.getpgid(int(path.read_text())), signal.SIGKILL)


@both
def test_the_pid_file_names_the_serving_process_and_goes_with_it(folder: Path, kind: dict[str, Any]) -> None:
    path = folder / "site.pid"
    path.write_text("999999999\n")
    with launched(folder, pid_file="site.pid", **kind) as server:
        server.logged("serves http")
        assert path.read_text() == f"{server.pid}\n"
        assert server.stop() == 0
    assert not path.exists()


@both
def test_a_pid_file_of_a_running_server_is_refused(folder: Path, kind: dict[str, Any]) -> None:
    path = folder / "site.pid"
    with launched(folder, pid_file=str(path)) as first:
        first.logged("serves http")
        second = subprocess.run(
            command(pid_file=str(path), **kind),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert second.returncode == 3
        assert f"site.pid belongs to process {first.pid}, which is running" in second.stderr
        assert "Traceback" not in second.stderr
        assert path.read_text() == f"{first.pid}\n"
        first.stop()


@both
def test_a_start_that_fails_leaves_no_pid_file(folder: Path, kind: dict[str, Any]) -> None:
    with launched(folder, "site_run:missing", pid_file="site.pid", **kind) as server:
        assert server.process.wait(PATIENCE) == 3
        assert 'has no "missing"' in server.log
    assert not (folder / "site.pid").exists()


@both
def test_a_killed_server_s_pid_file_does_not_stop_the_next(folder: Path, kind: dict[str, Any]) -> None:
    for _ in range(2):
        with launched(folder, pid_file="site.pid", **kind) as server:
            server.logged("serves http")
            assert (folder / "site.pid").read_text() == f"{server.pid}\n"
            server.process.kill()


@all_kinds
def test_the_application_is_imported_and_run_as_the_user_and_never_root_again(
    folder: Path, kind: dict[str, Any]
) -> None:
    if not IS_ROOT:
        with launched(folder, user="nobody", **kind) as server:
            assert server.process.wait(PATIENCE) == 3
            assert "Only root can become user 'nobody'" in server.log
        return
    log = folder / "site.log"
    log.touch()
    with launched(folder, user="nobody", group="daemon", umask="027", pid_file="site.pid", **kind) as server:
        pid, uid, gid, umask, _ = server.ask().split()
        assert (int(uid), int(gid), umask) == (NOBODY.pw_uid, grp.getgrnam("daemon").gr_gid, "27")
        assert server.ask("/imported-as") == uid
        assert server.ask("/become-root") == "no"
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in Path(f"/proc/{pid}/status").read_text()
        # The supervisor stays root, and so does the pid file.
        assert (folder / "site.pid").stat().st_uid == 0
        assert stat.S_IMODE((folder / "site.pid").stat().st_mode) == 0o640
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log


@both
def test_a_privileged_port_is_served_by_an_unprivileged_user(folder: Path, kind: dict[str, Any]) -> None:
    if not IS_ROOT:
        return
    with launched(folder, user="nobody", host="127.0.0.1", port=0, uds=str(folder / "root.sock"), **kind) as server:
        server.logged("serves unix:")
        assert (folder / "root.sock").stat().st_uid == 0
        assert server.stop() == 0


@both
@pytest.mark.parametrize("option", ["user", "group"])
def test_an_unknown_user_or_group_is_a_failed_start(folder: Path, kind: dict[str, Any], option: str) -> None:
    options: dict[str, Any] = {option: "nemo"}
    with launched(folder, **options, **kind) as server:
        assert server.process.wait(PATIENCE) == 3
        assert f'Error: There is no {option} "nemo" on this machine' in server.log


@both
def test_processes_have_titles(folder: Path, kind: dict[str, Any]) -> None:
    with launched(folder, process_title="shop", **kind) as server:
        pid = int(server.ask().split()[0])
        titles = [Path(f"/proc/{number}/cmdline").read_text().strip("\0") for number in (server.pid, pid)]
        assert titles == (["shop (supervisor)", "shop (worker 1)"] if kind else ["shop", "shop"])


def daemon(folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command that starts one, once it has ended."""
    files = {"pid_file": str(folder / "site.pid"), "log_file": str(folder / "site.log")}
    return subprocess.run(
        command(daemon=True, **files, **options),
        cwd=folder,
        env={**os.environ, "XDG_RUNTIME_DIR": "", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@both
def test_a_daemon_serves_when_the_command_has_ended_and_has_no_terminal(folder: Path, kind: dict[str, Any]) -> None:
    port = free_port()
    result = daemon(folder, port=port, **kind)
    assert result.returncode == 0, result.stderr
    pid = int((folder / "site.pid").read_text())
    try:
        assert ask("127.0.0.1", port).split()[0] == str(pid) or kind
        assert os.getsid(pid) not in (pid, os.getsid(0))
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        assert os.readlink(f"/proc/{pid}/cwd") == str(folder)
        for number in (1, 2):
            assert os.readlink(f"/proc/{pid}/fd/{number}") == str(folder / "site.log")
    finally:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: not is_running(pid), "the daemon's end")
    assert not (folder / "site.pid").exists()


@both
def test_a_daemon_that_cannot_start_says_so_on_the_terminal(folder: Path, kind: dict[str, Any]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = daemon(folder, port=other.getsockname()[1], **kind)
    assert result.returncode == 3
    assert "is taken" in result.stderr
    assert not (folder / "site.pid").exists()


@both
def test_ctrl_c_ends_a_daemon_that_still_starts(folder: Path, kind: dict[str, Any]) -> None:
    process = subprocess.Popen(
        command(daemon=True, pid_file="site.pid", **kind),
        cwd=folder,
        env={**os.environ, "SITE_IMPORT_SECONDS": "600", "XDG_RUNTIME_DIR": "", "TMPDIR": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    path = folder / "site.pid"
    eventually(path.exists, "the pid file")
    pid = int(path.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 3
    eventually(lambda: not is_running(pid), "the daemon's end")


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:])
        self.socket.settimeout(PATIENCE)

    def hears(self, wanted: str) -> str:
        """The next message with `wanted`."""
        while True:
            message = self.socket.recv(4096).decode()
            if wanted in message:
                return message


@pytest.fixture
def manager() -> Iterator[Manager]:
    manager = Manager(f"@vivace-test-{os.getpid()}")
    with manager.socket:
        yield manager


@both
def test_systemd_hears_of_ready_signs_of_life_and_the_end(folder: Path, manager: Manager, kind: dict[str, Any]) -> None:
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"}
    with launched(folder, environ=environ, **kind) as server:
        assert "STATUS=Serving http://127.0.0.1:" in manager.hears("READY=1")
        for _ in range(3):
            manager.hears("WATCHDOG=1")
        if kind:
            server.process.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in manager.hears("RELOADING=1")
            assert "with 1 worker." in manager.hears("READY=1")
        assert server.stop() == 0
        manager.hears("STOPPING=1")


def test_a_server_that_hangs_gives_no_sign_of_life(folder: Path, manager: Manager) -> None:
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"}
    with launched(folder, environ=environ) as server:
        manager.hears("WATCHDOG=1")
        host, port = server.logged(r"serves http://([\d.]+):(\d+)").groups()
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
            manager.socket.settimeout(1)
            end = time.monotonic() + PATIENCE
            with pytest.raises(TimeoutError):
                while time.monotonic() < end:
                    manager.hears("WATCHDOG=1")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@all_kinds
def test_a_rotated_log_file_is_opened_again_also_by_the_user(folder: Path, kind: dict[str, Any]) -> None:
    path = folder / "site.log"
    user = {"user": "nobody"} if IS_ROOT and kind else {}
    options: dict[str, Any] = {"log_file": str(path), "access_log": True, **user, **kind}
    port = free_port()
    with launched(folder, port=port, **options) as server:
        eventually(lambda: path.exists() and "serves http" in path.read_text(), "the banner")
        ask("127.0.0.1", port, "/before")
        eventually(lambda: "/before" in path.read_text(), "the line")
        path.rename(folder / "site.log.1")
        server.process.send_signal(signal.SIGUSR1)
        eventually(path.exists, "the new file")

        def arrives() -> bool:
            ask("127.0.0.1", port, "/after")
            return "/after" in path.read_text()

        eventually(arrives, "a line in the new file")
        if user:
            assert path.stat().st_uid == NOBODY.pw_uid
        assert server.stop() == 0
    assert "Traceback" not in server.log


def test_a_single_process_survives_the_signal_for_an_upgrade(folder: Path) -> None:
    with launched(folder) as server:
        server.logged("serves http")
        server.process.send_signal(signal.SIGUSR2)
        server.logged("a binary upgrade, which needs a supervisor: run with workers=1 or more")
        assert server.ask().split()[0] == str(server.pid)


@both
def test_a_daemon_s_output_follows_its_rotated_log_file(folder: Path, kind: dict[str, Any]) -> None:
    path = folder / "site.log"
    assert daemon(folder, **kind).returncode == 0
    pid = int((folder / "site.pid").read_text())
    path.rename(folder / "site.log.1")
    os.kill(pid, signal.SIGUSR1)
    for number in (1, 2):
        eventually(lambda: os.readlink(f"/proc/{pid}/fd/{number}") == str(path), "the new file")  # noqa: B023
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not is_running(pid), "the daemon's end")
