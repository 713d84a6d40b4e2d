from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.broadcast import Broadcast, Event, Subscription
from vivace.web.broadcast._history import History

pytestmark = pytest.mark.anyio


async def replayed(subscription: Subscription) -> tuple[list[Any], bool]:
    async with subscription as events:
        return [(await anext(events)).message for _ in range(len(events._replay))], events.missed


async def ids(broadcast: Broadcast, *channels: str) -> list[str]:
    async with broadcast.subscribe(*channels, history=100) as events:
        found = [(await anext(events)).id for _ in range(len(events._replay))]
    return [each for each in found if each is not None]


async def filled(**options: Any) -> Broadcast:
    """A broadcast with ten events, of the channels a and b in turn."""
    broadcast = Broadcast(**options)
    for number in range(10):
        await broadcast.publish("ab"[number % 2], number)
    return broadcast


async def test_a_subscriber_may_begin_with_what_was_last() -> None:
    broadcast = await filled(history=3)
    assert await replayed(broadcast.subscribe("a")) == ([], False)
    assert await replayed(broadcast.subscribe("a", history=2)) == ([6, 8], False)
    assert await replayed(broadcast.subscribe("a", history=9)) == ([4, 6, 8], False)
    assert await replayed(broadcast.subscribe("b", "a", history=2)) == ([6, 7, 8, 9], False)
    assert await replayed(broadcast.subscribe("c", history=2)) == ([], False)


async def test_who_comes_back_gets_what_was_missed() -> None:
    broadcast = await filled(history=5)
    known = await ids(broadcast, "a", "b")
    assert len(set(known)) == 10
    assert await replayed(broadcast.subscribe("a", "b", last_event_id=known[7])) == ([8, 9], False)
    assert await replayed(broadcast.subscribe("a", last_event_id=known[7])) == ([8], False)
    assert await replayed(broadcast.subscribe("a", last_event_id=known[9])) == ([], False)


async def test_it_is_told_when_history_does_not_go_back_far_enough() -> None:
    broadcast = Broadcast(history=2)
    async with broadcast.subscribe("a") as events:
        for number in range(5):
            await broadcast.publish("a", number)
        known = [(await anext(events)).id for _ in range(5)]
    assert await replayed(broadcast.subscribe("a", last_event_id=known[2])) == ([3, 4], False)
    assert await replayed(broadcast.subscribe("a", last_event_id=known[1])) == ([3, 4], True)


async def test_an_unknown_id_gets_all_there_is() -> None:
    broadcast = await filled(history=2)
    known = await ids(broadcast, "a")
    other = await ids(await filled(history=2), "a")
    mark = known[0].partition("-")[0]
    for unknown in (other[0], "", "x", "-", "1-1", f"{mark}-999", f"{mark}-x", f"{mark}-²", f"{mark}-" + "9" * 9999):
        assert await replayed(broadcast.subscribe("a", last_event_id=unknown)) == ([6, 8], True)


async def test_ids_may_be_the_publishers() -> None:
    broadcast = Broadcast(history=3)
    for name in ("x", "y", "z"):
        await broadcast.publish("a", name, id=name)
    assert await replayed(broadcast.subscribe("a", last_event_id="y")) == (["z"], False)


async def test_without_a_history_there_are_no_ids() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe("a", last_event_id="1", history=5) as events:
        assert events.missed
        await broadcast.publish("a", "x")
        assert (await anext(events)).id is None


async def test_replayed_events_do_not_fill_the_queue() -> None:
    broadcast = Broadcast(history=10, max_queue=1, overflow="close")
    for number in range(10):
        await broadcast.publish("a", number)
    async with broadcast.subscribe("a", history=10) as events:
        await broadcast.publish("a", 10)
        assert [(await anext(events)).message for _ in range(11)] == list(range(11))


async def test_channels_that_nobody_uses_are_forgotten() -> None:
    broadcast = Broadcast(history=2, max_channels=2)
    await broadcast.publish("a", 1)
    (first,) = await ids(broadcast, "a")
    await broadcast.publish("b", 2)
    await broadcast.publish("a", 3)
    await broadcast.publish("c", 4)
    assert await replayed(broadcast.subscribe("a", "b", "c", history=9)) == ([1, 3, 4], False)
    # Its event in b might have come after the first.
    assert await replayed(broadcast.subscribe("a", last_event_id=first)) == ([3], True)


@given(st.text())
def test_any_last_event_id_is_read(last_event_id: str) -> None:
    history = History(2, 2)
    for number in range(3):
        history.add(Event("a", number))
    replay = history.after(["a"], last_event_id)
    assert [event.message for event in replay.events] in ([], [2], [1, 2])
