"""From a pattern back to a path: what a URL looks like into which the parameters are written."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from re import _constants as constants  # type: ignore[attr-defined]  # the one parser there is of Python's expressions
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

# What an unnamed parameter is called, with its number behind: no name that one could have.
UNNAMED = "#"
# A part of a template: text, or the name of a parameter.
Part = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Template:
    """Text with places for parameters, in order."""

    parts: tuple[Part, ...]

    @classmethod
    def of_route(cls, text: str, parameter: re.Pattern[str]) -> Template:
        """That of a path with parameters that `parameter` finds, with a group "name"."""
        parts: list[Part] = []
        end = 0
        for found in parameter.finditer(text):
            parts += [(False, text[end : found.start()]), (True, found["name"])]
            end = found.end()
        return cls((*parts, (False, text[end:])))

    @property
    def names(self) -> list[str]:
        """The parameters."""
        return [text for is_parameter, text in self.parts if is_parameter]

    @classmethod
    def joined(cls, templates: Iterable[Template]) -> Template:
        """The templates one after another, their unnamed parameters numbered throughout."""
        parts: list[Part] = []
        numbers = itertools.count()
        for template in templates:
            for is_parameter, text in template.parts:
                unnamed = is_parameter and text.startswith(UNNAMED)
                parts.append((is_parameter, f"{UNNAMED}{next(numbers)}" if unnamed else text))
        return cls(tuple(parts))

    def write(self, values: Mapping[str, str]) -> str:
        """The text with these values in their places."""
        return "".join(values[text] if is_parameter else text for is_parameter, text in self.parts)


def templates_of(expression: str) -> list[Template]:
    """The ways to write what a regular expression matches, the shortest first; none when it cannot be said.

    What may be there or not is left out, unless it has a parameter: then both ways are offered. Of alternatives the
    first is written; of a set of characters, the first; of what may repeat, as little as may be.
    """
    parsed = parser.parse(expression)
    names = {number: name for name, number in parsed.state.groupdict.items()}
    try:
        found = [Template(tuple(parts)) for parts in _ways(parsed, names, [0])]
    except _CannotBeWrittenError:
        return []
    return sorted(found, key=lambda template: len(template.names))


class _CannotBeWrittenError(Exception):
    pass


# An optional part with a parameter doubles the ways; nobody writes many of them.
_MOST_WAYS = 64


def _ways(tokens: Sequence[Any], names: Mapping[int, str], unnamed: list[int]) -> list[list[Part]]:
    ways: list[list[Part]] = [[]]
    for operation, argument in tokens:
        more = list(_ways_of_one(operation, argument, names, unnamed))
        ways = [way + one for way in ways for one in more]
        if len(ways) > _MOST_WAYS:
            raise _CannotBeWrittenError
    return ways


def _ways_of_one(operation: Any, argument: Any, names: Mapping[int, str], unnamed: list[int]) -> Iterator[list[Part]]:
    if operation is constants.LITERAL:
        yield [(False, chr(argument))]
    elif operation in (constants.AT, constants.ASSERT, constants.ASSERT_NOT):
        yield []
    elif operation is constants.ANY:
        yield [(False, ".")]
    elif operation is constants.IN:
        yield [(False, _first_of_set(argument))]
    elif operation is constants.SUBPATTERN:
        yield from _ways_of_group(argument, names, unnamed)
    elif operation in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
        least, _, repeated = argument
        once = _ways(repeated, names, unnamed)
        if least == 0:
            yield []
            yield from (way for way in once if any(is_parameter for is_parameter, _ in way))
        else:
            yield from (way * least for way in once)
    elif operation is constants.BRANCH:
        yield from _ways(argument[1][0], names, unnamed)
    else:  # a reference back to a group, or what is only text after all (NOT_LITERAL)
        raise _CannotBeWrittenError


def _ways_of_group(argument: Any, names: Mapping[int, str], unnamed: list[int]) -> Iterator[list[Part]]:
    number, _, _, inside = argument
    if number is None:  # (?:…)
        yield from _ways(inside, names, unnamed)
    elif number in names:
        yield [(True, names[number])]
    elif names:
        # Beside named groups an unnamed one is no parameter.
        yield from _ways(inside, names, unnamed)
    else:
        unnamed[0] += 1
        yield [(True, f"{UNNAMED}{unnamed[0] - 1}")]


_CLASSES = {
    constants.CATEGORY_DIGIT: "0",
    constants.CATEGORY_WORD: "x",
    constants.CATEGORY_SPACE: " ",
    constants.CATEGORY_NOT_DIGIT: "x",
    constants.CATEGORY_NOT_WORD: "!",
    constants.CATEGORY_NOT_SPACE: "x",
}


def _first_of_set(members: Sequence[Any]) -> str:
    operation, argument = members[0]
    if operation is constants.LITERAL:
        return chr(argument)
    if operation is constants.RANGE:
        return chr(argument[0])
    if operation is constants.CATEGORY:
        return _CLASSES[argument]
    raise _CannotBeWrittenError  # [^…]
