from __future__ import annotations

from typing import Any

import pytest

from vivace.web.broadcast import Broadcast, Overflow, Subscription, TooSlowError

pytestmark = pytest.mark.anyio


async def waiting(events: Subscription) -> list[Any]:
    """What has not been taken yet."""
    found = []
    while events._queue:
        found.append((await anext(events)).message)
    return found


@pytest.mark.parametrize(("overflow", "left"), [("drop_oldest", [2, 3, 4]), ("drop_newest", [0, 1, 2])])
async def test_a_full_queue_drops_events_and_counts_them(overflow: Overflow, left: list[int]) -> None:
    broadcast = Broadcast(max_queue=3, overflow=overflow)
    async with broadcast.subscribe("a") as slow, broadcast.subscribe("a", max_queue=5) as other:
        for number in range(5):
            await broadcast.publish("a", number)
        assert (await waiting(slow), slow.dropped) == (left, 2)
        assert (await waiting(other), other.dropped) == ([0, 1, 2, 3, 4], 0)


async def test_a_slow_subscriber_may_be_cut_off() -> None:
    broadcast = Broadcast(max_queue=2, overflow="close")
    async with broadcast.subscribe("a", "b") as slow, broadcast.subscribe("a", overflow="drop_oldest") as other:
        for number in range(4):
            await broadcast.publish("a", number)
        with pytest.raises(TooSlowError, match="with 2 events waiting"):
            await anext(slow)
        assert (broadcast.subscribers("a"), broadcast.subscribers("b")) == (1, 0)
        assert await waiting(other) == [2, 3]


async def test_events_replace_each_other_by_key() -> None:
    broadcast = Broadcast(overflow="conflate", max_queue=3)
    async with broadcast.subscribe("a", "b") as events:
        for key, message in (("x", 1), ("y", 2), ("x", 3), (None, 4), (None, 5)):
            await broadcast.publish("a", message, key=key)
        assert await waiting(events) == [3, 2, 5]
        await broadcast.publish("a", 6, key="x")
        await broadcast.publish("b", 7, key="x")
        assert await waiting(events) == [6, 7]
        assert events.dropped == 0
        for key in ("1", "2", "3", "4"):
            await broadcast.publish("a", key, key=key)
        await broadcast.publish("a", "new", key="4")
        assert (await waiting(events), events.dropped) == (["2", "3", "new"], 1)
        await broadcast.publish("a", "left")
    assert await waiting(events) == []
