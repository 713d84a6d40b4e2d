# cython: annotation_typing=False
"""One exchange on a stream of HTTP/2, and the link that it shares with the others of its connection."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import cast

from vivace.server._body_pace_cy import BodyPace
from vivace.server._cycle_cy import Cycle
from vivace.server._service_cy import Service
from vivace.server._stream_cy import Headers, Stream
from vivace.server._transport_cy import ClientTransport
from vivace.server.counters import HTTP2
from vivace.server.errors import ClientDisconnected
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.http2_errors import ErrorCode
from vivace.server.protocol.http2_output import Http2Stream
from vivace.server.protocol.http2_session import Http2Session
from vivace.server.protocol.websocket_handshake import Handshake
from vivace.server.sendfile import open_file, read_pieces
from vivace.server.types import ASGIApp

# A client with less window than a whole frame may be waiting for us.
WHOLE_FRAME = 16384

# Frames of a WebSocket up to this size are copied behind their heads; longer ones are a DATA frame of their own.
SMALL_DATA = 4096


class Http2Link:
    """A session and the socket under it: what all exchanges say in one turn of the event loop is one write.

    While the socket is slow, bodies wait in the session, so that the most urgent goes first.
    """

    transport: ClientTransport

    def __init__(self, service: Service, app: ASGIApp) -> None:
        self.service = service
        self.app = app
        self.session = Http2Session(
            service.limits,
            server=service.server_header,
            date=service.date_header,
            headers=service.default_headers,
            connect=service.websocket,
        )
        self.session.request_ids = service.request_ids
        self.reading = False
        self.write_due = False
        self.paused_exchanges: list[Http2Exchange] | None = None
        self.leaving = False

    def written(self) -> None:
        """The session has something for the socket: see to it that it goes there with the rest of this turn's."""
        session = self.session
        if self.reading or self.write_due or (session.length == 0 and session.queued_streams == 0):
            return
        if not session.streams:
            # Nobody else could have anything to say.
            self.flush()
        else:
            self.write_due = True
            self.service.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write as much as the socket takes."""
        self.write_due = False
        transport, session = self.transport, self.session
        if transport.ending:
            return
        while not transport.paused:
            data = session.take()
            if not data:
                break
            transport.write(data)
        if transport.eof_seen and not transport.paused:
            self.drop_blocked()
        if self.paused_exchanges is not None:
            self.wake_writers()
        if self.leaving and session.finished and not session.wants_to_write:
            transport.end(True)

    def wake_writers(self) -> None:
        """Let those applications go on whose stream has been written, or nearly."""
        paused = cast("list[Http2Exchange]", self.paused_exchanges)
        self.paused_exchanges = None
        for exchange in paused:
            if not exchange.resume_if_drained():
                if self.paused_exchanges is None:
                    self.paused_exchanges = []
                self.paused_exchanges.append(exchange)

    def drop_blocked(self) -> None:
        """A client that has ended its side gives no more window: what needs some can never be sent."""
        session = self.session
        for stream in list(session.streams.values()):
            if stream.unsent > 0 and (stream.send_window <= 0 or session.send_window <= 0):
                exchange = stream.owner
                session.reset(stream, ErrorCode.CANCEL)
                if exchange is not None:
                    exchange.gone()
        self.transport.write(session.take())

    def refused(self, exchange: Http2Exchange | None, error: ProtocolError) -> None:
        """A request has been answered with that error, or its response broken off."""
        raise NotImplementedError


class SlowReader:
    """A client that gives no window: it must go on taking `service.min_write_rate`, looked at every `write_timeout`.

    A byte of window now and then would otherwise keep responses in our memory for good (CVE-2019-9511).
    """

    def __init__(self, service: Service, taken: int) -> None:
        self.service = service
        self.taken = taken
        self.deadline = service.now + service.write_timeout

    def gave_up(self, taken: int) -> bool:
        """Whether it has taken too little; `taken` counts bytes since whenever."""
        service = self.service
        if service.now < self.deadline:
            return False
        progress = taken - self.taken
        self.taken = taken
        self.deadline = service.now + service.write_timeout
        return progress <= service.min_write_rate * service.write_timeout


class Http2Exchange(Stream):
    """A request and its response. `cycle` is None once the response is given, or can be given no more.

    A call of the cycle's may end with that, so the cycle is held in a variable while it is called.
    """

    def __init__(self, link: Http2Link, stream: Http2Stream) -> None:
        self.link = link
        self.app = self.link.app
        self.stream = stream
        self.wire = HTTP2
        self.encrypted = self.link.transport.encrypted
        self.cycle: Cycle | None = None
        self.write_paused = False
        self.response_begun = False
        self.writable: asyncio.Event | None = None
        self.owes_continue = False
        self.pace: BodyPace | None = None
        self.slow_reader: SlowReader | None = None
        self.accepted = False
        self.data_paused = False
        self.data_ended = False
        self.unfed: bytearray | None = None

    # ---- the request, called by the connection

    def begin(self, cycle: Cycle) -> None:
        """Let the cycle have its request; it may be answered before this returns."""
        self.attach(cycle)
        cycle.start()

    def attach(self, cycle: Cycle) -> None:
        """Let the cycle have its request, without starting it."""
        head = self.stream.head
        assert head is not None
        self.cycle = cycle
        self.stream.owner = self
        if head.has_body and self.stream.protocol is None:
            self.owes_continue = head.expects_continue
            self.pace = BodyPace(self.link.service)
            self.pace.begin()

    def feed(self, data: bytes) -> None:
        """A piece of the request's body, or of a WebSocket's data."""
        cycle = self.cycle
        if cycle is None:
            # Nobody reads it any more.
            self.link.session.consumed(self.stream, len(data))
        elif self.stream.protocol is not None:
            if self.unfed is None:
                self.unfed = bytearray()
            self.unfed += data
            self.feed_websocket()
        else:
            if self.pace is not None:
                self.pace.came(len(data))
            cycle.feed(data)

    def feed_end(self) -> None:
        """The client sends no more on this stream."""
        self.pace = None
        if self.stream.protocol is not None:
            self.data_ended = True
            self.feed_websocket()
            return
        cycle = self.cycle
        if cycle is not None:
            cycle.feed_end(self.stream.trailers)

    def feed_websocket(self) -> None:
        """Give a WebSocket its data, unless it is not accepted yet or has enough; the client's window fills then."""
        cycle = self.cycle
        if cycle is not None and self.unfed and self.accepted and not self.data_paused:
            data = bytes(self.unfed)
            self.unfed = None
            self.link.session.consumed(self.stream, len(data))
            cycle.feed(data)
        cycle = self.cycle
        if cycle is not None and self.data_ended and not self.unfed and not self.data_paused:
            self.data_ended = False
            cycle.half_close()

    def gone(self) -> None:
        """The stream ended without a proper end."""
        cycle = self.cycle
        self.detach()
        if cycle is not None:
            cycle.disconnect()

    def detach(self) -> None:
        """Nothing more happens between stream and cycle."""
        self.stream.owner = None
        self.cycle = None
        self.unfed = None
        self.wake()

    # ---- called by the cycle

    def start_response(self, status: int, headers: Headers, trailers: bool) -> None:
        """Stream: keep the head until its first piece of body."""
        self.link.session.start(self.stream, status, headers)

    def send_body(self, data: bytes | memoryview, more: bool) -> None:
        """Stream: write a piece of body, or let it wait for its turn."""
        self.link.session.body(self.stream, data, more)
        self.response_begun = True
        if more:
            self.pause_if_full()
        else:
            self.complete()
        self.link.written()

    def send_trailers(self, headers: Headers) -> None:
        """Stream: end a response."""
        self.link.session.trailers(self.stream, headers)
        self.complete()
        self.link.written()

    def complete(self) -> None:
        """The response is given; the stream may have to go on sending it."""
        self.cycle = None
        if self.stream.closed:
            self.stream.owner = None

    def send_informational(self, status: int, headers: Headers) -> None:
        """Stream: write a 1xx head."""
        self.link.session.inform(self.stream, status, headers)
        self.link.written()

    async def send_file(self, path: str) -> int:
        """Stream: write a file as the body."""
        file, size = open_file(path)
        try:
            self.link.session.announce(self.stream, size)
            if cast(RequestHead, self.stream.head).method != "HEAD":
                async with aclosing(read_pieces(self.link.service.loop, file, 0, size)) as pieces:
                    async for piece in pieces:
                        self.send_body(piece, True)
                        if self.write_paused:
                            await self.wait_until_writable()
                        if self.stream.closed:
                            raise ClientDisconnected("the client closed the stream")
        finally:
            os.close(file)
        self.send_body(b"", False)
        return size

    def want_body(self) -> None:
        """Stream: the application reads."""
        if self.owes_continue:
            # RFC 9110 10.1.1: only now does the client learn that its body is wanted.
            self.owes_continue = False
            if not self.response_begun and self.stream.body_size == 0:
                self.send_informational(100, ())
        if self.pace is not None:
            self.pace.wait()

    def consumed(self, size: int) -> None:
        """Stream: the application took part of the body; the client may send as much more."""
        if size > 0:
            if self.pace is not None and size >= WHOLE_FRAME:
                # The client may have been waiting for this.
                self.pace.rest()
            self.link.session.consumed(self.stream, size)
            self.link.written()

    def abort(self) -> None:
        """Stream: end without a proper end."""
        # RFC 8441 5: what resets a connection of HTTP/1.1 is CANCEL here.
        code = ErrorCode.CANCEL if self.accepted else ErrorCode.INTERNAL_ERROR
        self.link.session.reset(self.stream, code)
        self.detach()
        self.link.written()

    # ---- a client that is slower than the application

    def pause_if_full(self) -> None:
        link = self.link
        if self.write_paused or self.stream.closed:
            return
        if link.transport.paused or self.stream.unsent > link.service.write_buffer:
            self.write_paused = True
            if link.paused_exchanges is None:
                link.paused_exchanges = []
            link.paused_exchanges.append(self)

    def resume_if_drained(self) -> bool:
        """Whether the application need not wait any more; it is woken for half a buffer at least."""
        if not self.write_paused:
            return True
        if self.link.transport.paused or self.stream.unsent * 2 > self.link.service.write_buffer:
            return False
        self.wake()
        cycle = self.cycle
        if cycle is not None:
            cycle.resume_writing()
        return True

    def wake(self) -> None:
        self.write_paused = False
        if self.writable is not None:
            self.writable.set()

    async def wait_until_writable(self) -> None:
        """Stream: wait for the client."""
        if self.writable is None:
            self.writable = asyncio.Event()
        while self.write_paused:
            self.writable.clear()
            await self.writable.wait()

    # ---- WebSocket, called by its cycle

    def accept(self, handshake: Handshake, subprotocol: str | None, headers: Headers) -> None:
        """Stream: from here on DATA carries frames (RFC 8441 5)."""
        self.link.session.start(self.stream, 200, handshake.response_headers(subprotocol, headers))
        self.link.session.body(self.stream, b"", True)
        self.response_begun = self.accepted = True
        self.link.written()
        self.feed_websocket()

    def send_data(self, data: bytes | tuple[bytes, ...]) -> None:
        """Stream: write frames."""
        session = self.link.session
        if not isinstance(data, tuple):
            session.body(self.stream, data, True)
        elif len(data[-1]) <= SMALL_DATA:
            session.body(self.stream, b"".join(data), True)
        else:
            for piece in data:
                session.body(self.stream, piece, True)
        self.pause_if_full()
        self.link.written()

    def end_data(self) -> None:
        """Stream: the server ends the stream."""
        self.link.session.body(self.stream, b"", False)
        self.complete()
        self.link.written()

    def pause_data(self) -> None:
        """Stream: what comes is kept, and fills the client's window."""
        self.data_paused = True

    def resume_data(self) -> None:
        """Stream: feed the cycle again."""
        self.data_paused = False
        self.feed_websocket()
        self.link.written()

    # ---- timeouts

    def tick(self, now: float) -> None:
        """Time goes on, says the connection."""
        if self.body_is_late():
            error = ProtocolError(408, "the body came too slowly")
            if self.cycle is not None:
                error.request_id = self.cycle.request_id
            self.link.session.refuse_request(self.stream, error)
            self.link.refused(self, error)
            self.link.written()
            return
        self.check_window()
        cycle = self.cycle
        if cycle is not None:
            cycle.tick(now)

    def body_is_late(self) -> bool:
        pace, cycle = self.pace, self.cycle
        if pace is None:
            return False
        if cycle is not None and cycle.waits_for_turn():
            pace.postpone()
            return False
        # Body that waits for the application is not the client's fault, nor is that it has no window.
        ours = (
            cycle is None
            or cycle.buffered > 0
            or self.stream.receive_window < WHOLE_FRAME
            or self.link.session.receive_window < WHOLE_FRAME
        )
        return pace.is_late(ours or self.response_begun)

    def check_window(self) -> None:
        """A client that asked for a response must allow us to send it."""
        stream = self.stream
        taken = stream.sent - stream.unsent
        if stream.unsent == 0 or stream.send_window > 0:
            self.slow_reader = None
        elif self.slow_reader is None:
            self.slow_reader = SlowReader(self.link.service, taken)
        elif self.slow_reader.gave_up(taken):
            self.link.session.reset(stream, ErrorCode.CANCEL)
            self.gone()
            self.link.written()
