from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.env_file import parse_env


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("  NAME =  spaced out  ", "spaced out"),
        ("export NAME=value", "value"),
        ("NAME=", ""),
        ("NAME=a=b", "a=b"),
        ("NAME=plain # comment", "plain"),
        ("NAME=pass#word", "pass#word"),
        ("NAME=#ff0000", "#ff0000"),
        ("NAME= # nothing but a comment", ""),
        ("NAME='as \\n is # all'", "as \\n is # all"),
        ("NAME='quoted' # comment", "quoted"),
        ('NAME="two\\nlines"', "two\nlines"),
        ('NAME="a \\"word\\" \\\\ \\t # all"', 'a "word" \\ \t # all'),
        ('NAME="quoted # still" # comment', "quoted # still"),
        ('NAME="left open', '"left open'),
        ("NAME='it's'", "it's"),
        ('NAME="', '"'),
        ("NAME=one\u2028line", "one\u2028line"),
    ],
)
def test_a_value_is_read_as_shells_write_it(line: str, value: str) -> None:
    assert parse_env(line) == [(1, "NAME", value)]


def test_comments_and_empty_lines_say_nothing_and_other_lines_are_told() -> None:
    text = "\n# comment\r\n  # another\rA=1\nnonsense\n1B=2\nC.D-E=3\n"
    assert parse_env(text) == [(4, "A", "1"), (5, None, ""), (6, None, ""), (7, "C.D-E", "3")]


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    for line, name, value in parse_env(text):
        assert line >= 1
        assert name is not None or value == ""


@given(st.from_regex(r"[A-Z_][A-Z0-9_]*", fullmatch=True), st.text(alphabet=st.characters(exclude_characters="'\r\n")))
def test_whatever_is_in_single_quotes_is_the_value(name: str, value: str) -> None:
    assert parse_env(f"{name}='{value}'") == [(1, name, value)]
