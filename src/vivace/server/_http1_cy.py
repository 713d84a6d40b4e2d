# cython: annotation_typing=False
"""One HTTP/1.1 connection on an asyncio transport: requests in, responses out, in order, within the timeouts.

A connection answers one request at a time. Pipelined ones wait in the scanner, and the socket is not read while too
much waits there, or while the application leaves too much of a body unread, or the client too much of the responses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, cast

from vivace.server._cycle_cy import Cycle, http_scope
from vivace.server._service_cy import Service
from vivace.server._stream_cy import Stream
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.http1_scanner import Http1Scanner
from vivace.server.protocol.http1_writer import Http1Writer

logger = logging.getLogger("vivace.server")

NEVER = float("inf")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# An unread body up to this size is read and thrown away to keep the connection; past it, closing is cheaper.
DISCARDED_BODY = 256 * 1024

# How long we go on reading after our last byte: closing a socket with unread bytes resets it, and a reset may take our
# answer from the client (RFC 9112 9.6).
LINGER = 2.0


def address(value: Any) -> tuple[str, int] | None:
    """A socket's name as ASGI wants it: host and port, None for a nameless one."""
    if isinstance(value, tuple) and len(value) >= 2:
        return (str(value[0]), int(value[1]))
    return None


class Http1Connection(Stream):
    """An `asyncio.Protocol` in all but its base class, which would cost a dictionary per connection."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.scanner = Http1Scanner(service.limits)
        self.writer = Http1Writer(service.server_header, service.date_header)
        self.transport: asyncio.Transport | None = None
        self.scope_template: dict[str, Any] = {}
        self.cycle: Cycle | None = None
        self.in_body = False
        self.owes_continue = False
        self.client_closes = False
        self.discarded = 0
        self.write_paused = False
        self.response_begun = False
        self.read_paused = False
        self.eof_seen = False
        self.ending = False
        self.lingering = False
        self.writable: asyncio.Event | None = None
        self.deadline = NEVER
        self.write_deadline = NEVER
        self.unsent = 0
        self.head_started = False

    # ---- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self.service.write_buffer)
        sockname = transport.get_extra_info("sockname")
        server = address(sockname)
        self.scope_template = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": None,
            "scheme": "https" if transport.get_extra_info("ssl_object") is not None else "http",
            "path": None,
            "raw_path": None,
            "query_string": None,
            "root_path": self.service.root_path,
            "headers": None,
            "client": address(transport.get_extra_info("peername")),
            "server": (sockname, None) if isinstance(sockname, str) and sockname else server,
            "state": None,
            "extensions": None,
        }
        self.service.opened(self)
        self.set_deadline(self.service.header_timeout)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        if self.ending:
            return
        self.scanner.feed(data)
        if self.cycle is None or self.in_body:
            self.read_events()
        elif self.scanner.buffered > self.service.body_buffer:
            self.pause_reading()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more. True keeps the connection open for the responses it may still read."""
        self.eof_seen = True
        if self.ending:
            return False
        if self.in_body:
            self.refuse(ProtocolError(400, "the body ended early"))
            return self.transport is not None
        if self.cycle is None:
            return self.write_paused
        self.cycle.half_close()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.transport = None
        self.ending = True
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
        if not self.ending:
            self.expect_progress(self.service.write_timeout)

    def resume_writing(self) -> None:
        """asyncio: the client has caught up."""
        self.write_paused = False
        if self.writable is not None:
            self.writable.set()
        if not self.ending:
            self.write_deadline = NEVER
            if self.cycle is None and not self.in_body:
                self.next_request()

    # ---- requests

    def read_events(self) -> None:
        """Take what the scanner has, up to the point where a request must wait for the response before it."""
        if self.write_paused and self.cycle is None and not self.in_body:
            # The client does not read its answers; it gets no more of them.
            if self.scanner.buffered > self.service.body_buffer:
                self.pause_reading()
            return
        try:
            while self.cycle is None or self.in_body:
                event = self.scanner.next_event()
                if event is None:
                    break
                if type(event) is RequestHead:
                    self.begin_request(event)
                elif type(event) is bytes:
                    self.body_piece(event)
                else:
                    self.end_of_body()
        except ProtocolError as error:
            self.refuse(error)
            return
        if self.in_body:
            if self.eof_seen:
                # The end came while an earlier response was being made.
                self.refuse(ProtocolError(400, "the body ended early"))
            elif not self.read_paused:
                self.set_deadline(self.service.body_timeout)
        elif self.cycle is None and not self.ending:
            if self.eof_seen:
                self.end(False)
            elif not self.head_started and not self.scanner.between_messages:
                self.head_started = True
                self.set_deadline(self.service.header_timeout)

    def begin_request(self, head: RequestHead) -> None:
        service = self.service
        self.head_started = False
        self.client_closes = not head.keep_alive
        self.in_body = head.has_body
        self.owes_continue = head.expects_continue
        self.response_begun = False
        self.writer.begin(head.method, head.http_version, head.keep_alive and not service.draining)
        cycle = Cycle(service, self, http_scope(self.scope_template, head, service), head.has_body)
        self.cycle = cycle
        self.deadline = NEVER
        if self.eof_seen:
            cycle.half_close()
        cycle.start()

    def body_piece(self, data: bytes) -> None:
        cycle = self.cycle
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
        if self.cycle is not None:
            self.cycle.feed_end()
        else:
            self.next_request()

    def refuse(self, error: ProtocolError) -> None:
        """Answer a request that cannot be read, if an answer can still be told from another's, and end."""
        cycle = self.cycle
        if cycle is None and self.in_body:
            # The body that is wrong was being thrown away; its request has been answered.
            self.end(True)
            return
        self.cycle = None
        self.in_body = False
        if cycle is not None:
            cycle.disconnect()
            if self.response_begun:
                self.abort()
                return
        self.writer.begin("GET", "1.1", False)
        self.write(self.writer.error(error.status, error.reason))
        log = self.service.access_log
        if log is not None:
            log(self.scope_template["client"], "-", error.reason.encode(), "1.1", error.status, 0, 0.0)
        self.end(True)

    # ---- called by the cycle

    def start_response(self, status: int, headers: Iterable[Iterable[bytes]]) -> None:
        """Stream: keep the head until its first piece of body."""
        self.writer.start(status, headers)

    def send_body(self, data: bytes, more: bool) -> None:
        """Stream: write a piece of body."""
        if not self.response_begun and self.service.draining:
            self.writer.keep_alive = False
        self.write(self.writer.body(data, more))
        self.response_begun = True
        if not more:
            self.response_complete()

    def want_body(self) -> None:
        """Stream: the application reads."""
        if self.owes_continue:
            # RFC 9110 10.1.1: only now does the client learn that its body is wanted.
            self.owes_continue = False
            if not self.response_begun and self.scanner.buffered == 0:
                self.write(CONTINUE)
        if self.in_body and self.read_paused:
            self.resume_reading()
            self.set_deadline(self.service.body_timeout)

    def abort(self) -> None:
        """Stream: end without a proper end."""
        self.ending = True
        self.deadline = self.write_deadline = NEVER
        if self.transport is not None:
            self.transport.abort()

    async def wait_until_writable(self) -> None:
        """Stream: wait for the client."""
        if self.writable is None:
            self.writable = asyncio.Event()
        while self.write_paused and self.transport is not None:
            self.writable.clear()
            await self.writable.wait()

    # ---- between requests

    def response_complete(self) -> None:
        self.cycle = None
        if not self.writer.keep_alive:
            self.end(not self.client_closes or self.in_body)
        elif not self.in_body:
            self.next_request()
        elif self.owes_continue:
            # Whether the body comes now that nobody asked for it is the client's choice, and we cannot know it.
            self.end(True)
        else:
            self.discarded = 0
            self.resume_reading()
            self.set_deadline(self.service.body_timeout)

    def next_request(self) -> None:
        """The last response is written: look for the next request, unless the client does not read."""
        if self.write_paused:
            self.deadline = NEVER
            return
        self.set_deadline(self.service.keep_alive_timeout)
        if self.scanner.buffered > 0 or self.eof_seen:
            self.read_events()
        if self.read_paused and self.scanner.buffered <= self.service.body_buffer and not self.ending:
            self.resume_reading()

    def end(self, linger: bool) -> None:
        """Close once everything is written. With `linger`, read on for a moment, so that the client gets it."""
        self.ending = True
        self.cycle = None
        self.in_body = False
        transport = self.transport
        if transport is None:
            return
        self.deadline = NEVER
        if linger and not self.eof_seen and transport.can_write_eof():
            self.resume_reading()
            transport.write_eof()
            self.lingering = True
            self.expect_progress(LINGER)
        else:
            self.expect_progress(self.service.write_timeout)
            transport.close()

    # ---- the socket

    def write(self, data: bytes | tuple[bytes, ...]) -> None:
        transport = self.transport
        if transport is None:
            return
        if isinstance(data, tuple):
            # Not writelines: in Python 3.12 and 3.13.0 asyncio's forgets to pause us. uvloop joins one turn's writes.
            for piece in data:
                if piece:
                    transport.write(piece)
        elif data:
            transport.write(data)

    def pause_reading(self) -> None:
        if not self.read_paused and self.transport is not None:
            self.read_paused = True
            self.deadline = NEVER
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused and self.transport is not None:
            self.read_paused = False
            self.transport.resume_reading()

    # ---- timeouts and the server's end, called by the service

    def set_deadline(self, seconds: float) -> None:
        self.deadline = self.service.now + seconds

    def expect_progress(self, seconds: float) -> None:
        """Look after that time whether the client takes what we write."""
        if self.transport is not None:
            self.unsent = self.transport.get_write_buffer_size()
            self.write_deadline = self.service.now + seconds

    def tick(self, now: float) -> None:
        """Service: time goes on."""
        if now >= self.write_deadline:
            self.write_expired()
        if now >= self.deadline:
            self.read_expired()

    def write_expired(self) -> None:
        if self.transport is None:
            return
        unsent = self.transport.get_write_buffer_size()
        if 0 < unsent < self.unsent or (unsent > 0 and self.lingering):
            # Slow, but alive; or the moment to linger passed before all was sent.
            self.lingering = False
            self.expect_progress(self.service.write_timeout)
        else:
            self.abort()

    def read_expired(self) -> None:
        if self.transport is None:
            return
        if self.in_body:
            self.refuse(ProtocolError(408, "the body came too slowly"))
        elif self.head_started:
            self.refuse(ProtocolError(408, "the request came too slowly"))
        else:
            self.end(False)

    def drain(self) -> None:
        """Service: the server stops. A response that has not begun says that it is the last."""
        if self.cycle is not None and not self.response_begun:
            self.writer.keep_alive = False

    def close_if_idle(self) -> None:
        """Service: nobody waits for us here any more."""
        if self.transport is None or self.cycle is not None:
            return
        if not self.ending:
            self.end(False)
        elif self.transport.get_write_buffer_size() == 0:
            self.transport.close()
