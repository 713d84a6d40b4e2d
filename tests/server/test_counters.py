"""The counters that everything is counted with."""

from __future__ import annotations

import time

import pytest

from vivace.server.counters import HTTP1, HTTP2, WEBSOCKET, Counters, Histogram, clock
from vivace.server.statistics import DURATIONS


def test_a_value_is_counted_at_the_first_bound_that_is_not_below_it() -> None:
    histogram = Histogram((0.5, 1.0))
    for value in (0.0, 0.5, 0.50001, 1.0, 1.5, float("inf")):
        histogram.observe(value)
    assert histogram.counted() == [2, 2, 2]
    assert histogram.summed() == float("inf")


@pytest.mark.parametrize("bounds", [(1.0, 0.5), (1.0, 1.0), tuple(float(number) for number in range(33))])
def test_bounds_must_rise_and_be_few(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="a histogram takes up to 32 bounds"):
        Histogram(bounds)


def test_responses_are_told_by_protocol_and_status() -> None:
    counters = Counters()
    for wire, status in ((HTTP1, 200), (HTTP1, 200), (HTTP2, 999), (WEBSOCKET, 101), (HTTP1, 1000), (HTTP1, -1)):
        counters.answered(wire, status)
    assert counters.requests == 6
    assert counters.responses() == {"http/1.1": {200: 2}, "http/2": {999: 1}, "websocket": {101: 1}}


def test_durations_are_kept_by_protocol() -> None:
    counters = Counters()
    counters.took(HTTP1, 0.001)
    counters.took(HTTP2, 100.0)
    assert counters.http1_durations.counted()[DURATIONS.index(0.001)] == 1
    assert counters.http2_durations.counted()[-1] == 1


def test_the_clock_is_that_of_the_system() -> None:
    before = time.monotonic()
    now = clock()
    assert now >= before - 0.001
    assert clock() >= now
