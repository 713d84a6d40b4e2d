# cython: annotation_typing=False
"""One HTTP/2 connection, and the exchanges on its streams.

The session speaks the protocol; here are the socket, the clock and the applications. Everything that a turn of the
event loop has to say is one write, and while the socket is slow the rest stays in the session, where the most urgent
goes first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from contextlib import aclosing
from typing import Any, cast

from vivace.server._cycle_cy import Cycle, http_scope
from vivace.server._service_cy import Service
from vivace.server._stream_cy import Headers, Stream
from vivace.server._transport_cy import ClientTransport
from vivace.server._websocket_cy import WebSocketCycle, websocket_scope
from vivace.server.connection_scope import connection_scope
from vivace.server.errors import ClientDisconnected
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY
from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode, StreamReset
from vivace.server.protocol.http2_output import Http2Stream
from vivace.server.protocol.http2_session import Http2Session
from vivace.server.protocol.websocket_handshake import Handshake, read_handshake
from vivace.server.sendfile import open_file, read_pieces

NEVER = float("inf")

# So many requests are begun before other connections have their turn.
REQUESTS_PER_TURN = 64

# A client whose window is smaller has not been allowed to send a whole frame.
FRAME = 16384


class Http2Connection:
    """An `asyncio.Protocol` in all but its base class, which would cost a dictionary per connection.

    It begins with the client's preface, or with what came so far of it.
    """

    transport: ClientTransport

    def __init__(self, service: Service) -> None:
        self.service = service
        self.session = Http2Session(
            service.limits, server=service.server_header, date=service.date_header, connect=service.websocket
        )
        self.scope_template: dict[str, Any] = {}
        self.reading = False
        self.read_due = False
        self.flush_due = False
        self.paused_exchanges: list[Http2Exchange] | None = None
        self.leaving = False
        self.settings_deadline = NEVER
        self.frame_deadline = NEVER
        self.frame_mark = 0
        self.idle_deadline = NEVER
        self.idle_mark = 0
        self.write_deadline = NEVER
        self.sent_before = 0

    # ---- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        service = self.service
        self.transport = ClientTransport(service, cast(asyncio.Transport, transport))
        self.scope_template = connection_scope(transport, service, "2")
        service.opened(self)
        self.settings_deadline = service.now + service.header_timeout
        if service.draining:
            self.drain()
        else:
            self.flush()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        if self.transport.ending:
            return
        self.session.feed(data)
        if not self.read_due:
            self.read_events()
        elif self.session.buffered > self.service.body_buffer:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more. True keeps the connection open for the responses it may still read."""
        transport = self.transport
        transport.eof_seen = True
        if transport.ending:
            return False
        self.leaving = True
        self.session.feed_eof()
        if not self.read_due:
            self.read_events()
        return not transport.ending

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.transport.lost()
        self.service.closed(self)
        self.session.close()
        self.end_exchanges()

    def pause_writing(self) -> None:
        """asyncio: the client is slower than we are."""
        self.transport.writing_paused()
        self.session.held = True

    def resume_writing(self) -> None:
        """asyncio: the client has caught up."""
        self.transport.writing_resumed()
        self.session.held = False
        if self.transport.ending:
            return
        self.flush()
        if not self.read_due and self.transport.read_paused and not self.transport.paused:
            self.read_events()

    # ---- requests

    def read_events(self) -> None:
        """Take what the session has. Applications that answer at once do so in here."""
        self.read_due = False
        if self.reading or self.transport.ending:
            return
        self.reading = True
        try:
            self.read_due = self.take_events()
        except ConnectionFailed as error:
            self.fail(error)
        finally:
            self.reading = False
        self.flush()
        if self.read_due:
            self.service.loop.call_soon(self.read_events)
        self.pause_if_behind()

    def take_events(self) -> bool:
        """True when others should have their turn before the rest."""
        begun = 0
        session = self.session
        while not self.transport.ending:
            if session.length > self.service.write_buffer:
                self.flush()
                if self.transport.paused:
                    # The client does not read its answers; it gets no more of them.
                    return False
            if begun >= REQUESTS_PER_TURN:
                return True
            event = session.next_event()
            if event is None:
                return False
            if self.handle(event):
                begun += 1
        return False

    def handle(self, event: tuple[Http2Stream, Any]) -> bool:
        """True when it was a request."""
        stream, what = event
        exchange = stream.owner
        if type(what) is RequestHead:
            self.begin_request(stream, what)
            return True
        if type(what) is bytes:
            if exchange is not None:
                exchange.feed(what)
        elif what is END_OF_BODY:
            if exchange is not None:
                exchange.feed_end()
        elif type(what) is StreamReset:
            if exchange is not None:
                exchange.gone()
        else:
            self.refuse(stream, what)
        return False

    def begin_request(self, stream: Http2Stream, head: RequestHead) -> None:
        service = self.service
        exchange = Http2Exchange(self, stream)
        if stream.protocol is not None:
            self.begin_websocket(exchange, head)
            return
        cycle = Cycle(service, exchange, http_scope(self.scope_template, head, service), head.has_body)
        exchange.cycle = cycle
        stream.owner = exchange
        if head.has_body:
            exchange.owes_continue = head.expects_continue
            exchange.request_deadline = service.now + service.request_timeout
        cycle.start()

    def begin_websocket(self, exchange: Http2Exchange, head: RequestHead) -> None:
        """An extended CONNECT (RFC 8441 4)."""
        service, stream = self.service, exchange.stream
        try:
            if stream.protocol != "websocket" or not service.websocket:
                raise ProtocolError(501, "this server knows no such protocol to connect to")
            handshake = read_handshake(head, service.compression)
        except ProtocolError as error:
            self.session.refuse_request(stream, error)
            self.log_refusal(error)
            return
        scope = websocket_scope(self.scope_template, head, handshake, service)
        cycle = WebSocketCycle(service, exchange, scope, handshake)
        exchange.cycle = cycle
        stream.owner = exchange
        if not head.has_body:
            cycle.half_close()
        cycle.start()

    def refuse(self, stream: Http2Stream, error: ProtocolError) -> None:
        """The session has answered a request that cannot be served."""
        exchange = stream.owner
        if exchange is not None:
            exchange.gone()
        self.log_refusal(error)

    def log_refusal(self, error: ProtocolError) -> None:
        log = self.service.access_log
        if log is not None:
            log(self.scope_template["client"], "-", error.reason.encode(), "2", error.status, 0, 0.0)

    # ---- the socket

    def pause_if_behind(self) -> None:
        """Read no more while the client takes none of our answers, or too much waits for our next turn."""
        transport, session = self.transport, self.session
        if transport.ending:
            return
        behind = session.length > self.service.write_buffer and transport.paused
        if behind or (self.read_due and session.buffered > self.service.body_buffer):
            transport.pause_reading()
        else:
            transport.resume_reading()

    def written(self) -> None:
        """The session has something for the socket: see to it that it is written, with the rest of this turn's."""
        if self.reading or self.flush_due:
            return
        if self.session.open_streams == 0:
            # Nobody else could have anything to say.
            self.flush()
        else:
            self.flush_due = True
            self.service.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write as much as the socket takes."""
        self.flush_due = False
        transport, session = self.transport, self.session
        if transport.ending:
            return
        while not transport.paused:
            data = session.take()
            if not data:
                break
            transport.write(data)
        if self.paused_exchanges is not None:
            self.wake_writers()
        if self.leaving and session.finished and not session.wants_to_write and not transport.ending:
            transport.end(True)

    def wake_writers(self) -> None:
        """Let those applications go on whose stream has been written, or will be without making them wait."""
        waiting = cast(list[Http2Exchange], self.paused_exchanges)
        self.paused_exchanges = None
        for exchange in waiting:
            if not exchange.resume_if_drained():
                if self.paused_exchanges is None:
                    self.paused_exchanges = []
                self.paused_exchanges.append(exchange)

    # ---- the end

    def fail(self, error: ConnectionFailed) -> None:
        """The connection is over: the session's last words are written, be the socket slow or not."""
        self.log_refusal(error)
        self.transport.write(self.session.take())
        self.transport.end(True)

    def close(self, code: ErrorCode, reason: str) -> None:
        """End the connection at once, and tell the client why."""
        self.session.close(code, reason)
        self.end_exchanges()
        self.transport.write(self.session.take())
        self.transport.end(True)

    def end_exchanges(self) -> None:
        """Tell every application that its client is gone, once the session is closed."""
        while True:
            try:
                event = self.session.next_event()
            except ConnectionFailed:
                return
            if event is not None:
                stream, what = event
                exchange = stream.owner
                if exchange is not None and type(what) is StreamReset:
                    exchange.gone()

    def exchanges(self) -> list[Http2Exchange]:
        return [stream.owner for stream in self.session.streams.values() if stream.owner is not None]

    # ---- timeouts and the server's end, called by the service

    def tick(self, now: float) -> None:
        """Service: time goes on."""
        transport = self.transport
        transport.tick(now)
        if transport.ending:
            return
        if now >= self.settings_deadline:
            if not self.session.settings_acknowledged:
                self.close(ErrorCode.SETTINGS_TIMEOUT, "no answer to SETTINGS")
                return
            self.settings_deadline = NEVER
        self.check_frame(now)
        self.check_idle(now)
        self.check_window(now)
        for exchange in self.exchanges():
            exchange.tick(now)

    def check_frame(self, now: float) -> None:
        """What the client began to say it must finish."""
        session = self.session
        mark = 0
        if not (self.transport.ending or self.transport.read_paused or self.read_due):
            if session.block_stream:
                mark = -session.block_stream
            elif session.buffered or not session.settings_seen:
                mark = session.frames_read + 1
        if mark == 0:
            self.frame_deadline = NEVER
        elif mark != self.frame_mark or self.frame_deadline == NEVER:
            self.frame_deadline = now + self.service.header_timeout
        elif now >= self.frame_deadline:
            self.close(ErrorCode.ENHANCE_YOUR_CALM, "a frame or header block came too slowly")
        self.frame_mark = mark

    def check_idle(self, now: float) -> None:
        session = self.session
        if session.open_streams > 0 or session.last_stream != self.idle_mark or self.idle_deadline == NEVER:
            self.idle_mark = session.last_stream
            self.idle_deadline = now + self.service.keep_alive_timeout
        elif now >= self.idle_deadline and not self.transport.ending:
            self.close(ErrorCode.NO_ERROR, "")

    def check_window(self, now: float) -> None:
        """A client that asked for data must allow us to send it (CVE-2019-9511): a byte now and then is not enough."""
        session, service = self.session, self.service
        if not session.is_blocked or self.transport.ending:
            self.write_deadline = NEVER
        elif self.write_deadline == NEVER:
            self.sent_before = session.data_sent
            self.write_deadline = now + service.write_timeout
        elif now >= self.write_deadline:
            if session.data_sent - self.sent_before <= service.min_write_rate * service.write_timeout:
                self.close(ErrorCode.ENHANCE_YOUR_CALM, "the client takes no data")
            self.write_deadline = NEVER

    def drain(self) -> None:
        """Service: the server stops. What is open is served to its end."""
        if self.transport.ending:
            return
        self.leaving = True
        self.session.drain()
        for exchange in self.exchanges():
            if exchange.cycle is not None:
                exchange.cycle.drain()
        self.flush()

    def close_if_idle(self) -> None:
        """Service: nobody waits for us here any more."""
        if self.transport.ending:
            self.transport.close_if_flushed()
        elif self.session.open_streams == 0:
            self.close(ErrorCode.NO_ERROR, "")

    def abort(self) -> None:
        """Service: end now."""
        self.transport.abort()


class Http2Exchange(Stream):
    """A request and its response on one stream. Its `cycle` is None once the response is given."""

    def __init__(self, connection: Http2Connection, stream: Http2Stream) -> None:
        self.connection = connection
        self.stream = stream
        self.cycle: Cycle | None = None
        self.write_paused = False
        self.response_begun = False
        self.writable: asyncio.Event | None = None
        self.owes_continue = False
        self.body_deadline = NEVER
        self.rate_deadline = NEVER
        self.request_deadline = NEVER
        self.rate_bytes = 0
        self.write_deadline = NEVER
        self.sent_before = 0
        self.accepted = False
        self.data_paused = False
        self.data_ended = False
        self.held: bytearray | None = None

    # ---- the request, called by the connection

    def feed(self, data: bytes) -> None:
        cycle = self.cycle
        if cycle is None:
            # Nobody reads it any more.
            self.connection.session.consumed(self.stream, len(data))
        elif self.stream.protocol is not None:
            if self.held is None:
                self.held = bytearray()
            self.held += data
            self.feed_held()
        else:
            if self.body_deadline != NEVER:
                self.body_deadline = self.connection.service.now + self.connection.service.body_timeout
            cycle.feed(data)

    def feed_end(self) -> None:
        self.body_deadline = self.rate_deadline = self.request_deadline = NEVER
        if self.stream.protocol is not None:
            self.data_ended = True
            self.feed_held()
        elif self.cycle is not None:
            self.cycle.feed_end(self.stream.trailers)

    def feed_held(self) -> None:
        """Give an accepted WebSocket its bytes, unless it has enough of them."""
        cycle = self.cycle
        if cycle is not None and self.held and self.accepted and not self.data_paused:
            data = bytes(self.held)
            self.held = None
            self.connection.session.consumed(self.stream, len(data))
            cycle.feed(data)
        cycle = self.cycle
        if cycle is not None and self.data_ended and not self.held and not self.data_paused:
            self.data_ended = False
            cycle.half_close()

    def gone(self) -> None:
        """The stream has ended without a proper end."""
        cycle = self.cycle
        self.detach()
        if cycle is not None:
            cycle.disconnect()

    def detach(self) -> None:
        """Nothing more happens between the stream and its cycle."""
        self.stream.owner = None
        self.cycle = None
        self.held = None
        self.wake()

    # ---- called by the cycle

    def start_response(self, status: int, headers: Headers, trailers: bool) -> None:
        """Stream: keep the head until its first piece of body."""
        self.connection.session.start(self.stream, status, headers)

    def send_body(self, data: bytes, more: bool) -> None:
        """Stream: write a piece of body, or let it wait for its turn."""
        self.connection.session.body(self.stream, data, more)
        self.response_begun = True
        if more:
            self.pause_if_full()
        else:
            self.complete()
        self.connection.written()

    def send_trailers(self, headers: Headers) -> None:
        """Stream: end a response."""
        self.connection.session.trailers(self.stream, headers)
        self.complete()
        self.connection.written()

    def send_informational(self, status: int, headers: Headers) -> None:
        """Stream: write a 1xx head."""
        self.connection.session.inform(self.stream, status, headers)
        self.connection.written()

    def send_file(self, path: str) -> Awaitable[int]:
        """Stream: write a file as the body."""
        return self.write_file(path)

    async def write_file(self, path: str) -> int:
        file, size = open_file(path)
        try:
            self.connection.session.announce(self.stream, size)
            if cast(RequestHead, self.stream.head).method != "HEAD":
                loop = self.connection.service.loop
                async with aclosing(read_pieces(loop, file, 0, size)) as pieces:
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

    def complete(self) -> None:
        """The response is given; the stream may have to go on sending it."""
        self.cycle = None
        if self.stream.closed:
            self.stream.owner = None

    def want_body(self) -> None:
        """Stream: the application reads."""
        service = self.connection.service
        if self.owes_continue:
            # RFC 9110 10.1.1: only now does the client learn that its body is wanted.
            self.owes_continue = False
            if not self.response_begun and self.stream.body_size == 0:
                self.send_informational(100, ())
        if self.body_deadline == NEVER:
            self.body_deadline = service.now + service.body_timeout
        if self.rate_deadline == NEVER:
            self.rate_bytes = 0
            self.rate_deadline = service.now + service.body_timeout

    def consumed(self, size: int) -> None:
        """Stream: the application took part of the body; the client may send as much more."""
        if size > 0:
            self.rate_bytes += size
            self.connection.session.consumed(self.stream, size)
            if self.connection.session.length > 0:
                self.connection.written()

    def abort(self) -> None:
        """Stream: end without a proper end."""
        # RFC 8441 5: what is a reset in TCP, is CANCEL here.
        self.connection.session.reset(self.stream, ErrorCode.CANCEL if self.accepted else ErrorCode.INTERNAL_ERROR)
        self.detach()
        self.connection.written()

    # ---- a client that is slower than the application

    def pause_if_full(self) -> None:
        connection = self.connection
        if self.write_paused or self.stream.closed:
            return
        if self.stream.unsent > connection.service.write_buffer or connection.transport.paused:
            self.write_paused = True
            if connection.paused_exchanges is None:
                connection.paused_exchanges = []
            connection.paused_exchanges.append(self)

    def resume_if_drained(self) -> bool:
        """Whether the stream need not be looked at again. A tenth too little room is not worth waking up for."""
        if not self.write_paused:
            return True
        if self.connection.transport.paused or self.stream.unsent * 2 > self.connection.service.write_buffer:
            return False
        self.wake()
        if self.cycle is not None:
            self.cycle.resume_writing()
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
        answer = handshake.response_headers(subprotocol, headers)
        self.connection.session.start(self.stream, 200, answer)
        self.connection.session.body(self.stream, b"", True)
        self.response_begun = self.accepted = True
        self.connection.written()
        self.feed_held()

    def send_data(self, data: bytes | tuple[bytes, ...]) -> None:
        """Stream: write frames."""
        if isinstance(data, tuple):
            data = b"".join(data)
        self.connection.session.body(self.stream, data, True)
        self.pause_if_full()
        self.connection.written()

    def end_data(self) -> None:
        """Stream: the server ends the stream."""
        self.connection.session.body(self.stream, b"", False)
        self.complete()
        self.connection.written()

    def pause_data(self) -> None:
        """Stream: what comes is kept, and fills the client's window."""
        self.data_paused = True

    def resume_data(self) -> None:
        """Stream: feed the cycle again."""
        self.data_paused = False
        self.feed_held()
        self.connection.written()

    # ---- timeouts

    def tick(self, now: float) -> None:
        if now >= self.body_deadline or now >= self.rate_deadline or now >= self.request_deadline:
            self.check_body(now)
        self.check_window(now)
        if self.cycle is not None:
            self.cycle.tick(now)

    def check_body(self, now: float) -> None:
        connection, cycle = self.connection, self.cycle
        service = connection.service
        # A client that has no window cannot send; and once there is a response, the two may be talking, at their pace.
        excused = (
            cycle is None
            or self.response_begun
            or self.stream.receive_window < FRAME
            or connection.session.receive_window < FRAME
        )
        late = now >= self.body_deadline and cycle is not None and cycle.buffered == 0
        if now >= self.rate_deadline:
            came = self.rate_bytes + (cycle.buffered if cycle is not None else 0)
            late = late or came < service.min_body_rate * service.body_timeout
            self.rate_bytes = 0
            self.rate_deadline = now + service.body_timeout
        if now >= self.body_deadline:
            self.body_deadline = now + service.body_timeout
        if (late and not excused) or now >= self.request_deadline:
            error = ProtocolError(408, "the body came too slowly")
            connection.session.refuse_request(self.stream, error)
            connection.refuse(self.stream, error)
            connection.written()

    def check_window(self, now: float) -> None:
        """As `Http2Connection.check_window`, for the window of this stream."""
        connection, stream = self.connection, self.stream
        service = connection.service
        if stream.unsent == 0 or stream.send_window > 0:
            self.write_deadline = NEVER
        elif self.write_deadline == NEVER:
            self.sent_before = stream.sent - stream.unsent
            self.write_deadline = now + service.write_timeout
        elif now >= self.write_deadline:
            self.write_deadline = NEVER
            if stream.sent - stream.unsent - self.sent_before <= service.min_write_rate * service.write_timeout:
                connection.session.reset(stream, ErrorCode.CANCEL)
                self.gone()
                connection.written()
