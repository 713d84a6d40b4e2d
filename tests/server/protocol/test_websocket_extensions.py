"""The negotiation of permessage-deflate, by tables and with the clients of websockets and wsproto."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidHeader
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.headers import parse_extension
from wsproto.extensions import PerMessageDeflate as WsprotoDeflate

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.websocket_deflate import PerMessageDeflate
from vivace.server.protocol.websocket_extensions import Offer, negotiate, parse_extensions

FULL = PerMessageDeflate(server_max_window_bits=15, client_max_window_bits=15)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([b""], []),
        ([b" , ,\t"], []),
        ([b"a"], [Offer("a", ())]),
        ([b" a ,b"], [Offer("a", ()), Offer("b", ())]),
        ([b"a", b"b, c"], [Offer("a", ()), Offer("b", ()), Offer("c", ())]),
        ([b"a,,b,"], [Offer("a", ()), Offer("b", ())]),
        ([b"a;x"], [Offer("a", (("x", None),))]),
        ([b'a ; x = 1 ; y ;z="10"'], [Offer("a", (("x", "1"), ("y", None), ("z", "10")))]),
        ([b'a;x="1\\0"'], [Offer("a", (("x", "10"),))]),
        ([b"a;x=1;x=2"], [Offer("a", (("x", "1"), ("x", "2")))]),
    ],
)
def test_offers_are_read_in_order(values: list[bytes], expected: list[Offer]) -> None:
    assert parse_extensions(values) == expected


@pytest.mark.parametrize(
    "value",
    [
        b";",
        b"a;",
        b"a;;b",
        b"a;=1",
        b"a;x=",
        b'a;x="',
        b'a;x=""',
        b'a;x="a b"',
        b'a;x="1,2"',
        b"a b",
        b"a=1",
        b"\xff",
        b"a/b",
        b"a;x=1 2",
    ],
)
def test_a_header_of_another_form_is_refused(value: bytes) -> None:
    with pytest.raises(ProtocolError, match="400: invalid Sec-WebSocket-Extensions header"):
        parse_extensions([b"fine, " + value])
    with pytest.raises(ProtocolError):
        negotiate([value], None)


@given(st.text(alphabet='ab;=," \t\\', max_size=15).map(str.encode))
def test_any_header_is_read_as_websockets_does_or_refused(value: bytes) -> None:
    try:
        ours = [(offer.name, list(offer.parameters)) for offer in parse_extensions([value])]
        theirs = [(str(name), list(parameters)) for name, parameters in parse_extension(value.decode())]
    except (ProtocolError, InvalidHeader):
        return
    assert "\\" in value.decode() or ours == theirs


def agreed(response: str, server: int, client: int, alone: bool = False, client_alone: bool = False) -> object:
    return response.encode(), PerMessageDeflate(
        server_max_window_bits=server,
        client_max_window_bits=client,
        server_no_context_takeover=alone,
        client_no_context_takeover=client_alone,
    )


PMD = "permessage-deflate"
SERVER = "server_max_window_bits"
CLIENT = "client_max_window_bits"


@pytest.mark.parametrize(
    ("offer", "options", "expected"),
    [
        (PMD, FULL, agreed(PMD, 15, 15)),
        (PMD, PerMessageDeflate(), agreed(f"{PMD}; {SERVER}=12", 12, 15)),
        (f"{PMD}; {CLIENT}", PerMessageDeflate(), agreed(f"{PMD}; {SERVER}=12; {CLIENT}=12", 12, 12)),
        (f"{PMD}; {CLIENT}", FULL, agreed(PMD, 15, 15)),
        (f"{PMD}; {CLIENT}=10", FULL, agreed(f"{PMD}; {CLIENT}=10", 15, 10)),
        (f"{PMD}; {CLIENT}=8", FULL, agreed(f"{PMD}; {CLIENT}=8", 15, 9)),
        (f"{PMD}; {CLIENT}=14", PerMessageDeflate(), agreed(f"{PMD}; {SERVER}=12; {CLIENT}=12", 12, 12)),
        (f"{PMD}; {SERVER}=9", FULL, agreed(f"{PMD}; {SERVER}=9", 9, 15)),
        (f"{PMD}; {SERVER}=15", FULL, agreed(f"{PMD}; {SERVER}=15", 15, 15)),
        (f'{PMD}; {SERVER}="10"', FULL, agreed(f"{PMD}; {SERVER}=10", 10, 15)),
        (
            f"{PMD}; server_no_context_takeover; client_no_context_takeover",
            FULL,
            agreed(f"{PMD}; server_no_context_takeover; client_no_context_takeover", 15, 15, True, True),
        ),
        (f"{PMD}; {SERVER}=8, {PMD}; {SERVER}=10", FULL, agreed(f"{PMD}; {SERVER}=10", 10, 15)),
        (f"x-webkit-deflate-frame, {PMD}; nonsense, {PMD}", FULL, agreed(PMD, 15, 15)),
        (f"{PMD}; {CLIENT}=9, {PMD}", FULL, agreed(f"{PMD}; {CLIENT}=9", 15, 9)),
        ("", FULL, None),
        ("x-other", FULL, None),
        (PMD, None, None),
        (f"{PMD}; nonsense", FULL, None),
        (f"{PMD}; {SERVER}", FULL, None),
        (f"{PMD}; {SERVER}=8", FULL, None),
        (f"{PMD}; {SERVER}=7", FULL, None),
        (f"{PMD}; {SERVER}=16", FULL, None),
        (f"{PMD}; {SERVER}=010", FULL, None),
        (f"{PMD}; {SERVER}=1e1", FULL, None),
        (f"{PMD}; {CLIENT}=7", FULL, None),
        (f"{PMD}; {CLIENT}=16", FULL, None),
        (f"{PMD}; {CLIENT}=09", FULL, None),
        (f"{PMD}; server_no_context_takeover=1", FULL, None),
        (f"{PMD}; client_no_context_takeover=true", FULL, None),
        (f"{PMD}; {CLIENT}; {CLIENT}", FULL, None),
        (f"{PMD}; {SERVER}=9; {SERVER}=9", FULL, None),
    ],
)
def test_the_first_offer_that_can_be_kept_is_accepted(
    offer: str, options: PerMessageDeflate | None, expected: object
) -> None:
    assert negotiate([offer.encode()], options) == expected


def test_what_the_server_wants_is_said_even_if_it_was_not_offered() -> None:
    options = PerMessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True)
    accepted = negotiate([PMD.encode()], options)
    assert accepted is not None
    response = accepted[0].decode()
    assert response == f"{PMD}; server_no_context_takeover; client_no_context_takeover; {SERVER}=12"


BITS = st.none() | st.integers(9, 15)


@given(st.booleans(), st.booleans(), BITS, BITS | st.just(True), st.integers(9, 15), st.integers(9, 15), st.booleans())
def test_clients_agree_with_what_was_agreed(
    server_alone: bool,
    client_alone: bool,
    server_bits: int | None,
    client_bits: int | bool | None,
    our_bits: int,
    their_bits: int,
    we_want_it_alone: bool,
) -> None:
    factory = ClientPerMessageDeflateFactory(server_alone, client_alone, server_bits, client_bits)
    offer = "; ".join(
        [PMD] + [name if value is None else f"{name}={value}" for name, value in factory.get_request_params()]
    )
    options = PerMessageDeflate(
        server_max_window_bits=our_bits,
        client_max_window_bits=their_bits,
        client_no_context_takeover=we_want_it_alone,
    )
    accepted = negotiate([offer.encode()], options)
    assert accepted is not None
    response, terms = accepted
    ((_, parameters),) = parse_extension(response.decode())
    client = factory.process_response_params(parameters, [])
    assert client.remote_max_window_bits == terms.server_max_window_bits
    assert client.local_max_window_bits == terms.client_max_window_bits
    assert client.remote_no_context_takeover == terms.server_no_context_takeover
    assert client.local_no_context_takeover == terms.client_no_context_takeover

    other = WsprotoDeflate(client_no_context_takeover=client_alone)
    other.offer()
    other.finalize(response.decode())
    assert other.server_max_window_bits == terms.server_max_window_bits
