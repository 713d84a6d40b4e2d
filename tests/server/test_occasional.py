"""Warnings that come once in a while."""

from __future__ import annotations

import logging

import pytest

from vivace.server.occasional import INTERVAL, OccasionalWarning


def test_the_first_is_a_warning_and_the_others_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    now = 100.0
    warn = OccasionalWarning(logging.getLogger("vivace.server"), clock=lambda: now)
    for number in range(3):
        warn("Closed %d", number)
    now += INTERVAL
    warn("Closed %d", 3)
    now += INTERVAL
    warn("Closed")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Closed 0"),
        ("DEBUG", "Closed 1"),
        ("DEBUG", "Closed 2"),
        ("WARNING", "Closed 3 (2 more like this since the last such line)"),
        ("WARNING", "Closed"),
    ]
