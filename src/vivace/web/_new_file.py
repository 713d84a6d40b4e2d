"""A file of the user's own, written by worker threads from what arrives: whole, or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread

# One visit to a worker thread costs some 50 microseconds of the loop's time, as much as copying this many bytes.
BATCH_SIZE = 512 * 1024


class FileWriter:
    """A file being written: `write()` gathers, and a worker thread writes."""

    def __init__(self, file: BinaryIO) -> None:
        self.size = 0
        self._file = file
        self._waiting: list[bytes] = []
        self._waiting_size = 0

    async def write(self, data: bytes) -> None:
        """Takes more of the content; waits for the disk once there is enough for a batch."""
        self.size += len(data)
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size >= BATCH_SIZE:
            await self.flush()

    async def flush(self) -> None:
        """Hands everything to the operating system."""
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        await anyio.to_thread.run_sync(self._write, waiting)

    def _write(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self._file.write(piece)
        self._file.flush()


@asynccontextmanager
async def new_file(path: str | os.PathLike[str], *, overwrite: bool) -> AsyncIterator[FileWriter]:
    """A file at `path`, complete at the end of the block and gone if the block raises or is cancelled.

    FileExistsError when there is one, unless `overwrite`; then the old one stays until the new one is complete.
    """
    target = Path(path)
    written = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}") if overwrite else target
    file = await anyio.to_thread.run_sync(_open_new, written)
    try:
        writer = FileWriter(file)
        yield writer
        await writer.flush()
        await anyio.to_thread.run_sync(_complete, file, written, target)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_discard, file, written)
        raise


def _open_new(path: Path) -> BinaryIO:
    return path.open("xb")


def _complete(file: BinaryIO, written: Path, target: Path) -> None:
    file.close()
    if written != target:
        written.replace(target)


def _discard(file: BinaryIO, written: Path) -> None:
    with suppress(OSError):
        file.close()
    written.unlink(missing_ok=True)
