"""Messages over a socket pair."""

from __future__ import annotations

import asyncio
import socket

import pytest

from vivace.server.statistics import Statistics
from vivace.server.supervisor.channel import MOST_UNSENT, Channel
from vivace.server.supervisor.messages import Beat, Failed, FromWorker, Ready

pytestmark = pytest.mark.anyio


async def test_messages_arrive_whole_and_in_order_and_the_end_is_told() -> None:
    here, there = socket.socketpair()
    received: list[FromWorker] = []
    lost = asyncio.Event()
    receiver = await Channel.open(here, FromWorker, received.append, lost.set)
    sender = await Channel.open(there, FromWorker, received.append, lambda: None)
    sent = [Ready(), Beat(Statistics(requests=3)), Failed("line\nanother " * 20_000)]
    for message in sent:
        sender.send(message)
    sender.close()
    await asyncio.wait_for(lost.wait(), 10)
    assert received == sent
    sender.send(Ready())
    receiver.close()


async def test_to_somebody_who_does_not_read_no_more_is_sent() -> None:
    here, there = socket.socketpair()
    sender = await Channel.open(here, FromWorker, lambda _: None, lambda: None)
    for _ in range(100):
        sender.send(Failed("x" * 10_000))
    assert sender._transport is not None
    assert sender._transport.get_write_buffer_size() < MOST_UNSENT + 20_000
    sender._transport.abort()
    there.close()
    await asyncio.sleep(0)
