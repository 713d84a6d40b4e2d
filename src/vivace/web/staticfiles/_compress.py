"""Compressing files once, as small as can be, when a site is built."""

from __future__ import annotations

from vivace.utils.compressors import CODINGS, available_codings

# Below this size the headers weigh more than what is saved.
SMALLEST = 512
# A variant that saves less than this part of the file is not worth another file.
LEAST_SAVING = 0.05


def compress(content: bytes, coding: str) -> bytes | None:
    """The content in a coding, at its highest level; None where that cannot be made here, or is not worth it."""
    if len(content) < SMALLEST or coding not in available_codings():
        return None
    made = CODINGS[coding]
    packed = made.new(made.levels[-1])(content, True)
    return packed if len(packed) <= len(content) * (1 - LEAST_SAVING) else None
