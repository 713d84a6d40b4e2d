"""From text and Python values to what an annotation asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from vivace.conf.convert import ConversionError, convert, describe, show
from vivace.conf.types import Rule, Secret, Url

HERE = Path("/srv/site")
Positive = Annotated[int, Rule(lambda number: number > 0, "a number above zero")]


@dataclass
class Mailer:
    host: str
    port: int = 25


class Point(msgspec.Struct):
    x: int


class Color:
    """A type that only code can make."""


RED = Color()


@pytest.mark.parametrize(
    ("text", "annotation", "expected"),
    [
        ("yes", bool, True),
        (" OFF ", bool, False),
        ("1", bool | None, True),
        ("7", int, 7),
        ("7", Positive | None, 7),
        ("0.5", float, 0.5),
        ("", str, ""),
        ("a", str | None, "a"),
        ("logs", Path, HERE / "logs"),
        ("/var/log", Path | None, Path("/var/log")),
        ("a, b,", list[str], ["a", "b"]),
        ("1,2", tuple[int, ...], (1, 2)),
        ("b,a,b", set[str], {"a", "b"}),
        ("[1, 2]", list[int], [1, 2]),
        ("x,/y", list[Path], [HERE / "x", Path("/y")]),
        ('{"a": 1}', dict[str, int], {"a": 1}),
        ('{"host": "mail"}', Mailer, Mailer("mail")),
        ('{"x": 3}', Point, Point(3)),
        ("FAST", Literal["fast", "slow"], "fast"),
        ("3", Annotated[int, msgspec.Meta(ge=1)], 3),
    ],
)
def test_text_is_converted(text: str, annotation: Any, expected: object) -> None:
    assert convert(text, annotation, base_dir=HERE, is_text=True) == expected


@pytest.mark.parametrize(
    ("text", "annotation", "said"),
    [
        ("maybe", bool, "expected true or false"),
        ("7.5", int, "expected a whole number"),
        ("x", float, "expected a number"),
        ("0", Positive, "expected a number above zero"),
        ("1,x", list[int], r"expected a list of a whole number \(at `\$\[1\]`\)"),
        ("[1", list[int], "this is not JSON"),
        ("a=1", dict[str, int], "a mapping .JSON in the environment., and this is not JSON"),
        ('{"port": 1}', Mailer, "expected Mailer"),
        ("turbo", Literal["fast", "slow"], "expected one of fast, slow"),
        ("red", Color, "expected Color"),
        ("f", Callable[[], int], "expected Callable"),
        ("0", Annotated[int, msgspec.Meta(ge=1)], "expected a whole number"),
    ],
)
def test_text_that_does_not_fit_says_what_does(text: str, annotation: Any, said: str) -> None:
    with pytest.raises(ConversionError, match=said):
        convert(text, annotation, base_dir=HERE, is_text=True)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (None, str | None, None),
        (Path("x"), Path, HERE / "x"),
        (RED, Color, RED),
        (len, Callable[[str], int], len),
        ([], list, []),
        ({"a": [1]}, dict[str, Any], {"a": [1]}),
    ],
)
def test_values_of_code_are_checked_and_kept(value: object, annotation: Any, expected: object) -> None:
    assert convert(value, annotation, base_dir=HERE, is_text=False) == expected


@pytest.mark.parametrize(("value", "annotation"), [("7", int), (1, bool), (7, str), (7, Path), ("red", Color)])
def test_values_of_code_are_not_guessed_at(value: object, annotation: Any) -> None:
    with pytest.raises(ConversionError):
        convert(value, annotation, base_dir=HERE, is_text=False)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str | None, "text or nothing"),
        (list, "list"),
        (tuple[int, ...], "a list of a whole number"),
        (Secret, "text"),
        (Mailer, "Mailer"),
    ],
)
def test_an_annotation_in_words(annotation: Any, words: str) -> None:
    assert describe(annotation) == words


def test_what_is_secret_is_not_shown() -> None:
    assert show("hush", Secret) == "'********'"
    assert show("", Secret) == "''"
    assert show("postgresql://ann:hush@db/x", Url | None) == "'postgresql://ann:********@db/x'"
    assert show("sqlite:///x.db", Url) == "'sqlite:///x.db'"
    assert show("plain", str) == "'plain'"
