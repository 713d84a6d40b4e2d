"""Each coding decodes to what went in, piece by piece; and says what it lacks."""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.compressors import CODINGS, available_codings, require_codings

Decode = Callable[[bytes], bytes]
DECODERS: dict[str, Callable[[], Decode]] = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


@pytest.mark.parametrize("name", CODINGS)
@given(pieces=st.lists(st.binary(max_size=2000), min_size=1, max_size=6))
def test_each_piece_can_be_decoded_as_soon_as_it_is_there(name: str, pieces: list[bytes]) -> None:
    compress = CODINGS[name].new(CODINGS[name].level)
    decode = DECODERS[name]()
    for number, piece in enumerate(pieces, 1):
        compressed = compress(piece, number == len(pieces))
        assert (decode(compressed) if compressed else b"") == piece


@pytest.mark.parametrize("name", CODINGS)
def test_every_level_is_one_and_windows_stay_small(name: str) -> None:
    content = b"".join(b"%d " % number for number in range(20_000))
    for level in CODINGS[name].levels:
        compressed = CODINGS[name].new(level)(content, True)
        assert DECODERS[name]()(compressed) == content
        if name == "zstd":
            # RFC 9659: a decoder of the web may refuse more than 8 MiB.
            assert zstandard.get_frame_parameters(compressed).window_size <= 8 * 1024 * 1024


def test_what_is_missing_is_not_offered_and_named_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_codings() == ["zstd", "br", "gzip"]
    find = importlib.util.find_spec

    def without(name: str, *arguments: Any) -> Any:
        if name == "compression.zstd":
            raise ModuleNotFoundError
        return None if name in ("brotli", "brotlicffi", "zstandard") else find(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert available_codings() == ["gzip"]
    require_codings(["gzip"])
    with pytest.raises(ImportError, match=r"pip install vivace\[brotli\]"):
        require_codings(["gzip", "br"])
    with pytest.raises(ImportError, match=r"pip install vivace\[zstd\]"):
        require_codings(["zstd"])
    with pytest.raises(ValueError, match="'deflate' is no content coding"):
        require_codings(["deflate"])
