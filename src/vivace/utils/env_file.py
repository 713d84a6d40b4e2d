"""Reading `.env` files: `NAME=value` a line, as shells and other tools write them."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE_END = re.compile(r"\r\n|\r|\n")  # splitlines() would also end lines at what a value may hold
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)", re.DOTALL)
# A value in quotes may be followed by a comment, any other holds what is before one.
_QUOTED = re.compile(r"""\s*('[^']*'|"(?:\\.|[^"\\])*")\s+#.*""")
_COMMENT = re.compile(r"\s#")
_ESCAPE = re.compile(r"\\[nt\"\\]")
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\"": '"', r"\\": "\\"}


class Assignment(NamedTuple):
    """One line of the file; `name` is None when it is neither an assignment, a comment nor empty."""

    line: int
    name: str | None
    value: str


def parse_env(text: str) -> list[Assignment]:
    """The lines of a `.env` file that say something, in order.

    A value is `'as is'`, `"with \\n, \\t, \\" and \\\\ escaped"`, or plain text up to a ` #` comment. `export` before
    the name is passed over. Nothing is expanded.
    """
    assignments = []
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            assignments.append(Assignment(number, None, ""))
        else:
            assignments.append(Assignment(number, match[1], _unquote(match[2])))
    return assignments


def _unquote(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    value = text.strip() if quoted is None else quoted[1]
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPE.sub(lambda match: _ESCAPES[match[0]], value[1:-1])
    return _COMMENT.split(text, maxsplit=1)[0].strip()
