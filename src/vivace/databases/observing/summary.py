"""What a statement may be called where its values must not show: its summary, and its text without literals."""

from __future__ import annotations

import re

# Of what stands in quotes only names are kept: "…" and […] are names (strings in MySQL, which this errs on), '…' and
# $tag$…$tag$ are values. A comment may hold anything.
_LITERAL = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|(?P<string>[eEbBxXnN]?'(?:[^'\\]|\\.|'')*(?:'|\Z)|(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))"
    r"|(?P<name>\"[^\"]*\"|`[^`]*`)"
    r"|(?P<placeholder>\$\d+|%s|\?)"
    r"|(?P<number>(?<![\w.$\"`])\d[\w.]*)",
    re.DOTALL,
)
_VERB = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[A-Za-z]+")
_TARGET = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:ONLY\s+)?([\w.\"`\[\]]+)", re.IGNORECASE)
_QUOTES = str.maketrans("", "", '"`[]')

# The length that the semantic conventions set.
MAX_SUMMARY = 255


def without_literals(sql: str, *, strings_in_double_quotes: bool = False) -> str:
    """`sql` with `?` for each value written into it and without its comments."""

    def replaced(match: re.Match[str]) -> str:
        if match["name"] is not None:
            return "?" if strings_in_double_quotes and match["name"][0] == '"' else match["name"]
        if match["placeholder"] is not None:
            return match["placeholder"]
        return "?" if match["string"] is not None or match["number"] is not None else " "

    return _LITERAL.sub(replaced, sql)


def summary(sql: str) -> str:
    """`SELECT book author` of a join: the verb and the tables, in order; few different ones for many statements."""
    plain = without_literals(sql)
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
