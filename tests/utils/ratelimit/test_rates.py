from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.ratelimit import parse_rates


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("100/minute", [(100, 60)]),
        ("1/s", [(1, 1)]),
        (" 5 per 10 seconds ", [(5, 10)]),
        ("20/5minutes", [(20, 300)]),
        ("3/2H", [(3, 7200)]),
        ("1000/day", [(1000, 86400)]),
        ("10 / sec; 500 per hour;7/min", [(10, 1), (500, 3600), (7, 60)]),
    ],
)
def test_a_rate_is_a_count_and_a_time(text: str, rates: list[tuple[int, int]]) -> None:
    assert parse_rates(text) == rates


@pytest.mark.parametrize(
    "text", ["", "100", "/minute", "0/minute", "5/0s", "-1/s", "1/fortnight", "1/s;", "1e3/s", "5 s"]
)
def test_what_is_no_rate_is_an_error_that_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="A rate is such as"):
        parse_rates(text)


@given(st.text())
def test_any_text_is_a_rate_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert all(count > 0 and seconds > 0 for count, seconds in parse_rates(text))
