"""Content codings by their names in HTTP: gzip always, "br" and "zstd" where their packages are installed.

A compressor takes pieces. What it gives for one can be decoded by the client at once, or, with `last`, ends it all.
"""

from __future__ import annotations

import importlib.util
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

Compress = Callable[[bytes, bool], bytes]
"""`compress(piece, last)`."""


class Coding(NamedTuple):
    """How a coding is made."""

    new: Callable[[int], Compress]  # for one response, at a level
    levels: range
    level: int  # the one for content that is made as it is sent
    modules: tuple[str, ...]  # any of these makes it; none is needed if it is empty
    extra: str  # of ours, that installs one


def new_gzip(level: int) -> Compress:
    """RFC 1952."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def compress(piece: bytes, last: bool) -> bytes:
        return compressor.compress(piece) + compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    return compress


def new_brotli(level: int) -> Compress:
    """RFC 7932, with a window of 512 KiB instead of 4 MiB: there may be one for each of many clients."""
    compressor: Any = _brotli().Compressor(quality=level, lgwin=19)
    process = getattr(compressor, "process", None) or compressor.compress

    def compress(piece: bytes, last: bool) -> bytes:
        made: bytes = process(piece) + (compressor.finish() if last else compressor.flush())
        return made

    return compress


@cache
def _brotli() -> Any:
    return importlib.import_module("brotli" if _is_there("brotli") else "brotlicffi")


def new_zstd(level: int) -> Compress:
    """RFC 8878; the levels are those whose window is 8 MiB or less, as RFC 9659 says."""
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdCompressor

        compressor = ZstdCompressor(level=level)

        def compress(piece: bytes, last: bool) -> bytes:
            return compressor.compress(piece, compressor.FLUSH_FRAME if last else compressor.FLUSH_BLOCK)

        return compress
    import zstandard

    made = zstandard.ZstdCompressor(level=level).compressobj()

    def compress_before(piece: bytes, last: bool) -> bytes:
        how = zstandard.COMPRESSOBJ_FLUSH_FINISH if last else zstandard.COMPRESSOBJ_FLUSH_BLOCK
        return made.compress(piece) + made.flush(how)

    return compress_before


# In the order in which they are offered: of two that the client likes the same, the first.
CODINGS: Mapping[str, Coding] = {
    "zstd": Coding(
        new_zstd, range(1, 20), 3, ("compression.zstd" if sys.version_info >= (3, 14) else "zstandard",), "zstd"
    ),
    "br": Coding(new_brotli, range(12), 4, ("brotli", "brotlicffi"), "brotli"),
    "gzip": Coding(new_gzip, range(1, 10), 6, (), ""),
}


def available_codings() -> list[str]:
    """Those that can be made here."""
    return [name for name, coding in CODINGS.items() if not coding.modules or any(map(_is_there, coding.modules))]


def require_codings(names: Sequence[str]) -> None:
    """Raises ValueError for a name that is none, and ImportError, which says what to install, for a missing package."""
    available = available_codings()
    for name in names:
        if name not in CODINGS:
            raise ValueError(f"{name!r} is no content coding that we make: {', '.join(map(repr, CODINGS))} are")
        if name not in available:
            coding = CODINGS[name]
            raise ImportError(
                f'the content coding "{name}" needs the package {coding.modules[0]}: pip install vivace[{coding.extra}]'
            )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
