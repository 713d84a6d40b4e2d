"""Files in this process's memory, for tests."""

from __future__ import annotations

import datetime as dt
import posixpath
from typing import Any
from urllib.parse import quote

from vivace.orm.files.content import ContentFile, File, chunks_of
from vivace.orm.files.storage import Storage


class InMemoryStorage(Storage):
    """Files that are gone when the process ends."""

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = base_url
        self._files: dict[str, tuple[bytes, dt.datetime]] = {}

    def url(self, name: str) -> str:
        return super().url(name) if self.base_url is None else self.base_url.rstrip("/") + "/" + quote(name)

    async def _save(self, name: str, content: Any) -> str:
        pieces = [piece async for piece in chunks_of(content)]
        if name in self._files:
            name = await self.get_available_name(name)
        self._files[name] = (b"".join(pieces), dt.datetime.now(dt.UTC))
        return name

    def _found(self, name: str) -> tuple[bytes, dt.datetime]:
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    async def open(self, name: str) -> File:
        return ContentFile(self._found(name)[0], name)

    async def delete(self, name: str) -> None:
        self._files.pop(name, None)

    async def exists(self, name: str) -> bool:
        return name in self._files

    async def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folder = posixpath.normpath(path) if path else "."
        folders, files = set(), []
        for name in sorted(self._files):
            relative = name if folder == "." else name.removeprefix(f"{folder}/")
            if folder != "." and relative == name:
                continue
            first, _, rest = relative.partition("/")
            if rest:
                folders.add(first)
            else:
                files.append(first)
        return sorted(folders), files

    async def size(self, name: str) -> int:
        return len(self._found(name)[0])

    async def get_modified_time(self, name: str) -> dt.datetime:
        return self._found(name)[1]
