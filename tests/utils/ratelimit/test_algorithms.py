"""Never more than is allowed, and not much less: against a model that remembers everything, exactly."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import count as numbers
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from vivace.utils.ratelimit import MemoryStore, RedisStore, SlidingWindow, Store, TokenBucket
from vivace.utils.ratelimit.algorithms import PARTS

# What happens: pauses in seconds, and what is asked for then.
steps = st.lists(
    st.tuples(st.floats(0, 20).map(lambda pause: round(pause, 3)), st.integers(1, 4)), min_size=5, max_size=60
)
names = numbers()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


StoreWith = Callable[[Clock], Store]


@pytest.fixture(params=["memory", "redis"], scope="module")
def run(request: pytest.FixtureRequest) -> Any:
    """Runs a function of a store and its clock to the end, for every example anew."""
    if request.param == "memory":

        def in_memory(function: Any) -> Any:
            clock = Clock()
            return asyncio.run(function(MemoryStore(clock=clock), clock))

        yield in_memory
        return
    url = request.getfixturevalue("redis_url")
    with asyncio.Runner() as runner:
        client = Redis.from_url(url)

        def in_redis(function: Any) -> Any:
            clock = Clock()
            prefix = f"vivace-test:{next(names)}:"
            return runner.run(function(RedisStore(client, prefix=prefix, clock=clock, timeout=10), clock))

        yield in_redis
        runner.run(client.aclose())


@settings(max_examples=60, deadline=None)
@given(steps=steps, limit=st.builds(SlidingWindow, st.integers(1, 12), st.sampled_from([1, 7, 30])))
def test_a_window_never_has_more_than_its_limit(run: Any, steps: list[tuple[float, int]], limit: SlidingWindow) -> None:
    async def main(store: Store, clock: Clock) -> None:
        passed: list[tuple[float, int]] = []
        for pause, cost in steps:
            clock.now += pause
            decision = await store.take("key", [limit], cost)
            in_window = sum(each for time, each in passed if time > clock.now - limit.seconds)
            # A part that has half left still counts.
            longer = sum(each for time, each in passed if time > clock.now - limit.seconds * (1 + 1.001 / PARTS))
            if decision.allowed:
                assert in_window + cost <= limit.count
                passed.append((clock.now, cost))
            else:
                assert longer + cost > limit.count
            (outcome,) = decision.outcomes
            assert 0 <= outcome.remaining <= limit.count
            assert 0 <= outcome.reset_after <= limit.seconds * (1 + 1.001 / PARTS)
            assert (outcome.retry_after == 0) == decision.allowed

    run(main)


@settings(max_examples=60, deadline=None)
@given(
    steps=steps,
    limit=st.builds(TokenBucket, st.integers(1, 12), st.sampled_from([1, 7, 30]), st.none() | st.integers(1, 15)),
)
def test_a_bucket_gives_what_has_come_in_and_no_more(
    run: Any, steps: list[tuple[float, int]], limit: TokenBucket
) -> None:
    async def main(store: Store, clock: Clock) -> None:
        tokens, before = Fraction(limit.maximum), clock.now
        rate = Fraction(limit.count) / Fraction(limit.seconds)
        for pause, cost in steps:
            clock.now += pause
            tokens = min(tokens + Fraction(clock.now - before) * rate, Fraction(limit.maximum))
            before = clock.now
            decision = await store.take("key", [limit], cost)
            (outcome,) = decision.outcomes
            if decision.allowed:
                assert tokens >= cost - Fraction("0.002")
                tokens -= cost
            else:
                assert tokens < cost + Fraction("0.002")
            assert abs(outcome.remaining - math.floor(tokens)) <= 1
            assert outcome.reset_after >= 0

    run(main)


@pytest.mark.parametrize("limit", [SlidingWindow(3, 10), TokenBucket(3, 10), TokenBucket(1, 5, burst=2)], ids=repr)
def test_who_comes_back_when_told_is_let_in_and_not_before(run: Any, limit: Any) -> None:
    async def main(store: Store, clock: Clock) -> None:
        decision = await store.take("key", [limit])
        while decision.allowed:
            clock.now += 0.1
            decision = await store.take("key", [limit])
        assert decision.outcomes[0].remaining == 0
        start = clock.now
        clock.now = start + decision.retry_after * 0.9
        assert not (await store.take("key", [limit])).allowed
        clock.now = start + decision.retry_after + 0.001
        assert (await store.take("key", [limit])).allowed
        clock.now += (await store.take("key", [limit], 0)).outcomes[0].reset_after + 0.001
        assert (await store.take("key", [limit], 0)).outcomes[0].remaining == limit.maximum

    run(main)


@pytest.mark.parametrize("limit", [SlidingWindow(3, 10), TokenBucket(3, 10)], ids=repr)
def test_what_costs_more_than_there_ever_is_has_no_time_to_come_back_at(run: Any, limit: Any) -> None:
    async def main(store: Store, clock: Clock) -> None:
        for _ in range(2):
            decision = await store.take("key", [limit], 4)
            assert not decision.allowed
            assert math.isinf(decision.retry_after)
        assert (await store.take("key", [limit], 3)).allowed

    run(main)


def test_several_limits_take_all_or_nothing(run: Any) -> None:
    small, large, bucket = SlidingWindow(2, 1), SlidingWindow(10, 60), TokenBucket(9, 60)

    async def main(store: Store, clock: Clock) -> None:
        for _ in range(5):
            await store.take("key", [small, large, bucket])
        decision = await store.take("key", [small, large, bucket])
        assert [outcome.allowed for outcome in decision.outcomes] == [False, True, True]
        assert [outcome.remaining for outcome in decision.outcomes] == [0, 8, 7]
        assert 0 < decision.retry_after <= 1 + 1 / PARTS
        # Another key has limits of its own.
        assert (await store.take("other", [small, large, bucket])).outcomes[0].remaining == 1

    run(main)


def test_a_cost_of_zero_only_looks(run: Any) -> None:
    async def main(store: Store, clock: Clock) -> None:
        for limit in (SlidingWindow(2, 10), TokenBucket(2, 10)):
            await store.take("key", [limit])
            for _ in range(3):
                decision = await store.take("key", [limit], 0)
                assert (decision.allowed, decision.outcomes[0].remaining) == (True, 1)
        with pytest.raises(ValueError, match="zero or more"):
            await store.take("key", [SlidingWindow(2, 10)], -1)

    run(main)


@pytest.mark.parametrize("make", [SlidingWindow, TokenBucket])
@pytest.mark.parametrize(("count", "seconds"), [(0, 1), (1, 0), (-1, 1), (1, -1), (1, math.inf), (1, math.nan)])
def test_a_limit_of_nothing_is_an_error(make: Any, count: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="a limit is one or more"):
        make(count, seconds)


def test_a_bucket_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="a burst is one or more"):
        TokenBucket(1, 1, burst=0)
