"""Finds the file that a request's path means in a folder, and nothing outside of it.

A file is looked at with one `os.stat` in the event loop: two microseconds, as the kernel has the names in memory, where
a hop to a thread costs fifty. What was found out about it (that no link leads out of the folder, that it may be read,
what its headers are) holds as long as that says it is the same file, unchanged.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from vivace.utils.conditional import http_date
from vivace.utils.content_coding import preferred_codings
from vivace.utils.file_parts import NOT_MODIFIED_HEADERS, file_etag, file_identity
from vivace.utils.media_types import is_compressed, media_type_of
from vivace.utils.static_names import ASK, CODINGS, FOREVER, HASHED

Headers = list[tuple[bytes, bytes]]
Identity = tuple[int, int, int, int, int]

INDEX = "index.html"
# Files that are remembered; more are found out about again.
MOST_REMEMBERED = 4096
NO_SUCH_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is now, with the headers of a response that sends all of it."""

    path: str
    identity: Identity
    size: int
    modified: float
    etag: str
    media_type: str
    headers: Headers
    validators: Headers  # those of a 304 (RFC 9110 15.4.5)


class StaticFolder:
    """The files of one folder. With `developing` they change all the time: nothing is kept, nothing precompressed."""

    def __init__(self, folder: str, *, max_age: int, developing: bool = False) -> None:
        self.folder = folder
        self.max_age = max_age
        self.developing = developing
        self._known: dict[tuple[str, str], StaticFile] = {}

    def find(self, path: str, accept_encoding: str = "") -> StaticFile | None:
        """What to send for a path below the folder: the file, or a compressed one beside it; `index.html` of a folder.

        With its slash in front, the path must not match `REFUSED` of `static_names`. Raises PermissionError for a
        file that is there and cannot be read.
        """
        if not path or path.endswith("/"):
            path += INDEX
        plain = self._look_at(path)
        if plain is None or not accept_encoding or self.developing or is_compressed(plain.media_type):
            return plain
        for coding in preferred_codings(accept_encoding, CODINGS):
            found = self._look_at(path, coding)
            if found is not None:
                return found
        return plain

    def is_folder_with_index(self, path: str) -> bool:
        """Whether the path, which has no slash at its end, is that of a folder with an `index.html`."""
        return self._look_at(f"{path}/{INDEX}" if path else INDEX) is not None

    def _look_at(self, path: str, coding: str = "") -> StaticFile | None:
        full = f"{self.folder}/{path}{CODINGS.get(coding, '')}"
        status = _status(full)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        identity = file_identity(status)
        known = self._known.get((path, coding))
        if known is not None and known.identity == identity:
            return known
        if not self._holds(full):
            return None
        if not os.access(full, os.R_OK):
            raise PermissionError(errno.EACCES, "may not be read", full)
        file = self._describe(full, path, coding, status, identity)
        if len(self._known) >= MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[path, coding] = file
        return file

    def _holds(self, full: str) -> bool:
        """Whether the file is in the folder, wherever symbolic links lead: that of the folder itself is followed."""
        inside = os.path.join(os.path.realpath(self.folder), "")
        return os.path.realpath(full).startswith(inside)

    def _describe(self, full: str, path: str, coding: str, status: os.stat_result, identity: Identity) -> StaticFile:
        media_type = media_type_of(path)
        # Another representation needs a tag of its own (RFC 9110 8.8.3.3).
        etag = file_etag(status, f"-{coding}" if coding else "")
        headers = {
            "content-type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
            "content-length": str(status.st_size),
            "etag": etag,
            "last-modified": http_date(status.st_mtime),
            "accept-ranges": "bytes",
            "cache-control": self._cache_control(path, media_type),
            # The type was chosen by name; nobody shall guess another by content.
            "x-content-type-options": "nosniff",
        }
        if coding:
            headers["content-encoding"] = coding
        if not is_compressed(media_type) and not self.developing:
            headers["vary"] = "accept-encoding"
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        validators = [(name, value) for name, value in raw if name.decode() in NOT_MODIFIED_HEADERS]
        return StaticFile(full, identity, status.st_size, status.st_mtime, etag, media_type, raw, validators)

    def _cache_control(self, path: str, media_type: str) -> str:
        # A page names the files that belong to it: an old page asks for files that the next release no longer has.
        if self.developing or media_type == "text/html":
            return ASK
        if HASHED.search(path.rpartition("/")[2]):
            return FOREVER
        return f"public, max-age={self.max_age}" if self.max_age else ASK


def _status(path: str) -> os.stat_result | None:
    """None: there is no such file, and maybe there can be none."""
    try:
        return os.stat(path)
    except ValueError:  # NUL, or text that the file system's encoding cannot say
        return None
    except OSError as error:
        if error.errno in NO_SUCH_FILE:
            return None
        raise
