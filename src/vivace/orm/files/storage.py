"""`Storage`: where files are kept, and which names they get there."""

from __future__ import annotations

import datetime as dt
import posixpath
import secrets
import string
from pathlib import PurePosixPath
from typing import Any

from vivace.orm.exceptions import ORMError, SuspiciousFileOperation
from vivace.orm.files.content import File
from vivace.utils.filenames import safe_filename

_LETTERS = string.ascii_letters + string.digits


class Storage:
    """Base of storages. A subclass says how to write, open, delete and find; the names are `Storage`'s work.

    Names are paths with `/` in them, relative to the storage, whatever the system. See
    https://docs.djangoproject.com/en/5.2/ref/files/storage/, whose methods that wait are awaited here.
    """

    # What a subclass says

    async def _save(self, name: str, content: Any) -> str:
        """Stores `content` under a name nobody has, which is returned: another one, if it was taken meanwhile."""
        raise NotImplementedError

    async def open(self, name: str) -> File:
        """The file, for reading. Raises FileNotFoundError."""
        raise NotImplementedError

    async def delete(self, name: str) -> None:
        """Deletes the file; one that is not there is no error."""
        raise NotImplementedError

    async def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        raise NotImplementedError

    async def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The names of the folders and of the files in a folder."""
        raise NotImplementedError

    async def size(self, name: str) -> int:
        """How many bytes the file has."""
        raise NotImplementedError

    def url(self, name: str) -> str:
        """Where a browser gets the file."""
        raise NotImplementedError(f"{type(self).__name__} does not serve files: it has no URLs")

    def path(self, name: str) -> str:
        """The file's path on this machine, if it is on one."""
        raise NotImplementedError(f"{type(self).__name__} does not keep files at a path of this machine")

    async def get_modified_time(self, name: str) -> dt.datetime:
        """When the file was last written."""
        raise NotImplementedError

    # Names

    async def save(self, name: str, content: Any, max_length: int | None = None) -> str:
        """Stores `content` and returns the name it got, which is `name` or one like it that was free.

        Raises SuspiciousFileOperation for a name that leads out of the storage or is too long.
        """
        found = await self.get_available_name(validated(name, allow_folders=True), max_length)
        return validated(await self._save(found, content), allow_folders=True)

    def get_valid_name(self, name: str) -> str:
        """One component of a path, made of what a stranger called a file."""
        return safe_filename(name)

    def generate_filename(self, filename: str) -> str:
        """A path whose last component is made valid."""
        folder, name = posixpath.split(filename.replace("\\", "/"))
        return validated(posixpath.normpath(posixpath.join(folder, self.get_valid_name(name))), allow_folders=True)

    def get_alternative_name(self, stem: str, extension: str) -> str:
        """Another name for one that is taken."""
        return f"{stem}_{''.join(secrets.choice(_LETTERS) for _ in range(7))}{extension}"

    async def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """`name`, or one like it that is free and at most `max_length` characters long."""
        folder, basename = posixpath.split(name)
        extension = "".join(PurePosixPath(basename).suffixes)
        stem = basename.removesuffix(extension)
        while (max_length is not None and len(name) > max_length) or await self.exists(name):
            name = posixpath.join(folder, self.get_alternative_name(stem, extension))
            if max_length is None or len(name) <= max_length:
                continue
            stem = stem[: len(stem) - (len(name) - max_length)] if len(stem) > len(name) - max_length else ""
            if not stem:
                raise SuspiciousFileOperation(
                    f'There is no free name like "{name}" of at most {max_length} characters: give the field a '
                    "greater max_length"
                )
            name = posixpath.join(folder, self.get_alternative_name(stem, extension))
        return name


def validated(name: str, *, allow_folders: bool = False) -> str:
    """The name, if it is one below the storage. Raises SuspiciousFileOperation for "", "..", absolute paths, NUL."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.name in ("", ".", "..") or "\x00" in name:
        raise SuspiciousFileOperation(f"{name!r} is no name of a file")
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise SuspiciousFileOperation(f"{name!r} leads out of the storage")
    if not allow_folders and len(path.parts) > 1:
        raise SuspiciousFileOperation(f"{name!r} has folders in it: it must be the name of a file")
    return name


_default: Storage | None = None


def set_default_storage(storage: Storage | None) -> Storage | None:
    """Makes `storage` the one of fields that name none; returns the one before."""
    global _default
    before, _default = _default, storage
    return before


def get_default_storage() -> Storage:
    """The storage of fields that name none. Raises ORMError when nobody has said which."""
    if _default is None:
        raise ORMError(
            "No storage for files: call vivace.orm.files.set_default_storage(FileSystemStorage(folder)) when the "
            "program starts, or give the field one: FileField(storage=…)"
        )
    return _default
