from __future__ import annotations

import gc

import pytest

from vivace.cli.collecting import SELDOM, collecting_seldom


def test_a_command_collects_seldom_and_leaves_the_threshold_as_it_was() -> None:
    before = gc.get_threshold()

    @collecting_seldom
    def command(given: int) -> tuple[int, int]:
        return given, gc.get_threshold()[0]

    assert command(3) == (3, SELDOM)
    assert gc.get_threshold() == before


def test_the_threshold_is_as_it_was_after_an_error_too() -> None:
    before = gc.get_threshold()

    @collecting_seldom
    def command() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        command()
    assert gc.get_threshold() == before
