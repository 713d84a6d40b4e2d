"""What processes hold of each other: descriptors, modules, memory, zombies, random numbers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.supervisor.supervised import SITE, Supervised, children, supervised
from tests.server.waiting import eventually

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")

TELLING = """
import json, os, random, signal, ssl, uuid

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    told = {
        "/random": lambda: [random.random(), uuid.uuid4().hex, ssl.RAND_bytes(8).hex()],
        "/signals": lambda: {name: str(signal.getsignal(getattr(signal, name))) for name in ("SIGINT", "SIGCHLD")},
    }[scope["path"]]()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": json.dumps([os.getpid(), told]).encode()})
"""


def descriptors(pid: int) -> dict[int, str]:
    """What the descriptors of a process are."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(link.name)] = os.readlink(link)
        except FileNotFoundError:
            continue
    return found


def memory(pid: int, kind: str) -> int:
    """KiB: `Rss`, or `Pss`, in which what several processes share is divided among them."""
    found = re.search(rf"^{kind}:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def workers_of(server: Supervised) -> list[int]:
    """The processes that serve."""
    [*first] = server.children()
    return [worker for child in first for worker in (children(child) or [child])]


@pytest.mark.parametrize("preload", [False, True])
def test_workers_have_no_channel_but_their_own(site: Path, preload: bool) -> None:
    with supervised(site, workers=4, preload=preload) as server:
        server.signal(signal.SIGHUP)
        server.logged("has stopped", 4)
        eventually(lambda: len(workers_of(server)) == 4, "the old workers and their nursery are gone")
        workers = workers_of(server)
        supervisors = {what for what in descriptors(server.process.pid).values() if what.startswith(("socket", "pipe"))}
        standard = {descriptors(server.process.pid)[number] for number in (0, 1, 2)}
        for worker in workers:
            held = descriptors(worker)
            shared = supervisors & set(held.values()) - standard
            # The listener, and nothing else.
            assert len(shared) == 1, held
            sockets = [what for what in held.values() if what.startswith("socket")]
            others = {what for other in workers if other != worker for what in descriptors(other).values()}
            # Its end of the channel, twice, and the pairs that wake the event loop.
            assert len(set(sockets) - others) <= 4, held
        assert server.stop() == 0


def test_the_supervisor_keeps_no_descriptors_memory_or_zombies_over_many_restarts(site: Path) -> None:
    with supervised(site) as server:
        pid = server.process.pid

        def restart(times: int) -> None:
            for _ in range(times):
                count = server.log.count("Restarted")
                server.signal(signal.SIGHUP)
                server.logged("Restarted", count + 1)
            eventually(lambda: len(server.children()) == 2, "the old workers are gone")

        restart(5)
        before, size = len(descriptors(pid)), memory(pid, "Rss")
        restart(20)
        assert len(descriptors(pid)) == before
        assert memory(pid, "Rss") - size < 512
        assert server.stop() == 0


def test_the_supervisor_holds_no_user_code(site: Path) -> None:
    """Told by itself: a log handler, which runs in the supervisor, looks at its modules."""
    (site / "telling_handler.py").write_text(
        "import logging, os, sys\n"
        "class Handler(logging.StreamHandler):\n"
        "    def format(self, record):\n"
        "        return f'{os.getpid()} {\"site_run\" in sys.modules} {super().format(record)}'\n"
    )
    logging = {
        "version": 1,
        "handlers": {"own": {"class": "telling_handler.Handler"}},
        "loggers": {"vivace.server": {"handlers": ["own"], "level": "INFO"}},
    }
    with supervised(site, log_config=logging, app_dir=".") as server:
        server.signal(signal.SIGHUP)
        server.logged("Restarted")
        assert server.stop() == 0
        lines = [line for line in server.log.splitlines() if line.startswith(f"{server.process.pid} ")]
        assert len(lines) >= 8
        assert all(line.split()[1] == "False" for line in lines)


@pytest.mark.parametrize("preload", [False, True])
def test_random_numbers_differ_in_each_worker(site: Path, preload: bool) -> None:
    (site / "telling.py").write_text(TELLING)
    with supervised(site, "telling:app", workers=3, preload=preload) as server:
        answers: dict[int, list[object]] = {}

        def all_asked() -> bool:
            pid, told = json.loads(server.ask("/random"))
            answers.setdefault(pid, told)
            return len(answers) == 3

        eventually(all_asked, "each worker has answered")
        for position in range(3):
            assert len({str(told[position]) for told in answers.values()}) == 3
        assert server.stop() == 0


def test_workers_leave_signals_of_the_terminal_to_the_supervisor(site: Path) -> None:
    (site / "telling.py").write_text(TELLING)
    with supervised(site, "telling:app", workers=1) as server:
        answer = server.ask("/signals")
        assert "leave_to_the_supervisor" in answer
        assert '"SIGCHLD": "0"' in answer or "SIG_DFL" in answer
        # Together they once were more than the stack of signal handlers had room for.
        for _ in range(5):
            for name in ("SIGINT", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR2"):
                os.kill(server.children()[0], getattr(signal, name))
            assert server.ask("/random")
        assert server.log.count("is ready") == 1
        assert server.stop() == 0


def test_preloaded_workers_share_memory(site: Path) -> None:
    (site / "site_run.py").write_text(SITE + "\nTABLE = [f'row {number}' * 4 for number in range(400_000)]\n")
    used = {}
    for preload in (False, True):
        with supervised(site, workers=3, preload=preload) as server:
            for _ in range(20):
                server.ask()
            workers = workers_of(server)
            used[preload] = sum(memory(worker, "Pss") for worker in workers)
            assert server.stop() == 0
    # Three times 45 MiB and the interpreter, against once.
    assert used[True] < used[False] * 0.65


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_as_first_process_of_a_container_it_lets_strangers_go(site: Path) -> None:
    """A worker's program whose parent is gone becomes the supervisor's child, and would stay a zombie."""
    code = SITE.replace(
        "body = str(os.getpid())",
        "body = str(os.getpid())\n"
        '    if path == "/orphan":\n'
        '        __import__("subprocess").run(["sh", "-c", "(sleep 0.2; exit 3) & exit 0"])\n',
    )
    (site / "site_run.py").write_text(code)
    container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*container, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no rights for a container")
    runs = "from vivace.server import run; run('site_run:app', port=0, workers=1, access_log=False)"
    with (site / "log").open("wb") as errors:
        process = subprocess.Popen([*container, sys.executable, "-c", runs], cwd=site, stderr=errors)
    server = Supervised(process, site / "log", site / "log")
    try:
        server.url = server.logged(r"serves (\S+) with")[1]
        supervisor = children(process.pid)[0]
        for _ in range(3):
            server.ask("/orphan")
        eventually(lambda: len(children(supervisor)) == 1, "only the worker is left")
        os.kill(supervisor, signal.SIGTERM)
        assert server.end() == 0
    finally:
        process.kill()
        process.wait()
