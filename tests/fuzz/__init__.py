"""Fuzzers of the protocols and of the toolkit: `python -m tests.fuzz --seconds 60`. Read `driver.py` first."""

from __future__ import annotations

from tests.fuzz.driver import Target
from tests.fuzz.hpack_blocks import Hpack
from tests.fuzz.http1 import Http1
from tests.fuzz.http2 import Http2
from tests.fuzz.proxy_protocol import ProxyProtocol
from tests.fuzz.toolkit import Fields, Forms, Requests
from tests.fuzz.websocket import WebSocket

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(Http1(), Hpack(), Http2(), ProxyProtocol(), WebSocket(compressed=False), WebSocket(compressed=True)),
        *(Forms(), Fields(), Requests()),
    )
}
