"""h2spec's cases and those of the protocol's own tests, against live servers: clear by prior knowledge, TLS by ALPN."""

from __future__ import annotations

import pytest
from tests.conformance.conftest import Live
from tests.conformance.h2spec import CASES, Steps, alive, allowed, breaks, goaway, malformed, resets
from tests.conformance.http2_client import SETTINGS, Http2Client
from tests.server.protocol import http2_cases as cases
from tests.server.protocol.http2_cases import PREFACE, settings

OWN: dict[str, Steps] = {
    **{what: breaks(what) for what in cases.BREAKS_THE_CONNECTION},
    **{what: resets(what) for what in cases.RESETS_THE_STREAM},
    **{what: malformed(what) for what in cases.MALFORMED},
    **{what: allowed(what) for what in cases.ALLOWED},
}


def run(live: Live, steps: Steps) -> None:
    with Http2Client(live.port, live.ca_file) as client:
        client.greet()
        for step in steps:
            if isinstance(step, bytes):
                client.send(step)
            else:
                step(client)


def test_all_cases_of_h2spec_are_here() -> None:
    assert len(CASES) == 147


@pytest.mark.parametrize("case", CASES)
def test_h2spec(either: Live, case: str) -> None:
    run(either, CASES[case])


@pytest.mark.parametrize("case", OWN)
def test_the_protocols_own_cases(either: Live, case: str) -> None:
    run(either, OWN[case])


def test_the_first_frame_is_settings(either: Live) -> None:
    with Http2Client(either.port, either.ca_file) as client:
        client.send(PREFACE + settings((4, 65535)))
        first = client.next()
        assert first is not None
        assert (first.kind, first.flags) == (SETTINGS, 0)
        alive(client)


def test_what_is_no_preface_is_no_http_2(either: Live) -> None:
    """Without TLS it may be HTTP/1.1, and is answered as such; where ALPN chose HTTP/2 there is nothing to say."""
    with Http2Client(either.port, either.ca_file) as client:
        client.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        if either.tls is None:
            assert client.socket.recv(65536).startswith(b"HTTP/1.1 400 ")
        else:
            goaway(cases.PROTOCOL)(client)


def test_nothing_is_left(either: Live) -> None:
    either.settles()
