"""The page that shows a developer what went wrong; written by Jinja2 with autoescape, without any script of its own.

For an application in debug, and for the server while the application cannot even be imported.
"""

from __future__ import annotations

import base64
import hashlib
import linecache
import sys
import sysconfig
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import jinja2

# Lines of source before and after the one that raised; frames of one traceback.
CONTEXT_LINES = 5
MAX_FRAMES = 60

DEBUG_NOTE = "This page is shown because the application runs with debug on; visitors must never see it."

_FOLDER = Path(__file__).parent
# Code that the developer did not write: Vivace, installed packages, Python.
_FOREIGN = tuple(
    f"{folder}/"
    for folder in (_FOLDER.parents[1], *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")))
)
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_PAGE = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
).from_string((_FOLDER / "page.html").read_text(encoding="utf-8"))

# The page needs its one style sheet, known by its hash, and in development the server's own script, which loads the
# page again when the mistake is mended.
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; script-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def render_traceback(
    exception: BaseException,
    limit: int = MAX_FRAMES,
    *,
    heading: str = "500 Server Error",
    note: str = DEBUG_NOTE,
    hidden: Collection[str] = (),
) -> str:
    """The page for this exception and the ones that caused it, with at most `limit` frames of each.

    The developer's own frames come first, innermost on top; frames of files in `hidden` are left out.
    """
    chain = [_Raised.from_exception(each, limit, hidden) for each in _causes(exception)]
    return _PAGE.render(chain=chain, heading=heading, note=note, style=_STYLE, python=sys.version.split()[0])


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    filename: str
    number: int
    function: str | None
    lines: list[_Line]
    is_own: bool
    caret: str | None = None


@dataclass(frozen=True, slots=True)
class _Raised:
    """One exception of the chain, as the page shows it."""

    title: str
    text: str
    own: list[_Frame]
    foreign: list[_Frame]

    @classmethod
    def from_exception(cls, exception: BaseException, limit: int, hidden: Collection[str]) -> _Raised:
        title, _, text = _message(exception).partition("\n")
        frames = _frames(exception.__traceback__, limit, hidden)
        if isinstance(exception, SyntaxError) and exception.filename is not None:
            frames.insert(0, _syntax_frame(exception, exception.filename))
        return cls(
            title,
            text,
            own=[frame for frame in frames if frame.is_own],
            foreign=[frame for frame in frames if not frame.is_own],
        )


def _message(exception: BaseException) -> str:
    name = type(exception).__name__
    if isinstance(exception, SyntaxError):
        # Its text repeats the file and the line, which are shown below.
        return f"{name}: {exception.msg}"
    try:
        text = str(exception)
    except Exception:  # noqa: BLE001 (a broken __str__ must not hide the error it belongs to)
        text = "<the exception's text could not be made>"
    return f"{name}: {text}" if text else name


def _frames(trace: TracebackType | None, limit: int, hidden: Collection[str]) -> list[_Frame]:
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if frame.filename not in hidden and not frame.filename.startswith("<frozen importlib")
    ]
    return [
        _Frame(
            frame.filename,
            frame.lineno or 0,
            frame.name,
            _source_lines(frame.filename, frame.lineno or 0),
            is_own=_is_own(frame.filename),
        )
        for frame in frames[-limit:][::-1]
    ]


def _syntax_frame(error: SyntaxError, filename: str) -> _Frame:
    """Where the source makes no sense; its traceback ends at the import of the file."""
    number = error.lineno or 0
    lines = _source_lines(filename, number)
    first = max((error.offset or 1) - 1, 0)
    wide = (error.end_offset or 0) - 1 if error.end_lineno == error.lineno else 0
    source = next((line.text for line in lines if line.is_current), "")
    # Tabs stay tabs, so that the marks stand under what they mean.
    indent = "".join("\t" if character == "\t" else " " for character in source[:first].ljust(first))
    caret = indent + "^" * max(1, min(wide, len(source)) - first)
    return _Frame(filename, number, None, lines, is_own=True, caret=caret if error.offset else None)


def _is_own(filename: str) -> bool:
    return not filename.startswith(("<", *_FOREIGN))


def _source_lines(filename: str, number: int) -> list[_Line]:
    linecache.checkcache(filename)
    first = max(1, number - CONTEXT_LINES)
    lines = ((each, linecache.getline(filename, each)) for each in range(first, number + CONTEXT_LINES + 1))
    return [_Line(each, text.rstrip("\n"), each == number) for each, text in lines if text]


def _causes(exception: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = exception
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain
