"""Paths as a person at this terminal would write them."""

from __future__ import annotations

from pathlib import Path


def short(path: Path) -> Path:
    """`path` from here on, if it is in the folder that the command was called in."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
