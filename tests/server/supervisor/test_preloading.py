"""`preload`: workers forked from a nursery that has imported the application."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.server.supervisor.supervised import Supervised, children, launched, supervised
from tests.server.waiting import eventually, is_running


def nursery_of(server: Supervised) -> int:
    return int(server.logged(r"Nursery \(pid (\d+)\) has imported")[1])


def test_workers_share_what_the_nursery_has_imported(site: Path) -> None:
    with supervised(site, preload=True) as server:
        nursery = nursery_of(server)
        assert server.children() == [nursery]
        workers = children(nursery)
        assert len(workers) == 2
        assert int(server.ask()) in workers
        assert server.stop() == 0
        assert not is_running(nursery)
    assert server.output == "closed\n" * 2
    assert "Traceback" not in server.log


def test_a_worker_that_dies_is_forked_again_and_no_zombie_stays(site: Path) -> None:
    with supervised(site, preload=True) as server:
        nursery = nursery_of(server)
        victim = int(server.ask())
        os.kill(victim, signal.SIGKILL)
        server.logged(rf"Worker [12] \(pid {victim}\) was killed by SIGKILL")
        server.logged(r"is ready", 3)
        assert victim not in children(nursery)
        server.send("/crash")
        server.logged(r"was killed by SIGSEGV\.\nFatal Python error")
        server.logged(r"is ready", 4)
        assert len(children(nursery)) == 2
        assert server.stop() == 0


def test_a_rolling_restart_imports_the_application_anew(site: Path) -> None:
    with supervised(site, preload=True) as server:
        old = nursery_of(server)
        code = (site / "site_run.py").read_text()
        (site / "site_run.py").write_text(code.replace("str(os.getpid())", '"another"'))
        server.signal(signal.SIGHUP)
        server.logged("Restarted: 2 workers")
        assert server.ask() == "another"
        eventually(lambda: not is_running(old), "the old nursery is gone")
        assert len(server.children()) == 1
        assert server.stop() == 0


def test_a_restart_whose_import_fails_leaves_the_old_nursery_at_work(site: Path) -> None:
    with supervised(site, preload=True) as server:
        nursery = nursery_of(server)
        (site / "site_run.py").write_text("broken broken")
        server.signal(signal.SIGHUP)
        server.logged("The restart is given up")
        assert "SyntaxError" in server.log
        os.kill(int(server.ask()), signal.SIGKILL)
        server.logged(r"is ready", 3)
        eventually(lambda: server.children() == [nursery], "the new nursery has ended")
        assert server.ask()
        assert server.stop() == 0


def test_a_nursery_that_dies_leaves_its_workers_and_a_new_one_takes_over(site: Path) -> None:
    with supervised(site, preload=True) as server:
        nursery = nursery_of(server)
        os.kill(nursery, signal.SIGKILL)
        server.logged(rf"Nursery \(pid {nursery}\) was killed by SIGKILL")
        victim = int(server.ask())
        os.kill(victim, signal.SIGKILL)
        server.logged(rf"Worker [12] \(pid {victim}\) (ended|was killed)")
        server.logged(r"is ready", 3)
        assert server.ask()
        assert server.stop() == 0
        assert not is_running(nursery)


def test_an_import_that_fails_is_one_message_and_exit_code_3(site: Path) -> None:
    with launched(site, "site_rum:app", preload=True) as server:
        assert server.end() == 3
        assert server.log.startswith('Error: Could not import "site_rum:app"')
        assert server.log.count("Error") == 1


def test_a_signal_ends_an_import_that_hangs(site: Path) -> None:
    (site / "slow_site.py").write_text("import time; print('begun', flush=True); time.sleep(600)")
    with launched(site, "slow_site:app", preload=True) as server:
        server.said("begun")
        server.signal(signal.SIGINT)
        assert server.end() == 0


def test_threads_that_an_import_starts_are_warned_of(site: Path) -> None:
    code = (
        "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True, name='poll').start()\n"
    )
    (site / "threads_site.py").write_text(code + (site / "site_run.py").read_text())
    with supervised(site, "threads_site:app", preload=True) as server:
        assert "starts threads while it is imported (poll)" in server.log
        assert server.stop() == 0
