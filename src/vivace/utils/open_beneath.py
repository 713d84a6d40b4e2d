"""Opening a file in a folder so that nothing can lead out of it, not even what is exchanged meanwhile."""

from __future__ import annotations

import errno
import os
import stat

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_HAS_DESCRIPTORS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")


def open_beneath(folder: str, relative: str) -> int:
    """A descriptor for reading the regular file `relative` to `folder`, a path of names with `/` between them.

    Each name is opened in the folder before it and is not followed if it is a symbolic link, so that a path that was
    checked cannot be turned to elsewhere before it is opened. Raises OSError: ELOOP or ENOTDIR for a link, EINVAL for
    what is no regular file.
    """
    *folders, name = relative.split("/")
    if any(part in ("", ".", "..") for part in (*folders, name)):
        raise OSError(errno.EINVAL, "no path of plain names", relative)
    descriptor = _open_through(folder, folders, name) if _HAS_DESCRIPTORS else _open_and_compare(folder, relative)
    try:
        # A pipe would have waited for its writer without O_NONBLOCK.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", relative)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_through(folder: str, folders: list[str], name: str) -> int:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
            os.close(place)
            place = below
        return os.open(name, _READ | os.O_NOFOLLOW, dir_fd=place)
    finally:
        os.close(place)


def _open_and_compare(folder: str, relative: str) -> int:  # pragma: no cover - Windows
    path = os.path.join(folder, relative)
    descriptor = os.open(path, _READ)
    try:
        real = os.path.realpath(path)
        if real != os.path.abspath(path) or not os.path.samestat(os.stat(real), os.fstat(descriptor)):
            raise OSError(errno.ELOOP, "a symbolic link", relative)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
