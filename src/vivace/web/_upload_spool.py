"""The files of a form while it is parsed: in memory, or written in batches beyond the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import cast

import anyio
import anyio.to_thread

from vivace.web._new_file import BATCH_SIZE
from vivace.web.datastructures import UploadFile


class UploadSpool:
    """The files of one form: small ones stay in memory, all others are written by worker threads.

    `spool_max_size` is what one file may hold in memory. What all hold together is `memory`; `make_room()` moves the
    largest ones to disk.
    """

    def __init__(self, spool_max_size: float) -> None:
        self.files: list[UploadFile] = []
        self.memory = 0
        self._spool_max_size = spool_max_size
        self._in_memory: set[UploadFile] = set()
        self._waiting: dict[UploadFile, list[bytes]] = {}
        self._waiting_size = 0

    def begin(self, file: UploadFile) -> None:
        """From here on `add()` is for this file, which the spool closes if the form fails."""
        self.files.append(file)
        self._in_memory.add(file)

    def add(self, data: bytes) -> None:
        """More of the file that was begun last. Raises what writing to memory may raise."""
        file = self.files[-1]
        file.size = (file.size or 0) + len(data)
        if file in self._in_memory:
            if file.size <= self._spool_max_size:
                file.file.write(data)
                self.memory += len(data)
                return
            self._move_to_disk(file, file.size - len(data))
        self._waiting[file].append(data)
        self._waiting_size += len(data)

    def make_room(self, size: int) -> None:
        """Moves files to disk, the largest first (each takes a descriptor), until this much is no longer in memory."""
        while size > 0 and self.memory:
            largest = max(self._in_memory, key=_size)
            size -= _size(largest)
            self._move_to_disk(largest, _size(largest))

    def _move_to_disk(self, file: UploadFile, size: int) -> None:
        self._in_memory.remove(file)
        self.memory -= size
        self._waiting[file] = []
        # What is on its way is in memory still; it goes with the next batch.
        self._waiting_size += size

    async def flush(self) -> None:
        """Writes what waits, if it is worth a visit to a thread."""
        if self._waiting_size >= BATCH_SIZE:
            await self._write()

    async def finish(self) -> None:
        """Writes everything and sets every file to its start."""
        for file in self._in_memory:
            file.file.seek(0)
        on_disk = [file for file in self.files if file not in self._in_memory]
        if on_disk:
            await self._write(rewind=on_disk)

    async def _write(self, rewind: Sequence[UploadFile] = ()) -> None:
        waiting, current = self._waiting, self.files[-1]
        self._waiting = {} if current in self._in_memory else {current: []}
        self._waiting_size = 0
        await anyio.to_thread.run_sync(_write_files, waiting, rewind)

    async def close(self) -> None:
        """Closes every file, also when the caller is being cancelled, and whatever one of them raises."""
        with anyio.CancelScope(shield=True):
            for file in self.files:
                with suppress(OSError):  # a full disk refuses what a buffer still holds
                    await file.close()


def _size(file: UploadFile) -> int:
    return file.size or 0


def _write_files(waiting: dict[UploadFile, list[bytes]], rewind: Sequence[UploadFile]) -> None:
    for upload, pieces in waiting.items():
        cast("SpooledTemporaryFile[bytes]", upload.file).rollover()
        for piece in pieces:
            upload.file.write(piece)
    for upload in rewind:
        upload.file.seek(0)
