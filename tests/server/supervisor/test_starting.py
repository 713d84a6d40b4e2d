"""Workers that do not start: at first, and later."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from tests.server.supervisor.supervised import SITE, launched, supervised
from tests.server.waiting import eventually, is_running

SECOND_FAILS = """
import os, pathlib
# Whoever can make this folder is the first.
try:
    os.mkdir("first")
except FileExistsError:
    {failure}
"""


def test_a_first_start_that_fails_is_one_message_and_exit_code_3(site: Path) -> None:
    with launched(site, "site_run:ap", workers=4) as server:
        assert server.end() == 3
        assert server.log.startswith('Error: "site_run:ap": module site_run has no "ap". Did you mean "app"?')
        assert server.log.count("\n") == 1


def test_a_lifespan_that_fails_ends_the_first_start(site: Path) -> None:
    (site / "no_database.py").write_text("async def app(scope, receive, send):\n await receive()\n 1 / 0\n")
    with launched(site, "no_database:app") as server:
        assert server.end() == 3
        assert server.log.startswith("Error: The application failed to start.")
        assert server.log.count("ZeroDivisionError") == 1


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("raise ValueError('no room')", "ValueError: no room"),
        ("os._exit(9)", "ended with exit code 9 before it had started."),
        ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV before it had started."),
    ],
)
def test_one_worker_that_cannot_start_at_first_stops_the_others(site: Path, failure: str, message: str) -> None:
    (site / "second_fails.py").write_text(SECOND_FAILS.format(failure=failure) + SITE)
    with launched(site, "second_fails:app") as server:
        assert server.end() == 3
        assert message in server.log
        assert "serves" not in server.log


def test_later_the_tries_go_on_with_growing_waits_until_the_code_is_repaired(site: Path) -> None:
    with supervised(site) as server:
        (site / "site_run.py").write_text("broken broken")
        victim = int(server.ask())
        os.kill(victim, signal.SIGKILL)
        server.logged(r"Worker [12] could not start\. Could not import.*\n.*\n.*\n.*\n.*SyntaxError")
        server.logged(r"Worker [12] is started again in 0\.5 s\.")
        server.logged(r"Worker [12] is started again in 1 s\.")
        assert int(server.ask()) != victim
        (site / "site_run.py").write_text(SITE)
        server.logged("is ready", 3)
        assert server.stop() == 0


def test_a_restart_does_not_wait_for_the_next_try(site: Path) -> None:
    with supervised(site, workers=1) as server:
        (site / "site_run.py").write_text("broken broken")
        os.kill(int(server.ask()), signal.SIGKILL)
        server.logged(r"is started again in 2 s\.")
        (site / "site_run.py").write_text(SITE)
        server.signal(signal.SIGHUP)
        server.logged("Restarted: 1 worker")
        assert server.ask()
        assert server.stop() == 0


def test_a_worker_that_crashes_again_and_again_is_waited_with(site: Path) -> None:
    with supervised(site, workers=1) as server:
        for _ in range(3):
            os.kill(server.children()[0], signal.SIGKILL)
            count = server.log.count("is ready")
            server.logged("is ready", count + 1)
        waits = re.findall(r"is started again in ([\d.]+) s", server.log)
        assert waits == ["0.5", "1"]
        assert server.stop() == 0


def test_a_slow_start_is_told_of_with_its_place(site: Path) -> None:
    (site / "slow_site.py").write_text(
        f"import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.05)\n{SITE}"
    )
    with launched(site, "slow_site:app", workers=1, worker_timeout=0.5) as server:
        server.logged(r"has not started within 0\.5 s, and is waited for\. It was here:\n.*\n.*slow_site\.py")
        assert "supervisor" not in server.log
        (site / "go").touch()
        server.logged("serves")
        assert server.log.count("has not started") == 1
        assert server.stop() == 0


IMPORT = "import time; print('begun', flush=True); time.sleep(600)"
LIFESPAN = """
import asyncio, time

async def app(scope, receive, send):
    await receive()
    print("begun", flush=True)
    {wait}
"""


@pytest.mark.parametrize(
    "code",
    [IMPORT, LIFESPAN.format(wait="await asyncio.sleep(600)"), LIFESPAN.format(wait="time.sleep(600)")],
    ids=["import", "lifespan", "blocked lifespan"],
)
def test_a_signal_ends_a_start_that_hangs(site: Path, code: str) -> None:
    (site / "hanging.py").write_text(code)
    with launched(site, "hanging:app") as server:
        server.said("begun\nbegun\n")
        workers = server.children()
        server.signal(signal.SIGINT)
        eventually(lambda: not any(is_running(worker) for worker in workers), "the workers are gone")
        assert server.end() == 0
        assert "Traceback" not in server.log


def test_an_object_is_refused_as_each_worker_imports(site: Path) -> None:
    from vivace.server import ConfigError, run

    with pytest.raises(ConfigError, match=r'give its name \("module:app" or "file.py"\), got a function'):
        run(lambda scope: None, workers=2)
