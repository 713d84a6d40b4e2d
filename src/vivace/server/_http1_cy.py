# cython: annotation_typing=False, auto_pickle=False
"""One HTTP/1.1 connection: requests in, responses out, in order, within the timeouts.

Every connection begins as one. TLS's ALPN or an HTTP/2 preface makes it an `Http2Connection`; an accepted WebSocket
keeps it, and its bytes go to the cycle.

A connection answers one request at a time. Pipelined ones wait in the scanner, and the socket is not read while too
much waits there, or while the application leaves too much of a body unread, or the client too much of the responses.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import Any, cast

from vivace.server._body_pace_cy import BodyPace
from vivace.server._cycle_cy import CROWDED, Cycle, http_scope, identify_refusal, log_refusal, new_cycle
from vivace.server._http2_cy import Http2Connection
from vivace.server._service_cy import Service
from vivace.server._stream_cy import Headers, Stream
from vivace.server._transport_cy import NEVER, ClientTransport
from vivace.server._websocket_cy import WebSocketCycle, websocket_scope
from vivace.server.connection_scope import connection_scope
from vivace.server.counters import HTTP1
from vivace.server.health import answer_health
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.default_headers import with_defaults
from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.http1_scanner import Http1Scanner
from vivace.server.protocol.http1_writer import Http1Writer
from vivace.server.protocol.proxy_protocol import ProxyHeader
from vivace.server.protocol.websocket_handshake import Handshake, read_handshake, wants_websocket
from vivace.server.room import LOBBY_SECONDS
from vivace.server.sendfile import SMALL_FILE, open_file, read_file, read_pieces
from vivace.server.types import ASGIApp

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 3.4

# An unread body up to this size is read and thrown away to keep the connection; past it, closing is cheaper.
DISCARDED_BODY = 256 * 1024

# A client that has just connected sends a request, so that for this long no stop closes the connection.
FIRST_REQUEST = 1.0

# So many pipelined requests are answered before other connections have their turn.
REQUESTS_PER_TURN = 64


class Http1Connection(Stream):
    """An `asyncio.Protocol` in all but its base class, which would cost a dictionary per connection."""

    def __init__(self, service: Service, app: ASGIApp | None = None) -> None:
        self.service = service
        self.app = service.app if app is None else app
        self.wire = HTTP1
        self.scanner: Http1Scanner = Http1Scanner(service.limits)
        self.writer: Http1Writer = Http1Writer(service.server_header, service.date_header, service.default_headers)
        self.transport: ClientTransport = None  # type: ignore[assignment]  # until connection_made
        self.proxied: ProxyHeader | None = None
        self.scope_template: dict[str, Any] = {}
        self.preface: bytes | None = b"" if service.http2 else None
        self.cycle: Cycle | None = None
        self.in_body = False
        self.unstarted = False
        self.owes_continue = False
        self.client_closes = False
        self.discarded = 0
        self.reading = False
        self.scheduled = False
        self.accepted = False
        self.write_paused = False
        self.response_begun = False
        self.writable: asyncio.Event | None = None
        self.deadline = NEVER
        self.idle_until = 0.0
        self.head_started = False
        self.crowded = False
        self.pace: BodyPace | None = None

    # ---- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        if self.service.stopped:
            # Its TLS handshake took longer than the server lived.
            self.transport = ClientTransport(self.service, cast(asyncio.Transport, transport))
            self.transport.abort()
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.service.handshaking.discard(self)
            if tls.selected_alpn_protocol() == "h2":
                become_http2(self.service, self.app, transport, b"", self.proxied)
                return
        self.transport = ClientTransport(self.service, cast(asyncio.Transport, transport))
        self.encrypted = self.transport.encrypted
        self.scope_template = connection_scope(transport, self.service, "1.1", self.proxied)
        self.crowded = not self.service.opened(self, self.scope_template["client"])
        self.set_deadline(
            min(self.service.header_timeout, LOBBY_SECONDS) if self.crowded else self.service.header_timeout
        )
        self.idle_until = self.service.loop.time() + FIRST_REQUEST
        if self.service.draining:
            self.drain()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        self.service.counters.bytes_received += len(data)
        if self.transport.ending:
            return
        cycle = self.cycle  # a name of its own keeps it while it runs; here and below it may be dropped by its own end
        if self.accepted and cycle is not None:
            cycle.feed(data)
            return
        if self.preface is not None:
            data = self.without_preface(self.preface + data)
            if not data:
                return
        self.scanner.feed(data)
        if self.cycle is None or self.in_body:
            self.read_events()
        elif self.scanner.buffered > self.service.body_buffer:
            self.pause_reading()

    def without_preface(self, data: bytes) -> bytes:
        """The first bytes of the connection, once they are known to be HTTP/1.1; another protocol takes them over."""
        if len(data) < len(HTTP2_PREFACE) and HTTP2_PREFACE.startswith(data):
            self.preface = data
            return b""
        self.preface = None
        if data.startswith(HTTP2_PREFACE):
            transport = self.transport.take_away()
            self.service.closed(self)
            become_http2(self.service, self.app, transport, data, self.proxied)
            return b""
        return data

    def eof_received(self) -> bool:
        """asyncio: the client sends no more. True keeps the connection open for the responses it may still read."""
        return self.half_closed() and self.transport.can_half_close()

    def half_closed(self) -> bool:
        """Whether there are responses that a client which sends no more may still read."""
        transport = self.transport
        transport.eof_seen = True
        if transport.ending:
            return False
        if self.in_body:
            self.refuse(ProtocolError(400, "the body ended early"))
            return transport.transport is not None
        if self.cycle is None:
            return self.write_paused or self.scheduled
        cycle = self.cycle
        cycle.half_close()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.transport.lost()
        self.service.closed(self)
        cycle = self.cycle
        self.cycle = None
        if cycle is not None:
            cycle.disconnect()
        if self.writable is not None:
            self.writable.set()

    def pause_writing(self) -> None:
        """asyncio: the client is slower than we are."""
        self.write_paused = True
        self.transport.writing_paused()

    def resume_writing(self) -> None:
        """asyncio: the client has caught up."""
        self.write_paused = False
        self.transport.writing_resumed()
        if self.writable is not None:
            self.writable.set()
        if self.cycle is not None:
            self.cycle.resume_writing()
        elif not self.in_body and not self.transport.ending:
            self.next_request()

    # ---- requests

    def read_events(self) -> None:
        """Take what the scanner has, up to the point where a request must wait for the response before it.

        Applications that answer at once do so in here, and their responses are written together.
        """
        self.scheduled = False
        if self.reading or self.transport.ending:
            return
        transport = self.transport
        more = False
        self.reading = True
        transport.cork()
        try:
            more = self.take_events()
        except ProtocolError as error:
            self.refuse(error)
        finally:
            self.reading = False
            transport.uncork()
        if more:
            self.read_events_soon()
        elif not transport.ending:
            self.wait_for_more()

    def read_events_soon(self) -> None:
        self.scheduled = True
        self.service.loop.call_soon(self.read_events)

    def take_events(self) -> bool:
        """True when others should have their turn before the rest."""
        started = 0
        while (self.in_body or (self.cycle is None and not self.write_paused)) and not self.transport.ending:
            if started == REQUESTS_PER_TURN and self.scanner.buffered > 0:
                return True
            event = self.scanner.next_event()
            if event is None:
                if self.unstarted:
                    self.start_cycle()
                return False
            if type(event) is RequestHead:
                started += 1
                self.begin_request(event)
            elif type(event) is bytes:
                self.body_piece(event)
            else:
                self.end_of_body()
        return False

    def wait_for_more(self) -> None:
        """Everything that could be read has been: what do we wait for, and how long?"""
        if self.in_body:
            if self.transport.eof_seen:
                # The end came while an earlier response was being made.
                self.refuse(ProtocolError(400, "the body ended early"))
            elif not self.transport.read_paused:
                self.wait_for_body()
        elif self.cycle is None:
            if self.write_paused:
                # The client does not read its answers; it gets no more of them.
                self.deadline = NEVER
                if self.scanner.buffered > self.service.body_buffer:
                    self.pause_reading()
            elif self.transport.eof_seen:
                self.end(False)
            else:
                self.wait_for_request()

    def wait_for_request(self) -> None:
        # Not read may be a socket whose last request was large, with its body, or waited behind another.
        self.transport.resume_reading()
        if self.scanner.between_messages():
            if self.deadline == NEVER:
                self.set_deadline(self.service.keep_alive_timeout)
        elif not self.head_started and not self.crowded:
            self.head_started = True
            self.set_deadline(self.service.header_timeout)

    def begin_request(self, head: RequestHead) -> None:
        service = self.service
        self.head_started = False
        self.idle_until = 0.0
        self.client_closes = not head.keep_alive
        self.in_body = head.has_body
        self.owes_continue = head.expects_continue
        self.response_begun = False
        self.writer.begin(
            head.method, head.http_version, head.keep_alive and not self.crowded and not self.is_last_request()
        )
        self.deadline = NEVER
        if head.has_body:
            if self.pace is None:
                self.pace = BodyPace(service)
            self.pace.begin()
        if service.health_path is not None and answer_health(service, self, head):
            return
        if head.upgrade and service.websocket and wants_websocket(head):
            self.in_body = False  # a handshake with one is refused, and answered
            try:
                handshake = read_handshake(head, service.compression)
            except ProtocolError as error:
                error.head = head
                raise
            scope = websocket_scope(self.scope_template, head, handshake, service)
            self.cycle = WebSocketCycle(service, self, scope, handshake)
        else:
            self.cycle = new_cycle(service, self, http_scope(self.scope_template, head, service), head)
        if self.transport.eof_seen:
            self.cycle.half_close()
        cycle = self.cycle
        if self.crowded:
            cycle.turn_away(CROWDED)
        elif head.has_body:
            # With what has come of its body, or all of it, the application need not wait for it.
            self.unstarted = True
        else:
            cycle.start()

    def start_cycle(self) -> None:
        self.unstarted = False
        cycle = self.cycle
        if cycle is not None:
            cycle.start()

    def body_piece(self, data: bytes) -> None:
        cycle = self.cycle
        if self.pace is not None:
            self.pace.came(len(data))
        if cycle is None:
            self.discarded += len(data)
            if self.discarded > DISCARDED_BODY:
                self.end(True)
            return
        cycle.feed(data)
        if cycle.buffered > self.service.body_buffer:
            self.pause_reading()

    def end_of_body(self) -> None:
        self.in_body = False
        self.owes_continue = False
        self.deadline = NEVER
        self.forget_body()
        if self.scanner.buffered <= self.service.body_buffer:
            # The application may not have taken it all, and must hear when the client leaves.
            self.transport.resume_reading()
        if self.cycle is not None:
            self.cycle.feed_end(self.scanner.trailers)
            if self.unstarted:
                self.start_cycle()

    def refuse(self, error: ProtocolError) -> None:
        """Answer a request that cannot be read, if an answer can still be told from another's, and end."""
        cycle = self.cycle
        self.unstarted = False
        if cycle is None and self.in_body:
            # The body that is wrong was being thrown away; its request has been answered.
            self.end(True)
            return
        self.cycle = None
        self.in_body = False
        identify_refusal(self.service, cycle, error)
        if cycle is None:
            log_refusal(self.service, self.scope_template, error, "1.1", len(error.reason))
        elif self.response_begun:
            cycle.disconnect()
            self.abort()
            return
        else:
            cycle.refused(error.status, len(error.reason))
        self.writer.begin("GET", "1.1", False)
        self.transport.write(self.writer.error(error.status, error.reason, error.headers))
        self.end(True)

    # ---- called by the cycle

    def start_response(self, status: int, headers: Headers, trailers: bool) -> None:
        """Stream: keep the head until its first piece of body."""
        self.writer.start(status, headers, trailers)

    def send_body(self, data: bytes | memoryview, more: bool) -> None:
        """Stream: write a piece of body."""
        if self.service.draining and not self.response_begun and self.is_last_request():
            self.writer.keep_alive = False
        self.transport.write(self.writer.body(data, more))
        self.response_begun = True
        if not more:
            self.response_complete()

    def send_trailers(self, headers: Headers) -> None:
        """Stream: end a response."""
        self.transport.write(self.writer.trailers(headers))
        self.response_complete()

    def send_informational(self, status: int, headers: Headers) -> None:
        """Stream: write a 1xx head."""
        self.transport.write(self.writer.inform(status, headers))

    async def send_file(self, path: str) -> int:
        """Stream: write a file as the body."""
        file, size = open_file(path)
        try:
            head = self.writer.file(size)
            if self.writer.bodiless:
                self.write_first(head)
            elif size <= SMALL_FILE:
                self.write_first(head + await read_file(self.service.loop, file, 0, size))
            else:
                self.write_first(head)
                await self.send_large_file(file, size)
        finally:
            os.close(file)
        self.response_complete()
        return size

    def write_first(self, data: bytes) -> None:
        self.transport.write(data)
        self.response_begun = True

    async def send_large_file(self, file: int, size: int) -> None:
        transport = self.transport
        if transport.encrypted:
            async with aclosing(read_pieces(self.service.loop, file, 0, size)) as pieces:
                async for piece in pieces:
                    transport.write(piece)
                    await self.wait_until_writable()
                    if transport.ending:
                        raise ConnectionAbortedError("the connection was closed while a file was sent")
        else:
            transport.uncork()
            transport.pause_until_flushed()
            await self.wait_until_writable()
            await transport.send_file(file, size)

    def want_body(self) -> None:
        """Stream: the application reads."""
        if self.owes_continue:
            # RFC 9110 10.1.1: only now does the client learn that its body is wanted.
            self.owes_continue = False
            if not self.response_begun and self.scanner.buffered == 0:
                self.send_informational(100, ())
        if self.in_body and self.transport.read_paused:
            self.transport.resume_reading()
            self.wait_for_body()

    def consumed(self, size: int) -> None:
        """Stream: the application took part of the body; `want_body` says when it wants more."""

    def abort(self) -> None:
        """Stream: end without a proper end."""
        self.deadline = NEVER
        self.forget_body()
        self.transport.abort()

    async def wait_until_writable(self) -> None:
        """Stream: wait for the client."""
        if self.writable is None:
            self.writable = asyncio.Event()
        while self.write_paused and self.transport.transport is not None:
            self.writable.clear()
            await self.writable.wait()

    # ---- WebSocket, called by its cycle

    def accept(self, handshake: Handshake, subprotocol: str | None, headers: Headers) -> None:
        """Stream: from here on the connection carries frames."""
        if self.service.default_headers:
            headers = with_defaults(headers, self.service.default_headers)
        self.transport.write(handshake.response(subprotocol, headers))
        self.response_begun = True
        self.accepted = True
        rest = self.scanner.take_rest()
        # An idle WebSocket is no place for what only HTTP needs.
        self.scanner = self.writer = None  # type: ignore[assignment]
        self.resume_data()
        if rest and self.cycle is not None:
            self.cycle.feed(rest)

    def send_data(self, data: bytes | tuple[bytes, ...]) -> None:
        """Stream: write frames."""
        self.transport.write(data)

    def end_data(self) -> None:
        """Stream: RFC 6455 7.1.1, the server closes the connection."""
        self.end(True)

    def pause_data(self) -> None:
        """Stream: read no more."""
        self.transport.pause_reading()

    def resume_data(self) -> None:
        """Stream: read again."""
        self.transport.resume_reading()

    # ---- between requests

    def response_complete(self) -> None:
        self.cycle = None
        if self.service.draining:
            self.idle_until = self.service.loop.time() + self.service.last_request
        if not self.writer.keep_alive:
            self.end(not self.client_closes or self.in_body)
        elif not self.in_body:
            if not self.reading:
                self.next_request()
        elif self.owes_continue:
            # Whether the body comes now that nobody asked for it is the client's choice, and we cannot know it.
            self.end(True)
        else:
            self.discarded = 0
            self.transport.resume_reading()
            self.wait_for_body()

    def next_request(self) -> None:
        """The last response is written: look for the next request, unless the client does not read."""
        if self.scanner.buffered > 0 or self.transport.eof_seen:
            # Not at once: the application is still in the `send` of its last message.
            self.read_events_soon()
        else:
            self.wait_for_more()

    def end(self, linger: bool) -> None:
        """Close once everything is written. With `linger`, read on for a moment, so that the client gets it."""
        self.cycle = None
        self.in_body = False
        self.deadline = NEVER
        self.forget_body()
        self.transport.uncork()
        self.transport.end(linger)

    def pause_reading(self) -> None:
        self.transport.pause_reading()
        self.deadline = NEVER
        if self.pace is not None:
            self.pace.rest()

    # ---- timeouts and the server's end, called by the service

    def set_deadline(self, seconds: float) -> None:
        self.deadline = self.service.now + seconds

    def wait_for_body(self) -> None:
        if self.pace is not None:
            self.pace.wait()

    def forget_body(self) -> None:
        if self.pace is not None:
            self.pace.finish()

    def tick(self, now: float) -> None:
        """Service: time goes on."""
        self.transport.tick(now)
        if self.transport.ending:
            return
        cycle = self.cycle
        if self.in_body:
            if self.pace is None:
                pass
            elif cycle is not None and cycle.waits_for_turn():
                self.pace.postpone()
            elif self.pace.is_late(self.response_begun and cycle is not None):
                self.refuse(ProtocolError(408, "the body came too slowly"))
        elif now >= self.deadline:
            self.read_expired()
        cycle = self.cycle
        if cycle is not None:
            cycle.tick(now)

    def read_expired(self) -> None:
        if self.head_started:
            self.refuse(ProtocolError(408, "the request came too slowly"))
        elif not self.transport.has_unread():
            self.end(False)

    def is_last_request(self) -> bool:
        """Whether the server stops, and no other request is pipelined behind this one."""
        return self.service.draining and (self.in_body or self.scanner.buffered == 0)

    def drain(self) -> None:
        """Service: the server stops. Of the responses that have not begun, the last one says so."""
        self.idle_until = max(self.idle_until, self.service.loop.time() + self.service.last_request)
        cycle = self.cycle
        if cycle is not None:
            cycle.drain()
            if not self.response_begun and self.is_last_request():
                self.writer.keep_alive = False

    def give_notice(self) -> None:
        """Service: what is still running will be cancelled in a moment."""
        cycle = self.cycle
        if cycle is not None:
            cycle.give_notice()

    def idle_since(self) -> float:
        """Service: since when nothing is asked, or NEVER."""
        idle = self.cycle is None and not (self.in_body or self.write_paused or self.transport.ending or self.crowded)
        if not idle or not self.scanner.between_messages() or self.scanner.buffered > 0:
            return NEVER
        if self.deadline == NEVER:
            return 0.0  # such a connection may last for ever
        return self.deadline - (self.service.keep_alive_timeout if self.response_begun else self.service.header_timeout)

    def close_if_idle(self, time: float) -> None:
        """Service: nobody waits for us here any more, unless a request is on its way."""
        if self.transport.ending:
            self.transport.close_if_flushed(time)
        elif time >= self.idle_until and self.cycle is None and self.is_idle():
            self.end(self.in_body)

    def make_way(self) -> bool:
        """Service: close, if still nothing is asked; whether it did."""
        idle = self.is_idle()
        if idle:
            self.end(False)
        return idle

    def is_idle(self) -> bool:
        """Whether nothing of a next request has come, be it only to the kernel."""
        if not self.in_body and (self.preface or self.scanner.buffered > 0 or self.head_started):
            return False
        return not self.transport.has_unread()


def become_http2(
    service: Service, app: ASGIApp, transport: asyncio.BaseTransport, data: bytes, proxied: ProxyHeader | None
) -> None:
    """Let HTTP/2 have the connection, with what has been read of it."""
    connection = Http2Connection(service, app)
    connection.proxied = proxied
    # asyncio asks for no more than the methods of a protocol, and the connection has those.
    transport.set_protocol(connection)  # type: ignore[arg-type]
    connection.connection_made(transport)
    if data:
        connection.data_received(data)
