"""The page that shows a developer what went wrong; written by Jinja2 with autoescape, without any script."""

from __future__ import annotations

import base64
import hashlib
import linecache
import sys
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import jinja2

# Lines of source before and after the one that raised; frames of one traceback.
CONTEXT_LINES = 5
MAX_FRAMES = 60

_FOLDER = Path(__file__).parent
# Code that the developer did not write: Vivace, installed packages, Python.
_FOREIGN = tuple(
    f"{folder}/"
    for folder in (_FOLDER.parents[1], *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")))
)
_STYLE = (_FOLDER / "_debug_page.css").read_text(encoding="utf-8")
_PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
    (_FOLDER / "_debug_page.html").read_text(encoding="utf-8")
)

# The page needs its one style sheet, known by its hash, and nothing else.
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"


def render_traceback(exception: BaseException, limit: int = MAX_FRAMES) -> str:
    """The page for this exception and the ones that caused it, with at most `limit` frames of each."""
    chain = [_Raised.from_exception(each, limit) for each in _causes(exception)]
    return _PAGE.render(chain=chain, style=_STYLE, python=sys.version.split()[0])


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    filename: str
    number: int
    function: str
    lines: list[_Line]
    is_open: bool


@dataclass(frozen=True, slots=True)
class _Raised:
    """One exception of the chain, as the page shows it."""

    title: str
    frames: list[_Frame]

    @classmethod
    def from_exception(cls, exception: BaseException, limit: int) -> _Raised:
        try:
            text = str(exception)
        except Exception:  # noqa: BLE001 (a broken __str__ must not hide the error it belongs to)
            text = "<the exception's text could not be made>"
        title = f"{type(exception).__name__}: {text}" if text else type(exception).__name__
        return cls(title, _frames(exception.__traceback__, limit))


def _frames(trace: TracebackType | None, limit: int) -> list[_Frame]:
    frames = traceback.extract_tb(trace)[-limit:][::-1]
    # Open is where the developer's own code led to the error, however deep below it was raised.
    opened = next((frame for frame in frames if _is_own(frame.filename)), frames[0] if frames else None)
    return [
        _Frame(
            frame.filename,
            frame.lineno or 0,
            frame.name,
            _source_lines(frame.filename, frame.lineno or 0),
            is_open=frame is opened,
        )
        for frame in frames
    ]


def _is_own(filename: str) -> bool:
    return not filename.startswith(("<", *_FOREIGN))


def _source_lines(filename: str, number: int) -> list[_Line]:
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
