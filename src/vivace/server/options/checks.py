"""Checks that several groups of options share: ValueError says what is wanted and what was given."""

from __future__ import annotations

FOREVER = float("inf")


def check_seconds(name: str, value: object, *, zero: bool = False) -> None:
    """Raise ValueError unless `value` is a number of seconds above zero, or with `zero` not below it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (value >= 0 if zero else value > 0):  # type: ignore[operator]  # it is a number
        lowest = ", zero or more" if zero else " above zero"
        raise ValueError(f"{name} must be a number of seconds{lowest}, got {value!r}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of a few words."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
