"""Token bucket and sliding window, as arithmetic: a state, the time and a cost make an outcome and another state."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

# A sliding window is counted in so many parts. One that has half left is counted whole, so that never more passes than
# is allowed; who has used up the limit gets it back up to this fraction of the window later.
PARTS = 60


class Outcome(NamedTuple):
    """What one limit says."""

    allowed: bool
    remaining: int  # how much more could be taken now
    reset_after: float  # seconds until all of it is there again
    retry_after: float  # seconds until what was asked for may be there; 0 when it is


class Limit(Protocol):
    """So much of something in a time; a value, without state of its own."""

    @property
    def count(self) -> int:
        """How much, in `seconds`."""

    @property
    def seconds(self) -> float:
        """The time it is counted in."""

    @property
    def maximum(self) -> int:
        """The most that can be taken at once."""

    def look(self, state: Any, now: float, cost: int) -> Outcome:
        """What this would be answered; `state` is None for a key that is not known."""

    def take(self, state: Any, now: float, cost: int) -> Any:
        """The state after it was allowed."""


def _check(limit: Limit) -> None:
    if limit.count < 1 or not limit.seconds > 0 or math.isinf(limit.seconds):
        raise ValueError(f"a limit is one or more in a time of more than 0 seconds, got {limit}")


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """At most `count` in any span of `seconds`. The state is pairs of a part's number and its count, oldest first."""

    count: int
    seconds: float

    def __post_init__(self) -> None:
        _check(self)

    @property
    def maximum(self) -> int:
        """All of it."""
        return self.count

    def look(self, state: array[int] | None, now: float, cost: int) -> Outcome:
        """See `Limit`."""
        length = self.seconds / PARTS
        part = math.floor(now / length)
        used = 0
        newest = part - PARTS - 1
        if state:
            for index in range(0, len(state), 2):
                if state[index] >= part - PARTS:
                    used += state[index + 1]
                    newest = state[index]
        remaining = max(self.count - used, 0)
        reset_after = max((newest + PARTS + 1) * length - now, 0.0)
        if used + cost <= self.count:
            return Outcome(True, remaining - cost, self.seconds + length if cost else reset_after, 0.0)
        return Outcome(False, remaining, reset_after, self._retry_after(state, now, cost - remaining))

    def take(self, state: array[int] | None, now: float, cost: int) -> array[int]:
        """See `Limit`."""
        part = math.floor(now / (self.seconds / PARTS))
        if state is None:
            return array("q", (part, cost))
        while state and state[0] < part - PARTS:
            del state[:2]
        # The clock of a store never goes back by a part, but what it did count must stay in order.
        if state and state[-2] >= part:
            state[-1] += cost
        else:
            state.extend((part, cost))
        return state

    def _retry_after(self, state: array[int] | None, now: float, lacking: int) -> float:
        length = self.seconds / PARTS
        part = math.floor(now / length)
        for index in range(0, len(state or ()), 2):
            assert state is not None
            if state[index] >= part - PARTS:
                lacking -= state[index + 1]
                if lacking <= 0:
                    return (state[index] + PARTS + 1) * length - now
        return math.inf  # it costs more than there ever is


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A bucket of `burst` tokens (`count` if it is None) that fills with `count` in `seconds`, evenly.

    After a pause a burst passes at once, and from then on as many as come in. The state is the time at which the bucket
    is full again (the "generic cell rate algorithm"), so that one number says all.
    """

    count: int
    seconds: float
    burst: int | None = None

    def __post_init__(self) -> None:
        _check(self)
        if self.burst is not None and self.burst < 1:
            raise ValueError(f"a burst is one or more, got {self.burst}")

    @property
    def maximum(self) -> int:
        """A full bucket."""
        return self.count if self.burst is None else self.burst

    def look(self, state: float | None, now: float, cost: int) -> Outcome:
        """See `Limit`."""
        interval = self.seconds / self.count
        full_at = now if state is None else max(now, state)
        after = full_at + cost * interval - now
        # The sum of many intervals is not exact: a thousandth of a token is none.
        over = after - self.maximum * interval
        allowed = over <= interval * 0.001
        left = (full_at if not allowed else full_at + cost * interval) - now
        remaining = max(math.floor(self.maximum - left / interval + 0.001), 0)
        if allowed:
            return Outcome(True, remaining, left, 0.0)
        return Outcome(False, remaining, left, over if cost <= self.maximum else math.inf)

    def take(self, state: float | None, now: float, cost: int) -> float:
        """See `Limit`."""
        return (now if state is None else max(now, state)) + cost * self.seconds / self.count
