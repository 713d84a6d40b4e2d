"""HPACK: what our decoder accepts, the `hpack` package reads alike; what it read, our encoder says again."""

from __future__ import annotations

from collections.abc import Hashable
from random import Random

import hpack
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from tests.fuzz.driver import Pieces, Target

from vivace.server.protocol.hpack_decoder import HpackDecoder
from vivace.server.protocol.hpack_encoder import HpackEncoder
from vivace.server.protocol.hpack_tables import STATIC_TABLE, HpackError

LARGE = 1_000_000
SMALL_LIST, SMALL_COUNT = 300, 4
NAMES = [name for name, _ in STATIC_TABLE] + [b"x-a", b"x-b", b"X-Upper", b"", b"n" * 130]
VALUES = [value for _, value in STATIC_TABLE] + [b"a", b"\x00", b"\xff" * 20, b"b" * 300, b"c" * 4100]
HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
GET = b"\x82\x86\x84\x41\x0fwww.example.com"
GET_HUFFMAN = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"
AGAIN = b"\x82\x86\x84\xbe\x58\x08no-cache"


def integer(value: int, prefix: int, first: int, random: Random) -> bytes:
    """RFC 7541 5.1, now and then padded or cut."""
    encoded = hpack.hpack.encode_integer(value, prefix)
    encoded[0] |= first
    what = random.randrange(30)
    if what == 0 and len(encoded) > 1:
        encoded[-1] |= 0x80
        encoded += b"\x80" * random.randrange(6) + b"\x00"
    elif what == 1:
        del encoded[-1]
    return bytes(encoded)


def string(value: bytes, random: Random) -> bytes:
    """RFC 7541 5.2: plain or Huffman's."""
    if random.random() < 0.5:
        return integer(len(value), 7, 0, random) + value
    coded = HUFFMAN.encode(value)
    if random.randrange(20) == 0:
        coded += random.choice((b"\xff", b"\x00", b"\xff\xff\xff\xff"))
    return integer(len(coded), 7, 0x80, random) + coded


def field(random: Random) -> bytes:
    """A representation of a field, or a table size update (RFC 7541 6)."""
    what = random.randrange(12)
    if what < 4:
        return integer(random.choice((0, 1, 2, 4, 16, 61, 62, 62, 63, 64, 70, 130, 200, 1 << 28)), 7, 0x80, random)
    if what == 4:
        return integer(random.choice((0, 0, 31, 100, 4096, 4096, 4097, 1 << 30)), 5, 0x20, random)
    first, prefix = random.choice(((0x40, 6), (0x40, 6), (0x00, 4), (0x10, 4)))
    index = random.choice((0, 0, 1, 15, 32, 61, 62, 63, 70))
    name = string(random.choice(NAMES), random) if index == 0 else b""
    return integer(index, prefix, first, random) + name + string(random.choice(VALUES), random)


def repeated(fields: list[tuple[bytes, bytes]], encoding: HpackEncoder, theirs: hpack.Decoder) -> None:
    """Our encoder's block, read by `hpack`, is the same fields."""
    said = theirs.decode(encoding.encode(fields), raw=True)
    assert [(pair[0], pair[1]) for pair in said] == fields


class Hpack(Target):
    """The target: an input is the blocks of one connection."""

    name = "hpack"
    seeds = ((GET, AGAIN, b"\xbf\xbe"), (GET_HUFFMAN, AGAIN), (b"\x20\x3f\xe1\x1f" + GET, b"\xbe\xbe"))

    def piece(self, random: Random) -> bytes:
        """A block."""
        return b"".join(field(random) for _ in range(random.choice((1, 2, 3, 8))))

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        decoder, limited = HpackDecoder(LARGE, LARGE), HpackDecoder(SMALL_LIST, SMALL_COUNT)
        theirs, encoding = hpack.Decoder(max_header_list_size=LARGE), HpackEncoder()
        reader = hpack.Decoder(max_header_list_size=LARGE)
        outcome: list[object] = []
        for block in pieces:
            try:
                fields = decoder.decode(block)
            except HpackError as error:
                try:
                    limited.decode(block)
                except HpackError:
                    return (str(error), *outcome[:3])
                raise AssertionError("a limit hides an error") from error
            assert fields is not None
            expected = theirs.decode(block, raw=True)
            assert fields == [(pair[0], pair[1]) for pair in expected]
            within = len(fields) <= SMALL_COUNT and sum(len(a) + len(b) + 32 for a, b in fields) <= SMALL_LIST
            assert limited.decode(block) == (fields if within else None)
            assert (limited.table_size, limited.table_count) == (decoder.table_size, decoder.table_count)
            assert decoder.table_size <= 4096
            assert decoder.table_size == theirs.header_table._current_size
            repeated(fields, encoding, reader)
            outcome.append((min(len(fields), 5), min(decoder.table_count, 5)))
        return tuple(outcome[:3])
