"""Bounded, whatever comes; and what is over is forgotten."""

from __future__ import annotations

import threading

import anyio
import pytest

from vivace.utils.ratelimit import MemoryStore, SlidingWindow, TokenBucket

pytestmark = pytest.mark.anyio


async def test_any_number_of_keys_does_not_fill_the_memory() -> None:
    now = 0.0
    store = MemoryStore(max_keys=5_000, clock=lambda: now)
    limits = [TokenBucket(10, 60)]
    take = store.take
    await take("regular", limits)
    for number in range(300_000):
        await take(f"key {number}", limits)
        if number % 1_000 == 0:
            await take("regular", limits, 0)
    assert len(store) == 5_000


async def test_keys_that_are_over_are_forgotten_on_the_way() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now)
    limits = [SlidingWindow(10, 60)]
    for number in range(1_000):
        await store.take(f"key {number}", limits)
    assert len(store) == 1_000
    now = 100.0
    for number in range(1_000):
        await store.take(f"other {number}", limits)
    assert len(store) == 1_000


async def test_the_longest_unused_go_first() -> None:
    store = MemoryStore(max_keys=2)
    limits = [SlidingWindow(1, 60)]
    for key in ("first", "second"):
        assert (await store.take(key, limits)).allowed
    assert (await store.take("third", limits)).allowed
    assert not (await store.take("second", limits)).allowed
    assert (await store.take("first", limits)).allowed
    with pytest.raises(ValueError, match="one key at least"):
        MemoryStore(max_keys=0)


async def test_a_window_holds_no_more_than_its_parts() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now)
    limit = SlidingWindow(100_000, 60)
    for _ in range(5_000):
        now += 0.1
        await store.take("key", [limit])
    (state,) = store._entries["key"].states
    assert len(state) <= 2 * 62


def test_threads_take_no_more_together_than_there_is() -> None:
    store = MemoryStore()
    limits = [SlidingWindow(500, 3600)]
    allowed: list[bool] = []

    def work() -> None:
        async def main() -> None:
            allowed.extend([(await store.take("key", limits)).allowed for _ in range(300)])

        anyio.run(main)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 500
