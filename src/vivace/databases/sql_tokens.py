"""Where SQL hides colons and words that are none: strings, quoted identifiers, comments, casts, dollar quotes, slices.

`scan()` is the only place that knows. It follows the lexer of each database (PostgreSQL's scan.l, SQLite's tokenize.c,
MySQL's sql_lex.cc), and takes time in proportion to the text, whatever stands in it: no pattern here gives back what it
has taken, and each takes at least as much as it has looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

Dialect = Literal["sqlite", "postgresql", "mysql"]

# In all of them an identifier may hold any character beyond ASCII, letter or not.
_WORD = r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*+"
# Numbers with what follows them directly (`1e5`, `0x1F`, MySQL's identifier `2fa`), and lists of such at one go.
_NUMBERS = r"\d\w*+(?:[\s,()]++\d\w*+)*"
# The lookbehind: `arr[a:b]` and `12:30` hold no parameter, `::` is a cast. `:a::int` is a parameter and its cast.
_PARAMETER = r"(?<![:\w$\\\x80-\U0010ffff]):(?P<name>[^\W\d]\w*+)"
_ESCAPED_COLON = r"\\:"

# Unterminated ones go on to the end: the database will say what is wrong.
_STRING = r"'[^']*+(?:''[^']*+)*(?:'|\Z)"
_IDENTIFIER = r'"[^"]*+(?:""[^"]*+)*(?:"|\Z)'
_BACKTICKS = r"`[^`]*+(?:``[^`]*+)*(?:`|\Z)"
_BLOCK_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*(?:\*/|\Z)"

# E'…' knows backslashes, also in its continuation behind a line break. U&'…', B'…' and X'…' read like plain strings.
_ESCAPED_BODY = r"'[^'\\]*+(?:(?:\\(?:.|\Z)|'')[^'\\]*+)*(?:'|\Z)"
_ESCAPED_STRING = rf"[eE]{_ESCAPED_BODY}(?:[ \t\f\v]*+[\r\n]\s*+{_ESCAPED_BODY})*"
_TAG = r"(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+)?)"
_DOLLAR_QUOTE = rf"\${_TAG}\$[^$]*+(?:\$(?!(?P=tag)\$)[^$]*+)*(?:\$(?P=tag)\$|\Z)"

# A backslash escapes in both kinds of string (our sessions are never in the mode NO_BACKSLASH_ESCAPES).
_DOUBLE_QUOTED = r'"[^"\\]*+(?:(?:\\(?:.|\Z)|"")[^"\\]*+)*(?:"|\Z)'
MYSQL_QUOTED = rf"{_ESCAPED_BODY}|{_DOUBLE_QUOTED}|{_BACKTICKS}"
# `--1` is arithmetic: two dashes begin a comment only before white space. What stands in `/*! … */` is executed.
MYSQL_COMMENT = rf"--(?=[\s\x00-\x1f]|\Z)[^\n]*+|\#[^\n]*+|(?!/\*M?!){_BLOCK_COMMENT}"
MYSQL_EXECUTED = r"/\*M?!\d*"


# Strings stand before words in the patterns, as their prefix could be read as a word.
_SKIPPED: dict[str, str] = {
    "sqlite": rf"{_STRING}|{_IDENTIFIER}|{_BACKTICKS}|\[[^\]]*+(?:\]|\Z)|--[^\n]*+|{_BLOCK_COMMENT}",
    # Block comments nest; the scan finds their start, `_end_of_comment` their end. A lone \r ends a line, too.
    "postgresql": rf"{_ESCAPED_STRING}|{_STRING}|{_IDENTIFIER}|{_DOLLAR_QUOTE}|--[^\n\r]*+|(?P<comment>/\*)",
    "mysql": rf"{MYSQL_QUOTED}|{MYSQL_EXECUTED}|{MYSQL_COMMENT}",
}


@cache
def _scanner(dialect: Dialect) -> re.Pattern[str]:
    tokens = rf"(?:{_SKIPPED[dialect]}|{_NUMBERS})|(?P<word>{_WORD})|(?P<escaped>{_ESCAPED_COLON})|{_PARAMETER}"
    return re.compile(tokens, re.DOTALL)


@cache
def _nesting_scanner(dialect: Dialect) -> re.Pattern[str]:
    return re.compile(rf"(?:{_SKIPPED[dialect]}|\d\w*+)|(?P<word>{_WORD})|(?P<parenthesis>[()])", re.DOTALL)


def scan(sql: str, dialect: Dialect) -> Iterator[re.Match[str]]:
    """The parameters, words and escaped colons of `sql`, in order, as the groups "name", "word" and "escaped"."""
    return _scan(sql, _scanner(dialect))


def outer_words(sql: str, dialect: Dialect) -> list[str]:
    """The words, in capitals, that stand in no more parentheses than the first of them."""
    words: list[str] = []
    depth = 0
    outermost = 0
    for match in _scan(sql, _nesting_scanner(dialect)):
        if match.lastgroup == "parenthesis":
            depth += 1 if match["parenthesis"] == "(" else -1
        elif not words or depth <= outermost:
            outermost = depth if not words else outermost
            words.append(match["word"].upper())
    return words


def _scan(sql: str, scanner: re.Pattern[str]) -> Iterator[re.Match[str]]:
    position = 0
    while (match := scanner.search(sql, position)) is not None:
        position = match.end()
        kind = match.lastgroup
        if kind == "comment":
            position = _end_of_comment(sql, position)
        elif kind is not None and kind != "tag":
            yield match


_COMMENT_EDGE = re.compile(r"/\*|\*/")


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(sql, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
