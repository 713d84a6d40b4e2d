"""Folders whose files the server sends itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from vivace.server.protocol.limits import check_number


class Mount(NamedTuple):
    """A folder, and the path that its files are under: "/static", or "" for the root."""

    prefix: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """Files that the server sends itself, in front of the application: `/static=./static`.

    A folder is made absolute here, where relative means the current one.
    """

    static: tuple[str, ...] = ()
    static_max_age: int = 60  # seconds that browsers keep a file without asking again; 0: they always ask
    static_fallback: str = ""  # the page for what is not there, such as index.html

    def __post_init__(self) -> None:
        # Whoever has one writes it without a list.
        written: str | tuple[str, ...] = self.static
        given = (written,) if isinstance(written, str) else written
        mounts = [read_mount(text) for text in given]
        for mount in mounts:
            if not os.path.isdir(mount.folder):
                raise ValueError(f"static: there is no folder {mount.folder}")
        prefixes = [mount.prefix for mount in mounts]
        for prefix in prefixes:
            if prefixes.count(prefix) > 1:
                raise ValueError(f'static: "{prefix or "/"}" is given twice; one path has one folder')
        object.__setattr__(self, "static", tuple(f"{prefix or '/'}={folder}" for prefix, folder in mounts))
        check_number("static_max_age", self.static_max_age, 0)
        if self.static_fallback:
            self._check_fallback()

    def _check_fallback(self) -> None:
        page = self.static_fallback
        if not self.static:
            raise ValueError("static_fallback is a page in a folder of static; give static as well")
        if page.startswith(("/", ".")) or page.endswith("/") or ".." in page:
            raise ValueError(f'static_fallback is the name of a page such as "index.html", got {page!r}')
        folders = [mount.folder for mount in self.mounts]
        if not any(os.path.isfile(os.path.join(folder, page)) for folder in folders):
            raise ValueError(f"static_fallback: there is no {page} in {' or '.join(folders)}")

    @property
    def mounts(self) -> list[Mount]:
        """Those of `static`, the longest path first, which is the one that counts."""
        return sorted((read_mount(text) for text in self.static), key=lambda mount: -len(mount.prefix))


def read_mount(text: str) -> Mount:
    """The mount that `PATH=FOLDER` means. ValueError says what is wrong with it."""
    path, equals, folder = text.partition("=")
    if not equals or not path.startswith("/") or not folder:
        raise ValueError(f'static is a path and a folder, such as "/static=./static", got {text!r}')
    prefix = path.rstrip("/")
    # No path of a request that has these is looked for in a folder.
    if any(segment in ("", ".", "..") for segment in prefix.split("/")[1:]) or "\\" in path:
        raise ValueError(f'static: the path of {text!r} can have no empty segment, no "." and no ".."')
    return Mount(prefix, os.path.abspath(folder))
