# cython: annotation_typing=False
"""One HTTP/2 connection: requests begin, the client's time runs out, the connection ends.

The session speaks the protocol, and every request has an exchange of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from vivace.server._cycle_cy import CROWDED, Cycle, http_scope, log_refusal, new_cycle
from vivace.server._http2_exchange_cy import Http2Exchange, Http2Link, SlowReader
from vivace.server._service_cy import Service
from vivace.server._transport_cy import NEVER, ClientTransport
from vivace.server._websocket_cy import WebSocketCycle, websocket_scope
from vivace.server.connection_scope import connection_scope
from vivace.server.counters import HTTP2
from vivace.server.health import answer_health
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY
from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode, StreamReset
from vivace.server.protocol.http2_output import Http2Stream
from vivace.server.protocol.proxy_protocol import ProxyHeader
from vivace.server.protocol.websocket_handshake import read_handshake
from vivace.server.room import LOBBY_SECONDS
from vivace.server.types import ASGIApp

# So many requests are begun before other connections have their turn.
REQUESTS_PER_TURN = 64


class Http2Connection(Http2Link):
    """An `asyncio.Protocol` in all but its base class, which would cost a dictionary per connection.

    It begins with the client's preface, or with what came so far of it.
    """

    def __init__(self, service: Service, app: ASGIApp) -> None:
        super().__init__(service, app)
        self.proxied: ProxyHeader | None = None
        self.scope_template: dict[str, Any] = {}
        self.read_due = False
        self.settings_deadline = NEVER
        self.frame_deadline = NEVER
        self.frame_mark = 0
        self.idle_deadline = NEVER
        self.idle_mark = 0
        self.slow_reader: SlowReader | None = None
        self.crowded = False
        self.crowded_deadline = NEVER
        self.heard = 0.0
        self.asked = NEVER
        self.idle_until = NEVER

    @property
    def wire(self) -> int:
        """The protocol, as `counters` numbers them."""
        return HTTP2

    @property
    def encrypted(self) -> bool:
        """Whether there is TLS."""
        return self.transport.encrypted

    # ---- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        service = self.service
        self.transport = ClientTransport(service, cast(asyncio.Transport, transport))
        self.scope_template = connection_scope(transport, service, "2", self.proxied)
        self.settings_deadline = service.now + service.header_timeout
        self.crowded = not service.opened(self, self.scope_template["client"])
        if self.crowded:
            self.crowded_deadline = service.now + LOBBY_SECONDS
        if service.draining:
            self.drain()
        self.flush()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        self.service.counters.bytes_received += len(data)
        if self.transport.ending:
            return
        self.heard = self.service.now
        self.asked = NEVER
        self.session.feed(data)
        if not self.read_due:
            self.read_events()
        else:
            self.pause_if_behind()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more. True keeps the connection open for the responses it may still read."""
        self.transport.eof_seen = True
        if not self.transport.ending:
            self.leaving = True
            self.session.feed_eof()
            self.half_close()
            if not self.read_due:
                self.read_events()
        return not self.transport.ending and self.transport.can_half_close()

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
        self.flush()
        if self.transport.read_paused and not self.transport.paused and not self.read_due:
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
        while True:
            if session.length > self.service.write_buffer:
                self.flush()
                if session.length > self.service.write_buffer:
                    # The client does not read its answers; it gets no more of them.
                    return False
            if begun == REQUESTS_PER_TURN:
                return True
            event = session.next_event()
            if event is None or self.transport.ending:
                return False
            if self.handle(event):
                begun += 1

    def handle(self, event: tuple[Http2Stream, Any]) -> bool:
        """True when it was a request."""
        stream, what = event
        exchange = stream.owner
        if type(what) is RequestHead:
            self.begin_request(stream, what)
            return True
        if type(what) is not bytes and what is not END_OF_BODY and type(what) is not StreamReset:
            what.head = stream.head
            self.refused(exchange, what)
        elif exchange is None:
            # It has its whole response, and nobody listens any more.
            return False
        elif type(what) is bytes:
            exchange.feed(what)
        elif what is END_OF_BODY:
            exchange.feed_end()
        else:
            exchange.gone()
        return False

    def begin_request(self, stream: Http2Stream, head: RequestHead) -> None:
        service = self.service
        exchange = Http2Exchange(self, stream)
        if stream.protocol is not None:
            self.begin_websocket(exchange, head)
        elif service.health_path is not None and answer_health(service, exchange, head):
            if not stream.closed:
                stream.owner = exchange
        else:
            scope = http_scope(self.scope_template, head, service)
            cycle = new_cycle(service, exchange, scope, head)
            if self.transport.eof_seen:
                cycle.half_close()
            self.begin_exchange(exchange, cycle)

    def begin_exchange(self, exchange: Http2Exchange, cycle: Cycle) -> None:
        if self.crowded:
            exchange.attach(cycle)
            cycle.turn_away(CROWDED)
            self.drain()
        else:
            exchange.begin(cycle)

    def begin_websocket(self, exchange: Http2Exchange, head: RequestHead) -> None:
        """An extended CONNECT (RFC 8441 4)."""
        service, stream = self.service, exchange.stream
        try:
            if stream.protocol != "websocket" or not service.websocket:
                raise ProtocolError(501, "this server knows no such protocol to connect to")
            handshake = read_handshake(head, service.compression)
        except ProtocolError as error:
            self.session.refuse_request(stream, error)
            error.head = head
            self.refused(None, error)
            return
        scope = websocket_scope(self.scope_template, head, handshake, service)
        cycle = WebSocketCycle(service, exchange, scope, handshake)
        if not head.has_body:
            cycle.half_close()
        self.begin_exchange(exchange, cycle)

    def refused(self, exchange: Http2Exchange | None, error: ProtocolError) -> None:
        """A request has been answered with that error."""
        cycle = None if exchange is None else exchange.cycle
        if exchange is None or cycle is None:
            log_refusal(self.service, self.scope_template, error, "2", len(error.reason))
        elif exchange.response_begun:
            exchange.gone()
        else:
            exchange.detach()
            cycle.refused(error.status, len(error.reason))

    def pause_if_behind(self) -> None:
        """Read no more while the client takes none of our answers, or too much waits for our next turn."""
        transport, session = self.transport, self.session
        if transport.ending:
            return
        behind = transport.paused and session.length > self.service.write_buffer
        if behind or (self.read_due and session.buffered > self.service.body_buffer):
            transport.pause_reading()
        else:
            transport.resume_reading()

    # ---- the end

    def half_close(self) -> None:
        """The client may be gone, or only done with asking: applications that listen for its end hear of it."""
        for exchange in self.exchanges():
            cycle = exchange.cycle
            if cycle is not None:
                cycle.half_close()

    def fail(self, error: ConnectionFailed) -> None:
        """The session is over: its last words are written, be the socket slow or not."""
        log_refusal(self.service, self.scope_template, error, "2", 0)
        self.transport.write(self.session.take())
        self.transport.end(True)

    def close(self, code: ErrorCode, reason: str) -> None:
        """End the connection at once, and tell the client why."""
        if self.transport.ending:
            return
        self.session.close(code, reason)
        self.end_exchanges()
        self.transport.write(self.session.take())
        self.transport.end(True)

    def end_exchanges(self) -> None:
        """The session is closed: tell every application that its client is gone."""
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
        self.transport.tick(now)
        if self.transport.ending:
            return
        if now >= self.crowded_deadline:
            self.close(ErrorCode.NO_ERROR, "")
            return
        self.check_settings(now)
        self.check_frame(now)
        self.check_idle(now)
        self.check_window()
        self.check_life(now)
        for exchange in self.exchanges():
            exchange.tick(now)

    def check_settings(self, now: float) -> None:
        """RFC 9113 6.5.3: the client must take note of ours."""
        if now >= self.settings_deadline:
            self.settings_deadline = NEVER
            if not self.session.settings_acknowledged:
                self.close(ErrorCode.SETTINGS_TIMEOUT, "no answer to SETTINGS")

    def check_frame(self, now: float) -> None:
        """A frame, or a header block of several, that was begun must be finished."""
        session = self.session
        mark = 0
        if not (self.transport.read_paused or self.read_due):
            if session.block_stream:
                mark = -session.block_stream
            elif session.buffered > 0 or not session.settings_seen:
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
        elif now >= self.idle_deadline:
            self.close(ErrorCode.NO_ERROR, "")

    def check_life(self, now: float) -> None:
        """A client with requests open may wait in silence, or be gone without a word (RFC 9113 6.7)."""
        if self.session.open_streams == 0 or self.transport.read_paused or self.transport.paused:
            # There are other timeouts for these; and it might answer without our hearing it.
            self.heard = now
            self.asked = NEVER
        elif self.asked != NEVER:
            if now - self.asked >= self.service.http2_ping_timeout:
                self.close(ErrorCode.NO_ERROR, "no answer to PING")
        elif now - self.heard >= self.service.http2_ping_interval:
            self.asked = now
            self.session.ping()
            self.flush()

    def check_window(self) -> None:
        """As for the window of one stream."""
        session = self.session
        if not session.is_blocked:
            self.slow_reader = None
        elif self.slow_reader is None:
            self.slow_reader = SlowReader(self.service, session.data_sent)
        elif self.slow_reader.gave_up(session.data_sent):
            self.close(ErrorCode.ENHANCE_YOUR_CALM, "the client takes no data")

    def drain(self) -> None:
        """Service: the server stops. What is open is served to its end."""
        if self.transport.ending:
            return
        self.leaving = True
        self.idle_until = self.service.loop.time() + self.service.last_request
        self.session.drain()
        for exchange in self.exchanges():
            cycle = exchange.cycle
            if cycle is not None:
                cycle.drain()
        self.flush()

    def give_notice(self) -> None:
        """Service: what is still running will be cancelled in a moment."""
        for exchange in self.exchanges():
            cycle = exchange.cycle
            if cycle is not None:
                cycle.give_notice()

    def idle_since(self) -> float:
        """Service: since when nothing is asked, or NEVER."""
        if self.session.open_streams > 0 or self.transport.ending or self.crowded or self.idle_deadline == NEVER:
            return NEVER
        return self.idle_deadline - self.service.keep_alive_timeout

    def close_if_idle(self, time: float) -> None:
        """Service: nobody waits for us here any more, or the client does not answer to our GOAWAY."""
        session = self.session
        if self.transport.ending:
            self.transport.close_if_flushed(time)
        elif time < self.idle_until:
            return
        elif session.open_streams == 0 and session.buffered == 0 and not self.transport.has_unread():
            self.close(ErrorCode.NO_ERROR, "")

    def make_way(self) -> bool:
        """Service: close, if still nothing is asked; whether it did."""
        idle = self.session.buffered == 0 and not self.transport.has_unread()
        if idle:
            self.close(ErrorCode.NO_ERROR, "")
        return idle

    def abort(self) -> None:
        """Service: end now."""
        self.transport.abort()
