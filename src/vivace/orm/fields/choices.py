"""Choices of a field: lists, groups, mappings, callables, and the enumerations `TextChoices` and `IntegerChoices`."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

Choice = tuple[Any, Any]

if TYPE_CHECKING:
    _EnumMeta = enum.EnumMeta
else:
    _EnumMeta = enum.EnumType


class ChoicesType(_EnumMeta):
    """Gives enumerations of choices their `choices`, `labels` and `values`; `"x" in Kind` asks by value."""

    @property
    def choices(cls) -> list[tuple[Any, str]]:  # noqa: N805 - a metaclass's self is the class
        """`(value, label)` pairs; an `__empty__` label comes first, for None."""
        empty = [(None, str(cls.__empty__))] if hasattr(cls, "__empty__") else []
        members: list[Any] = list(cls)
        return empty + [(member.value, member.label) for member in members]

    @property
    def labels(cls) -> list[str]:  # noqa: N805 - a metaclass's self is the class
        """The labels in order."""
        return [label for _, label in cls.choices]

    @property
    def values(cls) -> list[Any]:  # noqa: N805 - a metaclass's self is the class
        """The values in order."""
        return [value for value, _ in cls.choices]


class Choices(enum.Enum, metaclass=ChoicesType):
    """Base of `TextChoices` and `IntegerChoices`: `DRAFT = "d", "Draft"`; without a label, the name gives one."""

    _label: str

    @property
    def label(self) -> str:
        """The words for people."""
        return self._label

    def __str__(self) -> str:
        return str(self.value)


def _label_for(name: str) -> str:
    return name.replace("_", " ").title()


class IntegerChoices(int, Choices):
    """Choices stored as integers."""

    def __new__(cls, value: int, label: str | None = None) -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member._label = label  # type: ignore[assignment]  # filled in below, when the name is known
        return member

    def __init__(self, *_: Any) -> None:
        if self._label is None:
            self._label = _label_for(self._name_)  # type: ignore[unreachable]


class TextChoices(str, Choices):
    """Choices stored as texts."""

    def __new__(cls, value: str, label: str | None = None) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member._label = label  # type: ignore[assignment]  # filled in below, when the name is known
        return member

    def __init__(self, *_: Any) -> None:
        if self._label is None:
            self._label = _label_for(self._name_)  # type: ignore[unreachable]

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:
        return name


def normalize(choices: Any) -> list[Choice]:
    """Choices in any of Django's forms as a list of pairs; a group is `(name, [pairs])`."""
    if callable(choices) and not isinstance(choices, ChoicesType):
        source: Callable[[], Any] = choices
        return normalize(source())
    if isinstance(choices, ChoicesType):
        return list(choices.choices)
    if isinstance(choices, Mapping):
        return [(key, normalize(value) if _is_group(value) else value) for key, value in choices.items()]
    pairs: Iterable[Any] = choices
    return [(value, normalize(label) if _is_group(label) else label) for value, label in pairs]


def _is_group(label: Any) -> bool:
    return isinstance(label, Mapping | list | tuple)


def flatten(choices: Iterable[Choice]) -> list[tuple[Any, str]]:
    """Groups dissolved."""
    flat: list[tuple[Any, str]] = []
    for value, label in choices:
        if isinstance(label, list):
            flat.extend(flatten(label))
        else:
            flat.append((value, str(label)))
    return flat
