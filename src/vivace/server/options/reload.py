"""Starting again when the code changes, for development."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Watch files: code that changes restarts the application, pages and styles reload the browser.

    A glob means files by their names (`*.yaml`), or all in a folder (`media`).
    """

    reload: bool = False
    reload_dirs: tuple[str, ...] = ()  # what is watched; empty: the application's folder
    reload_include: tuple[str, ...] = ()  # globs of what restarts the application, besides *.py
    reload_exclude: tuple[str, ...] = ()  # globs of what does nothing
    live_reload: bool = True  # browsers load the page again by themselves

    def __post_init__(self) -> None:
        for name in ("reload_dirs", "reload_include", "reload_exclude"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"{name} takes a list, got {getattr(self, name)!r}")
        for folder in self.reload_dirs if self.reload else ():
            if not os.path.isdir(folder):
                raise ValueError(f"reload_dirs: there is no folder {os.path.abspath(folder)}")
