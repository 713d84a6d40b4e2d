"""Who may start: a new request only while few run, one that has begun before it, cleaning up before both."""

from __future__ import annotations

import logging

import anyio
import pytest

from vivace.web._threads.places import Kind, Places

pytestmark = pytest.mark.anyio


class Calls:
    """Calls that note when they start."""

    def __init__(self, limit: int, reserve: int | None = None) -> None:
        self.places = Places(lambda: limit, reserve)
        self.started: list[str] = []

    def enter(self, kind: Kind, name: str, times: int = 1) -> int:
        """Returns how many of them started at once."""
        return sum(self.places.enter(kind, lambda: self.started.append(name)) for _ in range(times))


async def test_each_kind_has_places_that_those_before_it_cannot_take() -> None:
    calls = Calls(4)
    assert calls.enter(Kind.ENTERING, "new", 10) == 4
    assert calls.enter(Kind.CONTINUING, "begun", 10) == 4
    assert calls.enter(Kind.CLEANUP, "cleanup", 10) == 4
    assert calls.places.busy == 12


async def test_a_reserve_may_be_said() -> None:
    calls = Calls(4, reserve=1)
    assert calls.enter(Kind.ENTERING, "new", 10) == 4
    assert calls.enter(Kind.CONTINUING, "begun", 10) == 1


async def test_who_waits_starts_in_order_and_the_furthest_first() -> None:
    calls = Calls(1, reserve=0)
    calls.enter(Kind.ENTERING, "first")
    calls.enter(Kind.ENTERING, "second")
    calls.enter(Kind.ENTERING, "third")
    calls.enter(Kind.CONTINUING, "begun")
    calls.places.leave()
    assert calls.started == ["first", "begun"]
    calls.enter(Kind.CLEANUP, "cleanup")
    assert calls.started == ["first", "begun", "cleanup"]
    calls.places.leave()
    assert calls.started[3:] == []
    calls.places.leave()
    calls.places.leave()
    assert calls.started[3:] == ["second", "third"]


async def test_a_new_request_is_not_let_in_while_many_that_have_begun_run() -> None:
    calls = Calls(2)
    calls.enter(Kind.CONTINUING, "begun", 4)
    assert calls.enter(Kind.ENTERING, "new") == 0
    calls.places.leave()
    calls.places.leave()
    assert "new" not in calls.started
    calls.places.leave()
    assert "new" in calls.started


async def test_what_waits_can_be_taken_back_once() -> None:
    places = Places(lambda: 1)
    started: list[int] = []

    def start() -> None:
        started.append(1)

    assert places.enter(Kind.ENTERING, lambda: None)
    assert not places.enter(Kind.ENTERING, start)
    assert places.withdraw(start)
    assert not places.withdraw(start)
    places.leave()
    assert (started, places.busy) == ([], 0)


async def test_calls_that_all_wait_for_one_another_get_more_places_in_time(caplog: pytest.LogCaptureFixture) -> None:
    calls = Calls(1)
    calls.enter(Kind.CONTINUING, "waits", 30)
    calls.enter(Kind.ENTERING, "new")
    assert len(calls.started) == 2
    with caplog.at_level(logging.WARNING), anyio.fail_after(10):
        while len(calls.started) < 30:
            await anyio.sleep(0.01)
    assert set(calls.started) == {"waits"}
    assert len(caplog.records) == 1
    # What they wait for may take several calls to free, which are not to wait so long each.
    assert calls.enter(Kind.CONTINUING, "frees") == 1
    for _ in range(29):
        calls.places.leave()
    assert "new" not in calls.started
    # In the end the bounds are what they were.
    calls.places.leave()
    calls.places.leave()
    assert calls.started[-1] == "new"
    assert calls.enter(Kind.CONTINUING, "begun", 3) == 1


async def test_while_calls_end_there_are_no_more_places_than_said() -> None:
    calls = Calls(1)
    calls.enter(Kind.CONTINUING, "begun", 40)
    for _ in range(30):
        await anyio.sleep(0.005)
        calls.places.leave()
        assert calls.places.busy == 2
    with anyio.fail_after(10):
        while calls.places.busy:
            calls.places.leave()
            await anyio.sleep(0)
