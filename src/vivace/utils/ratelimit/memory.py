"""Counts in this process: each worker has its own, so that a limit holds for each of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from vivace.utils.ratelimit.algorithms import Limit, Outcome
from vivace.utils.ratelimit.stores import Decision

# So many of the longest unused keys are looked at with each call: more than one comes, so what is over goes.
SWEEP = 2


class _Entry:
    """What is known of a key: a state for each limit, and when all of it is back."""

    __slots__ = ("expires", "limits", "states")

    def __init__(self, limits: Sequence[Limit], states: list[Any]) -> None:
        self.limits = limits
        self.states = states
        self.expires = 0.0

    def states_of(self, limits: Sequence[Limit]) -> list[Any]:
        """The states, in the order of these limits; those that are not among them are forgotten."""
        if limits is not self.limits:
            known = dict(zip(self.limits, self.states, strict=True))
            self.limits, self.states = limits, [known.get(limit) for limit in limits]
        return self.states


class MemoryStore:
    """At most `max_keys` keys, some 300 bytes each with one limit; beyond that, the longest unused are forgotten.

    Keys whose counts are all back to nothing are forgotten on the way. `clock` is in seconds. Raises ValueError for
    less than one key.
    """

    def __init__(self, max_keys: int = 100_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        if max_keys < 1:
            raise ValueError(f"MemoryStore needs room for one key at least, got max_keys={max_keys}")
        self.max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        # In the order in which they were last used; a dict would look for its first key among all that are gone.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        """How many keys it remembers."""
        return len(self._entries)

    async def take(self, key: str, limits: Sequence[Limit], cost: int = 1) -> Decision:
        """See `Store`. It does not wait for anything."""
        if cost < 0:
            raise ValueError(f"a cost is zero or more, got {cost}")
        with self._lock:
            now = self._clock()
            entry = self._entries.get(key)
            states = [None] * len(limits) if entry is None else entry.states_of(limits)
            allowed = True
            outcomes: list[Outcome] = []
            for limit, state in zip(limits, states, strict=True):
                outcome = limit.look(state, now, cost)
                outcomes.append(outcome)
                allowed = allowed and outcome.allowed
            if not allowed:
                # Nothing is taken from those that would allow it.
                for index, outcome in enumerate(outcomes):
                    if outcome.allowed:
                        outcomes[index] = limits[index].look(states[index], now, 0)
            elif cost:
                expires = now
                for index, outcome in enumerate(outcomes):
                    states[index] = limits[index].take(states[index], now, cost)
                    expires = max(expires, now + outcome.reset_after)
                if entry is None:
                    entry = self._entries[key] = _Entry(limits, states)
                else:
                    self._entries.move_to_end(key)
                entry.expires = max(entry.expires, expires)
                self._forget(now)
            return Decision(allowed, tuple(outcomes))

    def _forget(self, now: float) -> None:
        entries = self._entries
        for _ in range(SWEEP):
            oldest = next(iter(entries))
            if entries[oldest].expires > now and len(entries) <= self.max_keys:
                return
            del entries[oldest]
