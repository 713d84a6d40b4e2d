"""What follows from files that have changed: a new process, another look by the browsers, or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import PurePath

from vivace.server.supervisor.watcher import matches

# The settings of a site are read again, too.
CODE = ("*.py", "*.toml", ".env")
STYLES = {".css"}
# What browsers show. JSON and text are as often what an application writes: a page must not load itself for ever.
PAGES = (
    ".htm .html .j2 .jinja .jinja2 .mako .md .xhtml",
    ".cjs .js .jsx .mjs .svelte .ts .tsx .vue .wasm",
    ".avif .gif .ico .jpeg .jpg .png .svg .webp",
    ".otf .ttf .woff .woff2",
)
PAGE_SUFFIXES = {suffix for line in PAGES for suffix in line.split()}
# What editors leave beside a file while they work on it: locks of Emacs, its checkers' and JetBrains' copies.
OF_EDITORS = (".#*", "#*#", "flycheck_*", "flymake_*", "*_flymake.py", "*___jb_tmp___", "*___jb_old___")


class Effect(IntEnum):
    """What is to be done, the least first."""

    NOTHING = 0
    STYLES = 1
    PAGES = 2
    RESTART = 3


class Rules:
    """What which file means, with globs of the user's."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self.include = include
        self.exclude = [*OF_EDITORS, *exclude]

    def effect(self, paths: Iterable[str], loaded: frozenset[str] = frozenset()) -> tuple[Effect, list[str]]:
        """What all of these changes ask for, and the paths that do. `loaded`: files that are code, of any name."""
        found: dict[Effect, list[str]] = {}
        for path in paths:
            found.setdefault(self.effect_of(path, loaded), []).append(path)
        effect = max(found, default=Effect.NOTHING)
        return effect, found.get(effect, [])

    def effect_of(self, path: str, loaded: frozenset[str] = frozenset()) -> Effect:
        """What a change of this file asks for."""
        if any(matches(path, glob) for glob in self.exclude):
            return Effect.NOTHING
        if path in loaded or any(matches(path, glob) for glob in (*CODE, *self.include)):
            return Effect.RESTART
        suffix = PurePath(path).suffix.lower()
        if suffix in STYLES:
            return Effect.STYLES
        return Effect.PAGES if suffix in PAGE_SUFFIXES else Effect.NOTHING


def shown(paths: Sequence[str], folder: str) -> str:
    """For the log: `site/views.py`, `a.py and b.py`, `a.py, b.py and 498 others`."""
    names = [os.path.relpath(path, folder) if path.startswith(f"{folder}/") else path for path in paths]
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]}, {names[1]} and {len(names) - 2} other{'s' if len(names) > 3 else ''}"
