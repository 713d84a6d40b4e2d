"""A new server takes over the sockets of the running one, or leaves everything as it was."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.certificates import Authority
from tests.server.processes import SITE, ServerProcess, ask, launched, public_folder
from tests.server.waiting import PATIENCE, eventually, is_running

from vivace.server.supervisor.upgrade import UpgradeFailed, check_that_the_end_is_survived


@pytest.fixture
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


def new_server(server: ServerProcess, times: int = 2) -> int:
    """The number of the supervisor that serves after an upgrade."""
    return int(server.logged(r"serves .* pid (\d+)\)", times)[1])


def ctl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vivace", "ctl", *arguments],
        cwd=folder,
        env={**os.environ, "PWD": str(folder), "XDG_RUNTIME_DIR": "", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "site_run.py"
    path.write_text(SITE.replace(old, new))
    # Python takes a file of the same size and second for the one that it has compiled.
    os.utime(path, (time.time() + 2, time.time() + 2))


def port_of(server: ServerProcess) -> int:
    return int(server.logged(r"serves http://127\.0\.0\.1:(\d+)")[1])


@pytest.mark.parametrize("how", ["signal", "ctl"])
@pytest.mark.parametrize("preload", [False, True], ids=["workers", "preload"])
def test_new_code_takes_over_pid_file_and_control_socket(folder: Path, how: str, preload: bool) -> None:
    path = folder / "control.sock"
    options: dict[str, Any] = {"workers": 2, "preload": preload, "pid_file": "site.pid", "control_socket": str(path)}
    with launched(folder, **options) as server:
        port = port_of(server)
        change(folder, 'VERSION = "1"', 'VERSION = "2"')
        if how == "signal":
            server.process.send_signal(signal.SIGUSR2)
        else:
            result = ctl(folder, "upgrade", "--socket", str(path))
            assert re.fullmatch(rf"Process \d+ serves now; this one, {server.pid}, finishes .*\n", result.stdout)
        assert server.process.wait(PATIENCE) == 0
        heir = new_server(server)
        assert ask("127.0.0.1", port).split()[-1] == "2"
        assert (folder / "site.pid").read_text() == f"{heir}\n"
        assert f"pid {heir}," in ctl(folder, "status", "--socket", str(path)).stdout
        # The heir's own end is like that of any server.
        os.kill(heir, signal.SIGTERM)
        eventually(lambda: not is_running(heir), "the new server's end")
        assert not (folder / "site.pid").exists()
        assert not path.exists()


def test_no_request_fails_meanwhile_and_what_was_begun_is_finished(folder: Path) -> None:
    change(folder, 'body = "no"', 'body = "no"; import asyncio; await asyncio.sleep(3)')
    with launched(folder, workers=2) as server:
        port = port_of(server)
        answers: list[str] = []
        failures: list[BaseException] = []
        done = threading.Event()

        def request(path: str) -> None:
            try:
                answers.append(ask("127.0.0.1", port, path))
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                failures.append(error)

        def load() -> None:
            while not done.is_set():
                request("/")

        threads = [threading.Thread(target=load) for _ in range(3)]
        threads.append(threading.Thread(target=request, args=["/become-root"]))
        for thread in threads:
            thread.start()
        pids = [server.pid]
        for generation in range(2, 5):
            os.kill(pids[-1], signal.SIGUSR2)
            pids.append(new_server(server, generation))
            server.logged(rf"Process {pids[-1]} serves now")
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert not failures
        assert {"no", "root"} & set(answers), "the one that was begun before them all"
        assert len({answer.split()[0] for answer in answers}) > 2
        assert server.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("sabotage", "why"),
    [
        ('raise RuntimeError("no luck")', "RuntimeError: no luck"),
        ("import os; os._exit(9)", "exit code 9"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("time.sleep(600)", r"was not ready within 3 s \(upgrade_timeout\)"),
    ],
    ids=["import error", "worker dies", "server is killed", "hangs"],
)
def test_a_new_server_that_fails_leaves_the_old_one_serving(folder: Path, sabotage: str, why: str) -> None:
    options: dict[str, Any] = {"bind": ("127.0.0.1:0", f"unix:{folder}/site.sock"), "pid_file": "site.pid"}
    with launched(folder, workers=1, upgrade_timeout=3 if "sleep" in sabotage else 60, **options) as server:
        port = port_of(server)
        before = ask("127.0.0.1", port)
        change(folder, 'VERSION = "1"', sabotage)
        result = ctl(folder, "upgrade")
        assert result.returncode == 1
        assert re.search(why, result.stderr), result.stderr
        server.logged(f"(?s)The upgrade failed, and this server goes on.*{why}")
        assert ask("127.0.0.1", port) == before
        assert (folder / "site.pid").read_text() == f"{server.pid}\n"
        assert (folder / "site.sock").is_socket()
        assert ctl(folder, "status").returncode == 0
        # It may be tried again.
        change(folder, 'VERSION = "1"', 'VERSION = "3"')
        assert ctl(folder, "upgrade").returncode == 0
        assert ask("127.0.0.1", port).split()[-1] == "3"
        assert server.process.wait(PATIENCE) == 0
        assert (folder / "site.sock").is_socket()


def test_an_upgrade_during_an_upgrade_is_refused_and_a_stop_ends_both(folder: Path) -> None:
    with launched(folder, workers=1) as server:
        port_of(server)
        change(folder, 'VERSION = "1"', "open('importing', 'w').write(str(os.getppid())); time.sleep(600)")
        server.process.send_signal(signal.SIGUSR2)
        mark = folder / "importing"
        # The file is there before its text is.
        heir = int(eventually(lambda: (mark.exists() and mark.read_text()) or None, "the new server"))
        result = ctl(folder, "upgrade")
        assert (result.returncode, result.stderr) == (1, "Error: An upgrade is under way already.\n")
        assert server.stop() == 0
        assert not is_running(heir)
        assert "This server stops." in server.log


def test_binds_may_change(folder: Path, authority: Authority) -> None:
    """What is asked for still is taken over, the rest opened or closed."""
    (folder / "serve.py").write_text(
        "from pathlib import Path\nfrom vivace.server import run\n"
        "binds, others = (tuple(line.split()) for line in Path('binds').read_text().splitlines())\n"
        "run('site_run:app', workers=1, access_log=False, bind=binds, insecure_bind=others, ssl_certfile='site.pem')\n"
    )
    shutil.copy(authority.issue(), folder / "site.pem")
    (folder / "binds").write_text(f"127.0.0.1:0 unix:{folder}/kept.sock unix:{folder}/gone.sock\n127.0.0.1:0\n")
    with launched(folder, script="serve.py") as server:
        port = int(server.logged(r"serves https://127\.0\.0\.1:(\d+)")[1])
        kept = (folder / "kept.sock").stat().st_ino
        other = int(server.logged(r"and http://127\.0\.0\.1:(\d+)")[1])
        (folder / "binds").write_text(f"unix:{folder}/new.sock 127.0.0.1:0\n127.0.0.1:0 unix:{folder}/kept.sock\n")
        assert ctl(folder, "upgrade").returncode == 0
        heir = new_server(server)
        assert server.process.wait(PATIENCE) == 0
        # The same words mean two addresses here, and each keeps its own.
        assert server.logged(r"serves unix:\S*new\.sock and https://127\.0\.0\.1:(\d+)")[1] == str(port)
        assert ask("127.0.0.1", other)
        assert (folder / "kept.sock").stat().st_ino == kept
        assert not (folder / "gone.sock").exists()
        for name in ("kept.sock", "new.sock"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / name))
        os.kill(heir, signal.SIGTERM)
        eventually(lambda: not is_running(heir), "the new server's end")
        assert not (folder / "kept.sock").exists()


def test_a_release_behind_a_link_is_followed(folder: Path) -> None:
    for release in ("1", "2"):
        (folder / f"release-{release}").mkdir()
        (folder / f"release-{release}" / "site_run.py").write_text(SITE.replace('"1"', f'"{release}"'))
    current = folder / "current"
    current.symlink_to("release-1")
    with launched(current, workers=1) as server:
        port = port_of(server)
        current.unlink()
        current.symlink_to("release-2")
        server.process.send_signal(signal.SIGUSR2)
        assert server.process.wait(PATIENCE) == 0
        assert ask("127.0.0.1", port).split()[-1] == "2"


def test_systemd_hears_which_process_is_the_service_from_then_on(folder: Path) -> None:
    address = f"@vivace-upgrade-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:])
        manager.settimeout(PATIENCE)
        with launched(folder, workers=1, environ={"NOTIFY_SOCKET": address}) as server:
            server.logged("serves http")
            server.process.send_signal(signal.SIGUSR2)
            heir = new_server(server)
            assert server.process.wait(PATIENCE) == 0
            heard = ""
            while "MAINPID=" not in heard:
                heard = manager.recv(4096).decode()
            assert heard == f"MAINPID={heir}\nREADY=1"
            manager.setblocking(False)
            rest = list(iter(lambda: received(manager), ""))
            assert not [message for message in rest if "STOPPING" in message]


def received(manager: socket.socket) -> str:
    try:
        return manager.recv(4096).decode()
    except BlockingIOError:
        return ""


def test_an_old_server_that_is_killed_in_the_middle_leaves_the_new_one_serving(folder: Path) -> None:
    with launched(folder, workers=1, pid_file="site.pid") as server:
        port = port_of(server)
        change(folder, 'VERSION = "1"', "VERSION = 2; open('importing', 'w').close(); time.sleep(2)")
        server.process.send_signal(signal.SIGUSR2)
        eventually((folder / "importing").exists, "the new server")
        server.process.kill()
        heir = new_server(server)
        assert ask("127.0.0.1", port).split()[-1] == "2"
        eventually(lambda: (folder / "site.pid").read_text() == f"{heir}\n", "the pid file")


@pytest.mark.parametrize(
    ("pid", "environ", "message"),
    [
        (1, {}, "process 1 of a container, which ends with it"),
        (77, {"SYSTEMD_EXEC_PID": "77"}, "Give the unit Type=notify"),
        (77, {"SYSTEMD_EXEC_PID": "77", "NOTIFY_SOCKET": "/run/systemd/notify"}, None),
        (77, {"SYSTEMD_EXEC_PID": "1"}, None),
        (77, {}, None),
    ],
)
def test_where_nothing_would_survive_the_old_server_it_refuses(
    monkeypatch: pytest.MonkeyPatch, pid: int, environ: dict[str, str], message: str | None
) -> None:
    get: Callable[[], int] = lambda: pid  # noqa: E731
    monkeypatch.setattr(os, "getpid", get)
    if message is None:
        check_that_the_end_is_survived(environ)
    else:
        with pytest.raises(UpgradeFailed, match=message):
            check_that_the_end_is_survived(environ)
