"""Starting again when the code changes, for development."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Watch files: code that changes restarts the application, pages and styles reload the browser."""

    reload: bool = False
    reload_dirs: tuple[str, ...] = ()  # what is watched; empty: the application's folder
    reload_include: tuple[str, ...] = ()  # globs of what restarts the application, besides *.py
    reload_exclude: tuple[str, ...] = ()  # globs of what does nothing
    live_reload: bool = True  # browsers load the page again by themselves
