"""Rates as texts: "100/minute", "5 per 10 seconds", "1000/d"; several with ";" between them."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(
    r"\s*(?P<count>\d{1,9})\s*(?:/|per)\s*(?P<times>\d{1,9})?\s*"
    r"(?:(?P<unit>[smhd])|(?P<word>sec|second|min|minute|hour|day)s?)\s*",
    re.ASCII | re.IGNORECASE,
)


def parse_rates(text: str) -> list[tuple[int, int]]:
    """(count, seconds) of each rate in the text. Raises ValueError for what is none.

    >>> parse_rates("100/minute; 5 per 10 seconds")
    [(100, 60), (5, 10)]
    """
    return [_parse(rate) for rate in text.split(";")]


def _parse(rate: str) -> tuple[int, int]:
    match = _RATE.fullmatch(rate)
    if match is None or not int(match["count"]) or (match["times"] is not None and not int(match["times"])):
        raise ValueError(
            f'{rate!r} is no rate. A rate is such as "100/minute", "5 per 10 seconds" or "1000/d"; '
            "units are second, minute, hour and day, and their first letters"
        )
    unit = match["unit"] or match["word"][0]
    return int(match["count"]), int(match["times"] or 1) * UNITS[unit.lower()]
