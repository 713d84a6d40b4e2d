"""Files in a folder of this machine."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from vivace.orm.exceptions import SuspiciousFileOperation
from vivace.orm.files.content import File, chunks_of
from vivace.orm.files.storage import Storage

T = TypeVar("T")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class FileSystemStorage(Storage):
    """Files below the folder `location`, served at `base_url` by whoever serves them.

    A file that could not be written whole is taken away again.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        base_url: str | None = None,
        file_permissions_mode: int = 0o644,
        directory_permissions_mode: int = 0o755,
        *,
        allow_overwrite: bool = False,
    ) -> None:
        self.location = Path(os.path.abspath(location))
        self.base_url = base_url if base_url is None or base_url.endswith("/") else base_url + "/"
        self.file_permissions_mode = file_permissions_mode
        self.directory_permissions_mode = directory_permissions_mode
        self.allow_overwrite = allow_overwrite

    def path(self, name: str) -> str:
        """The path of a file. Raises SuspiciousFileOperation for a name that leads out of the folder."""
        if "\x00" in name:
            raise SuspiciousFileOperation(f"{name!r} is no name of a file")
        path = os.path.abspath(self.location / name)
        if path != str(self.location) and not path.startswith(str(self.location).rstrip(os.sep) + os.sep):
            raise SuspiciousFileOperation(f"{name!r} leads out of {self.location}")
        return path

    def url(self, name: str) -> str:
        if self.base_url is None:
            return super().url(name)
        return self.base_url + quote(name.replace("\\", "/").lstrip("/"), safe="/~!*()'")

    async def _save(self, name: str, content: Any) -> str:
        while True:
            target = self.path(name)
            # What is there stays until its successor is whole.
            path = f"{target}.{secrets.token_hex(8)}.part" if self.allow_overwrite else target
            try:
                descriptor = await _to_the_end(self._create, path, undo=partial(_take_away, path))
                break
            except FileExistsError:
                # Somebody else took the name since it was looked for.
                name = await self.get_available_name(name)
        try:
            async for piece in chunks_of(content):
                await _to_the_end(_write, descriptor, piece)
        except BaseException:
            # At once, even when the task is cancelled.
            _take_away(path, descriptor)
            raise
        os.close(descriptor)
        if path != target:
            await _to_the_end(os.replace, path, target)
        return name.replace("\\", "/")

    def _create(self, path: str) -> int:
        os.makedirs(os.path.dirname(path), mode=self.directory_permissions_mode, exist_ok=True)
        return os.open(path, _NEW, self.file_permissions_mode)

    async def open(self, name: str) -> File:
        return File(await asyncio.to_thread(open, self.path(name), "rb"), name)

    async def delete(self, name: str) -> None:
        if not name:
            raise ValueError("delete() takes the name of a file, got an empty one")
        await asyncio.to_thread(Path(self.path(name)).unlink, missing_ok=True)

    async def exists(self, name: str) -> bool:
        return not self.allow_overwrite and await asyncio.to_thread(os.path.lexists, self.path(name))

    async def listdir(self, path: str) -> tuple[list[str], list[str]]:
        def listed() -> tuple[list[str], list[str]]:
            with os.scandir(self.path(path)) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
                folders = [entry.name for entry in found if entry.is_dir()]
                return folders, [entry.name for entry in found if not entry.is_dir()]

        return await asyncio.to_thread(listed)

    async def size(self, name: str) -> int:
        return await asyncio.to_thread(os.path.getsize, self.path(name))

    async def get_modified_time(self, name: str) -> dt.datetime:
        seconds = await asyncio.to_thread(os.path.getmtime, self.path(name))
        return dt.datetime.fromtimestamp(seconds, dt.UTC)


async def _to_the_end(function: Callable[..., T], *arguments: Any, undo: Callable[[T], object] | None = None) -> T:
    """Runs a function in a thread and waits for its end, even when the task is cancelled; then `undo` gets its result.

    A thread cannot be stopped, so the file must not be closed or taken away while it writes.
    """
    job = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        while not job.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([job])
        if undo is not None and job.exception() is None:
            undo(job.result())
        raise


def _write(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _take_away(path: str, descriptor: int) -> None:
    os.close(descriptor)
    Path(path).unlink(missing_ok=True)
