"""HPACK: the examples of RFC 7541, the `hpack` package both ways, and blocks that are wrong."""

from __future__ import annotations

from contextlib import suppress

import hpack
import pytest
from hpack.huffman_constants import REQUEST_CODES_LENGTH
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from vivace.server.protocol.hpack_decoder import HpackDecoder
from vivace.server.protocol.hpack_encoder import HpackEncoder
from vivace.server.protocol.hpack_tables import CODE_LENGTHS, STATIC_TABLE, HpackError

Fields = list[tuple[bytes, bytes]]

FIRST = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
SECOND = [*FIRST, (b"cache-control", b"no-cache")]
THIRD = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/index.html"),
    (b":authority", b"www.example.com"),
    (b"custom-key", b"custom-value"),
]
LOCATION = (b"location", b"https://www.example.com")
FOUND = [
    (b":status", b"302"),
    (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
    LOCATION,
]
REDIRECT = [(b":status", b"307"), *FOUND[1:]]
COOKIE = [
    (b":status", b"200"),
    (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
    LOCATION,
    (b"content-encoding", b"gzip"),
    (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
]

# RFC 7541 appendix C: the size of the table, then block, fields and how full the table is afterwards.
EXAMPLES: dict[str, tuple[int, list[tuple[str, Fields, int]]]] = {
    "C.2.1": (
        4096,
        [("400a637573746f6d2d6b65790d637573746f6d2d686561646572", [(b"custom-key", b"custom-header")], 55)],
    ),
    "C.2.2": (4096, [("040c2f73616d706c652f70617468", [(b":path", b"/sample/path")], 0)]),
    "C.2.3": (4096, [("100870617373776f726406736563726574", [(b"password", b"secret")], 0)]),
    "C.2.4": (4096, [("82", [(b":method", b"GET")], 0)]),
    "C.3": (
        4096,
        [
            ("828684410f7777772e6578616d706c652e636f6d", FIRST, 57),
            ("828684be58086e6f2d6361636865", SECOND, 110),
            ("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", THIRD, 164),
        ],
    ),
    "C.4": (
        4096,
        [
            ("828684418cf1e3c2e5f23a6ba0ab90f4ff", FIRST, 57),
            ("828684be5886a8eb10649cbf", SECOND, 110),
            ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", THIRD, 164),
        ],
    ),
    "C.5": (
        256,
        [
            (
                (
                    "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
                    "6e1768747470733a2f2f7777772e6578616d706c652e636f6d"
                ),
                FOUND,
                222,
            ),
            ("4803333037c1c0bf", REDIRECT, 222),
            (
                (
                    "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d"
                    "4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b20766572"
                    "73696f6e3d31"
                ),
                COOKIE,
                215,
            ),
        ],
    ),
    "C.6": (
        256,
        [
            (
                (
                    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b"
                    "97c8e9ae82ae43d3"
                ),
                FOUND,
                222,
            ),
            ("4883640effc1c0bf", REDIRECT, 222),
            (
                (
                    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdf"
                    "cd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007"
                ),
                COOKIE,
                215,
            ),
        ],
    ),
}

# Names and values that repeat, so that tables are used, and ones that do not.
names = st.sampled_from([name for name, _ in STATIC_TABLE] + [b"x-a", b"x-b"]) | st.binary(min_size=1, max_size=40).map(
    lambda name: name.lower()
)
values = st.sampled_from([value for _, value in STATIC_TABLE] + [b"a", b"b" * 900, b"c" * 1500]) | st.binary(
    max_size=80
)
blocks = st.lists(st.lists(st.tuples(names, values), max_size=12), max_size=12)
table_sizes = st.integers(0, 5000)


def decoder(**limits: int) -> HpackDecoder:
    return HpackDecoder(**({"max_list_size": 1_000_000} | limits))


def test_the_tables_are_those_of_the_rfc() -> None:
    assert HeaderTable.STATIC_TABLE == STATIC_TABLE
    assert list(CODE_LENGTHS) == REQUEST_CODES_LENGTH


@pytest.mark.parametrize("section", EXAMPLES)
def test_examples_of_the_rfc_are_decoded(section: str) -> None:
    size, steps = EXAMPLES[section]
    decoding = decoder(max_table_size=size)
    for block, fields, table_size in steps:
        assert decoding.decode(bytes.fromhex(block)) == fields
        assert decoding.table_size == table_size


def test_examples_of_the_rfc_are_encoded() -> None:
    encoding = HpackEncoder()
    for block, fields, table_size in EXAMPLES["C.4"][1]:
        assert encoding.encode(fields) == bytes.fromhex(block)
        assert encoding.table_size == table_size


@given(blocks)
def test_what_we_encode_is_decoded_by_hpack_and_by_us(lists: list[Fields]) -> None:
    encoding, decoding, theirs = HpackEncoder(), decoder(), hpack.Decoder(max_header_list_size=1_000_000)
    for fields in lists:
        block = encoding.encode(fields)
        assert [(field[0], field[1]) for field in theirs.decode(block, raw=True)] == fields
        assert decoding.decode(block) == fields
        assert decoding.table_size == encoding.table_size


@given(blocks, st.booleans(), st.lists(table_sizes, max_size=12))
def test_what_hpack_encodes_is_decoded(lists: list[Fields], huffman: bool, sizes: list[int]) -> None:
    theirs, decoding = hpack.Encoder(), decoder()
    for number, fields in enumerate(lists):
        if number < len(sizes):
            theirs.header_table_size = min(sizes[number], 4096)
        assert decoding.decode(theirs.encode(fields, huffman=huffman)) == fields


@given(blocks, st.lists(st.lists(table_sizes, max_size=3), max_size=12))
def test_table_sizes_that_change_are_announced(lists: list[Fields], changes: list[list[int]]) -> None:
    encoding, decoding, theirs = HpackEncoder(), decoder(), hpack.Decoder(max_header_list_size=1_000_000)
    for number, fields in enumerate(lists):
        for size in changes[number] if number < len(changes) else ():
            encoding.set_table_size(size)
            theirs.max_allowed_table_size = 5000
        block = encoding.encode(fields)
        assert decoding.decode(block) == fields
        assert [(field[0], field[1]) for field in theirs.decode(block, raw=True)] == fields
        assert decoding.table_size == encoding.table_size


@given(blocks, st.data())
def test_damaged_blocks_are_decoded_or_refused_as_by_hpack(lists: list[Fields], data: st.DataObject) -> None:
    encoding, decoding, theirs = hpack.Encoder(), decoder(), hpack.Decoder(max_header_list_size=1_000_000)
    for fields in lists:
        block = bytearray(encoding.encode(fields))
        if block and data.draw(st.booleans()):
            block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            del block[data.draw(st.integers(0, len(block))) :]
        try:
            expected = [(field[0], field[1]) for field in theirs.decode(bytes(block), raw=True)]
        except hpack.HPACKError:
            with pytest.raises(HpackError):
                decoding.decode(bytes(block))
            return
        try:
            decoded = decoding.decode(bytes(block))
        except HpackError as error:
            # The `hpack` package follows integers of any length.
            if "integer" in str(error):
                return
            raise
        assert decoded == expected


@given(st.binary(max_size=300))
def test_noise_is_decoded_or_refused(noise: bytes) -> None:
    with suppress(HpackError):
        assert decoder().decode(noise) is not None


@given(st.binary(max_size=2000))
def test_huffman_strings_of_every_size_come_back(value: bytes) -> None:
    assert decoder().decode(HpackEncoder().encode([(b"a", value)])) == [(b"a", value)]


WRONG = {
    "index zero": b"\x80",
    "index beyond the static table": b"\xbe",
    "name beyond the tables": b"\x7f\x80\x01\x01a",
    "integer without end": b"\xff\xff",
    "integer of zeros": b"\xff" + b"\x80" * 20 + b"\x00",
    "integer beyond 32 bits": b"\xff\xff\xff\xff\xff\x7f",
    "integer beyond 64 bits": b"\xff" + b"\xff" * 12 + b"\x7f",
    "no name": b"\x40",
    "no value": b"\x40\x01a",
    "name cut off": b"\x40\x05a",
    "value cut off": b"\x40\x01a\x05b",
    "string of 2 GiB": b"\x40\x7f\x80\xff\xff\xff\x07",
    "Huffman padding of zeros": b"\x40\x01a\x81\x00",
    "Huffman padding of eight ones": b"\x40\x01a\x82\x1f\xff",
    "EOS in a Huffman string": b"\x40\x01a\x84\xff\xff\xff\xff",
    "table size above ours": b"\x3f\xe2\x1f",
    "table size after a field": b"\x82\x20",
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_blocks_are_refused(what: str) -> None:
    with pytest.raises(HpackError):
        decoder().decode(WRONG[what])


def test_table_size_updates_empty_the_table() -> None:
    decoding = decoder()
    decoding.decode(b"\x40\x01a\x01b")
    assert decoding.table_count == 1
    assert decoding.decode(b"\x20\x3f\xe1\x1f\x82") == [(b":method", b"GET")]
    assert decoding.table_count == 0
    with pytest.raises(HpackError):
        decoding.decode(b"\xbe")


def test_an_entry_larger_than_the_table_empties_it() -> None:
    decoding = decoder(max_table_size=64)
    decoding.decode(b"\x40\x01a\x01b")
    decoding.decode(b"\x40\x01a\x28" + b"c" * 40)
    assert (decoding.table_count, decoding.table_size) == (0, 0)


def test_a_table_of_size_zero_holds_nothing() -> None:
    decoding = decoder(max_table_size=0)
    assert decoding.decode(b"\x40\x01a\x01b") == [(b"a", b"b")]
    with pytest.raises(HpackError):
        decoding.decode(b"\xbe")


def test_a_list_over_the_limit_is_not_built_and_the_tables_stay_in_step() -> None:
    decoding = decoder(max_list_size=150)
    large = b"\x40\x01a\x3c" + b"b" * 60
    assert decoding.decode(large + b"\xbe") is None
    assert decoding.decode(b"\xbe") == [(b"a", b"b" * 60)]
    # A bomb: one entry named again and again costs a byte each and builds nothing.
    assert decoding.decode(b"\xbe" * 100_000) is None


def test_the_number_of_fields_is_limited() -> None:
    decoding = decoder(max_count=3)
    assert decoding.decode(b"\x82" * 3) == [(b":method", b"GET")] * 3
    assert decoding.decode(b"\x82" * 4) is None


def test_secrets_are_never_indexed() -> None:
    encoding = HpackEncoder()
    for name in (b"set-cookie", b"authorization", b"proxy-authorization"):
        block = encoding.encode([(name, b"secret")])
        assert block[0] & 0xF0 == 0x10
        assert encoding.table_size == 0
        assert [field.indexable for field in hpack.Decoder().decode(block, raw=True)] == [False]


def test_what_repeats_is_one_byte() -> None:
    encoding = HpackEncoder()
    fields = [(b":status", b"200"), (b"content-type", b"application/json"), (b"server", b"vivace"), (b"x-own", b"1")]
    encoding.encode(fields)
    assert len(encoding.encode(fields)) == len(fields)


def test_fields_too_large_for_the_table_are_literals() -> None:
    encoding = HpackEncoder()
    encoding.encode([(b"x-large", b"a" * 2000)])
    assert encoding.table_size == 0


def test_a_table_size_below_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        HpackEncoder().set_table_size(-1)
