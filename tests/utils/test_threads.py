"""The pool: bounded, in order, started on demand and ended when idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from vivace.utils.threads import Threads


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_no_more_jobs_run_at_once_than_there_are_threads() -> None:
    threads = Threads(2, "test", idle_seconds=0.01)
    gate = threading.Semaphore(0)
    begun: list[int] = []
    ended: list[int] = []

    def job(number: int) -> None:
        begun.append(number)
        gate.acquire()
        ended.append(number)

    accepted = [threads.submit(lambda number=number: job(number)) for number in range(4)]  # type: ignore[misc]
    assert accepted == [True, True, False, False]
    until(lambda: len(begun) == 2)
    assert threads.alive == 2
    gate.release(4)
    until(lambda: len(ended) == 4)
    assert sorted(begun[:2]) == [0, 1]
    until(lambda: threads.alive == 0)


def test_a_thread_that_waits_is_used_again() -> None:
    threads = Threads(5, "test")
    names: list[str] = []
    for count in range(1, 4):
        assert threads.submit(lambda: names.append(threading.current_thread().name))
        until(lambda count=count: len(names) == count)  # type: ignore[misc]
        until(lambda: threads._waiting == 1)
    assert names == ["test 1"] * 3
    assert threads.alive == 1


def test_an_idle_thread_ends_and_another_is_started_when_it_is_needed() -> None:
    threads = Threads(1, "test", idle_seconds=0.01)
    names: list[str] = []
    for count in (1, 2):
        threads.submit(lambda: names.append(threading.current_thread().name))
        until(lambda count=count: len(names) == count and threads.alive == 0)  # type: ignore[misc]
    assert names == ["test 1", "test 2"]


def test_many_submitters_lose_no_job() -> None:
    threads = Threads(3, "test", idle_seconds=0.001)
    lock = threading.Lock()
    done = 0

    def job() -> None:
        nonlocal done
        with lock:
            done += 1

    def submit() -> None:
        for number in range(300):
            threads.submit(job)
            if number % 50 == 0:
                time.sleep(0.002)

    submitters = [threading.Thread(target=submit) for _ in range(4)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join()
    until(lambda: done == 1200)
    until(lambda: threads.alive == 0)


@pytest.mark.parametrize("running", [0, 1])
def test_a_system_without_more_threads_is_a_lower_limit(running: int, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads(2, "test")
    gate = threading.Event()
    for _ in range(running):
        assert threads.submit(gate.wait)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ran = threading.Event()
    if running:
        assert threads.submit(ran.set) is False
    else:
        with pytest.raises(RuntimeError, match="new thread"):
            threads.submit(ran.set)
    gate.set()
    assert ran.wait(0.05 if not running else 5) is bool(running)
