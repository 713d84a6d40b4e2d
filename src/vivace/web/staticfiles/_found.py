"""What is known of the files that are served.

A file that was asked for before is looked at with one `os.stat` in the event loop: two microseconds, as the kernel has
its name in memory, where a visit to a thread costs fifty. What was found out in a thread (that no link leads out of the
directory, what its headers are, what is in it if it is small) holds as long as that says it is the same, unchanged.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import stat

from vivace.utils.conditional import http_date
from vivace.utils.content_coding import preferred_codings
from vivace.utils.file_parts import file_etag, file_identity
from vivace.utils.media_types import is_compressed, media_type_of
from vivace.utils.open_beneath import open_beneath

RawHeaders = list[tuple[bytes, bytes]]

# Up to this size the content is kept: in one write with the head it costs less than any other way.
SMALL_FILE = 64 * 1024
# What all of it may take, per application; the file that was found first goes first.
MOST_CONTENT = 16 * 1024 * 1024
MOST_FILES = 4096
# Which file a path means, and which variants it has, is asked again after this many seconds: another may have appeared.
ASK_AGAIN = 1.0
# A file that was changed a moment ago may be changed again within the clock of the file system, which would not show.
SETTLED = 2.0


@dataclass(slots=True)
class FoundFile:
    """A file as it is now. `root` is the directory that it must be in, None where links may lead anywhere."""

    path: str
    status: os.stat_result
    identity: tuple[int, int, int, int, int]
    root: str | None
    media_type: str
    headers: RawHeaders
    etag: str
    content: bytes | None = None

    def open(self) -> int:
        """A descriptor for reading it. Raises OSError, also for a path that now leads elsewhere."""
        if self.root is None:
            return os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
        return open_beneath(self.root, os.path.relpath(self.path, self.root).replace(os.sep, "/"))

    def is_unchanged(self) -> bool:
        """Whether the path still leads to it. One system call."""
        try:
            return file_identity(stat(self.path)) == self.identity
        except OSError:
            return False


@dataclass(slots=True)
class Choice:
    """A file and its precompressed variants by coding, as they were at a time of the monotonic clock."""

    plain: FoundFile
    variants: dict[str, FoundFile]
    looked_at: float

    def for_client(self, accept_encoding: str | None) -> FoundFile:
        """The variant that a client likes best, or the file as it is."""
        if self.variants and accept_encoding:
            for coding in preferred_codings(accept_encoding, self.variants):
                return self.variants[coding]
        return self.plain


class FoundFiles:
    """The files that were found, by the path that was asked for."""

    def __init__(self) -> None:
        self._choices: dict[str, Choice] = {}
        self._content_size = 0

    def get(self, path: str, accept_encoding: str | None) -> tuple[Choice, FoundFile] | None:
        """What is known for this path, if it still holds."""
        choice = self._choices.get(path)
        if choice is None:
            return None
        found = choice.for_client(accept_encoding)
        if time.monotonic() - choice.looked_at > ASK_AGAIN or not found.is_unchanged():
            self._forget(path)
            return None
        return choice, found

    def keep(self, path: str, choice: Choice) -> None:
        """Remembers a choice, and the contents of its files as far as there is room."""
        self._forget(path)
        size = _size_of(choice)
        while self._choices and (self._content_size + size > MOST_CONTENT or len(self._choices) >= MOST_FILES):
            self._forget(next(iter(self._choices)))
        self._choices[path] = choice
        self._content_size += size

    def _forget(self, path: str) -> None:
        choice = self._choices.pop(path, None)
        if choice is not None:
            self._content_size -= _size_of(choice)


def _size_of(choice: Choice) -> int:
    return sum(len(found.content or b"") for found in (choice.plain, *choice.variants.values()))


def describe(
    path: str,
    status: os.stat_result,
    root: str | None,
    *,
    name: str,
    coding: str = "",
    has_variants: bool = False,
    cache_control: Callable[[str, str], str],
) -> FoundFile:
    """What is to know of a file, with its content if that is small. `name` is the one it is served under. Blocks."""
    media_type = media_type_of(name)
    # Another representation needs a tag of its own (RFC 9110 8.8.3.3).
    etag = file_etag(status, f"-{coding}" if coding else "")
    headers = {
        "content-type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        "accept-ranges": "bytes",
        "content-length": str(status.st_size),
        "last-modified": http_date(status.st_mtime),
        "etag": etag,
        "cache-control": cache_control(name, media_type),
    }
    if coding:
        headers["content-encoding"] = coding
    if has_variants:
        headers["vary"] = "Accept-Encoding"
    raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, "may not be read", path)
    found = FoundFile(path, status, file_identity(status), root, media_type, raw, etag)
    if status.st_size <= SMALL_FILE and time.time() - status.st_mtime > SETTLED:
        found.content = _content(found)
    return found


def _content(found: FoundFile) -> bytes | None:
    """The content, or None if it is no longer the file that was described."""
    try:
        descriptor = found.open()
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        content = file.read(found.status.st_size + 1)
        same = file_identity(os.fstat(descriptor)) == found.identity
    return content if same and len(content) == found.status.st_size else None


def may_be_compressed(name: str) -> bool:
    """Whether variants of a file are looked for: those of a picture would gain nothing."""
    return not is_compressed(media_type_of(name))
