"""Statistics by statement: how often each was run, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp

from vivace.databases.observing.events import QueryEvent
from vivace.databases.plan import Plan

# Statements kept apart. Whoever writes values into SQL text makes more; those that cost least are then added up.
MAX_STATEMENTS = 1000
OTHERS = "(other statements)"

# A histogram with four buckets to each doubling: a percentile is at most a quarter too high. From 1 µs to 2 minutes.
_STEPS = 4
_LOWEST = -20
_BUCKETS = (7 - _LOWEST) * _STEPS


@dataclass(frozen=True, slots=True)
class StatementStatistics:
    """What one statement did since the counting began; times are in seconds, without waiting for a connection."""

    sql: str
    calls: int
    rows: int
    """Rows given or changed, as far as they are known."""
    errors: int
    total: float
    mean: float
    max: float
    p95: float
    """19 of 20 calls took no longer, within a quarter."""
    plan: Plan | None
    """What was run last; None for the statements that are added up."""


class _Count:
    __slots__ = ("buckets", "calls", "errors", "max", "plan", "rows", "total")

    def __init__(self, plan: Plan | None) -> None:
        self.plan = plan
        self.calls = self.rows = self.errors = 0
        self.total = self.max = 0.0
        self.buckets = [0] * _BUCKETS

    def add(self, other: _Count) -> None:
        self.calls += other.calls
        self.rows += other.rows
        self.errors += other.errors
        self.total += other.total
        self.max = max(self.max, other.max)
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]

    def statistics(self, sql: str) -> StatementStatistics:
        return StatementStatistics(
            sql,
            self.calls,
            self.rows,
            self.errors,
            self.total,
            self.total / self.calls,
            self.max,
            self._p95(),
            self.plan,
        )

    def _p95(self) -> float:
        left = self.calls * 0.95
        for position, number in enumerate(self.buckets):
            left -= number
            if left <= 0:
                return self.max if position == _BUCKETS - 1 else min(_upper_end(position), self.max)
        return self.max


def _bucket(seconds: float) -> int:
    mantissa, exponent = frexp(seconds)  # mantissa from 0.5 to 1
    position = (exponent - 1 - _LOWEST) * _STEPS + int(mantissa * 2 * _STEPS) - _STEPS
    return min(max(position, 0), _BUCKETS - 1)


def _upper_end(position: int) -> float:
    doubling, step = divmod(position, _STEPS)
    return float(2.0 ** (doubling + _LOWEST) * (1 + (step + 1) / _STEPS))


class Statements:
    """A query hook that counts. Bounded: see `MAX_STATEMENTS`."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def __call__(self, event: QueryEvent) -> None:
        plan = event.plan
        count = self._counts.get(plan.sql)
        if count is None:
            count = self._make_room_for(plan)
        duration = event.duration
        count.plan = plan
        count.calls += 1
        count.total += duration
        if duration > count.max:
            count.max = duration
        if event.rows is not None:
            count.rows += event.rows
        if event.error is not None:
            count.errors += 1
        count.buckets[_bucket(duration)] += 1

    def _make_room_for(self, plan: Plan) -> _Count:
        if len(self._counts) >= MAX_STATEMENTS:
            others = self._counts.pop(OTHERS, None) or _Count(None)
            ranked = sorted(self._counts.items(), key=lambda item: item[1].total, reverse=True)
            self._counts = dict(ranked[: MAX_STATEMENTS // 2])
            for _, count in ranked[MAX_STATEMENTS // 2 :]:
                others.add(count)
            self._counts[OTHERS] = others
        count = self._counts[plan.sql] = _Count(plan)
        return count

    def top(self, number: int | None) -> list[StatementStatistics]:
        """The statements that took the most time in all, most first."""
        found = [count.statistics(sql) for sql, count in self._counts.items()]
        found.sort(key=lambda statement: statement.total, reverse=True)
        return found if number is None else found[:number]

    def reset(self) -> None:
        """Begin anew."""
        self._counts.clear()
