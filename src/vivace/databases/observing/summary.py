"""What a statement may be called where its values must not show: its summary, and its text without literals."""

from __future__ import annotations

import re

# Of what stands in quotes only names are kept: '…' and $tag$…$tag$ are values, and a comment may hold anything. In
# MySQL "…" is a value, too, and a backslash escapes a quote; elsewhere it does so in E'…' only.
_ESCAPED = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_STANDARD = (
    rf"\b[eE]{_ESCAPED}|[bBxXnN]?'(?:[^']|'')*(?:'|\Z)|(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)"
)
_MYSQL = rf"[bBxXnN]?{_ESCAPED}|\"(?:[^\"\\]|\\.|\"\")*(?:\"|\Z)"


def _literals(strings: str) -> re.Pattern[str]:
    return re.compile(
        r"--[^\n]*|/\*.*?(?:\*/|\Z)"
        rf"|(?P<string>{strings})"
        r"|(?P<name>\"[^\"]*\"|`[^`]*`)"
        r"|(?P<placeholder>\$\d+|%s|\?)"
        r"|(?P<number>(?<![\w.$\"`])\d[\w.]*)",
        re.DOTALL,
    )


_LITERALS = {False: _literals(_STANDARD), True: _literals(_MYSQL)}
_VERB = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[A-Za-z]+")
_TARGET = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:ONLY\s+)?([\w.\"`\[\]]+)", re.IGNORECASE)
_QUOTES = str.maketrans("", "", '"`[]')

# The length that the semantic conventions set.
MAX_SUMMARY = 255


def without_literals(sql: str, *, mysql: bool = False) -> str:
    """`sql` with `?` for each value written into it and without its comments."""
    return _LITERALS[mysql].sub(_replaced, sql)


def _replaced(match: re.Match[str]) -> str:
    if match["name"] is not None:
        return match["name"]
    if match["placeholder"] is not None:
        return match["placeholder"]
    return "?" if match["string"] is not None or match["number"] is not None else " "


def summary(sql: str, *, mysql: bool = False) -> str:
    """`SELECT book author` of a join: the verb and the tables, in order; few different ones for many statements."""
    plain = without_literals(sql, mysql=mysql)
    verb = _VERB.search(plain) or _FIRST_WORD.search(plain)
    words = [verb[0].upper()] if verb is not None else []
    for target in _TARGET.findall(plain):
        name = target.translate(_QUOTES)
        if name and name not in words:
            words.append(name)
    short = ""
    for word in words:
        if len(short) + len(word) >= MAX_SUMMARY:
            break
        short += f" {word}" if short else word
    return short
