"""Durations as texts, held against Django's parser, and read back from their own text."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils.dateparse import parse_duration as django_parse
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.durations import format_duration, parse_duration

TEXTS = [
    *("30", "15:30", "10:15:30", "1 15:30:01", "4 10:15:30", "4 days, 10:15:30", "1 day, 0:00:01", "-4 10:15:30"),
    *("-10:15:30", "15:30.1", "15:30.000001", "10:15:30,5", "P4Y", "P4D", "PT5H", "PT5M", "PT5S", "PT0.000005S"),
    *("-P1DT2H", "P1DT2H3M4.5S", "x", "1:2:3:4", "99999999999 00:00:00"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_mean_what_they_mean_to_django(text: str) -> None:
    try:
        expected = django_parse(text)
    except OverflowError:
        expected = None
    assert parse_duration(text) == expected


def test_where_django_is_laxer_or_stricter_iso_8601_decides() -> None:
    assert parse_duration("P4W") == dt.timedelta(weeks=4)
    assert [parse_duration(text) for text in ("", "P", "PT")] == [None, None, None]


@given(st.timedeltas())
def test_a_duration_is_read_back_from_its_text(value: dt.timedelta) -> None:
    assert parse_duration(format_duration(value)) == value
