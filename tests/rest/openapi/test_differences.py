"""What is different between two documents, as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.rest.openapi.differences import differences


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, ["~ a > b > 1 > c: 2 → 3"]),
        ({"paths": {"/x": {}}}, {"paths": {"/y": {}}}, ["- paths > /x: {}", "+ paths > /y: {}"]),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}, ['+ enum: "c"']),
        ({"enum": ["a", "b", "c"]}, {"enum": ["b"]}, ['- enum: "a"', '- enum: "c"']),
        ({"minimum": 1}, {"minimum": True}, ["~ minimum: 1 → true"]),
        ({"type": "string"}, {"type": ["string", "null"]}, ['~ type: "string" → ["string", "null"]']),
        ({}, {"long": {"text": "x" * 90}}, ["+ long"]),
    ],
)
def test_each_difference_is_a_line_with_its_place(old: Any, new: Any, lines: list[str]) -> None:
    assert list(differences(old, new)) == lines


def test_a_long_value_is_cut() -> None:
    (line,) = differences({"a": "x"}, {"a": "y" * 500})
    assert len(line) < 120
    assert line.endswith("…")
