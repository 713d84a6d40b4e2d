"""`wsgi.file_wrapper`: a file as a response body, sent by its path where the server can do that."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import Any


class FileWrapper:
    """Something with `read`, iterated in blocks. Returned by an application as it is, a plain file goes by its path."""

    def __init__(self, file: Any, block_size: int = 64 * 1024) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        while block := self.file.read(self.block_size):
            yield block

    def close(self) -> None:
        """Close the file, if it can be closed."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

    def as_path(self) -> tuple[str, int] | None:
        """Path and size of what would be read; None unless that is the whole of a file which still has its name."""
        # What tempfile and Django wrap around a file.
        file = getattr(self.file, "file", self.file)
        raw = file.raw if type(file) in {io.BufferedReader, io.BufferedRandom} else file
        if type(raw) is not io.FileIO or not isinstance(raw.name, str):
            # A GzipFile, say, has a descriptor and a name too, and reads as something else.
            return None
        try:
            opened, named = os.fstat(raw.fileno()), os.stat(raw.name)
            whole = stat.S_ISREG(opened.st_mode) and os.path.samestat(opened, named) and file.tell() == 0
        except (OSError, ValueError):
            return None
        return (os.path.abspath(raw.name), opened.st_size) if whole else None
