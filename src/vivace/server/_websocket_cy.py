# cython: annotation_typing=False
"""One WebSocket, between an ASGI application and a stream (ASGI 3.0, WebSocket spec 2.5).

Until it is accepted, it is a request like others, and its refusal a response. Then the stream carries bytes both ways:
messages wait here for `receive`, up to a limit past which the client has to wait; `send` writes each message at once.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable
from typing import Any, cast

from vivace.server._cycle_cy import DONE, NOT_STARTED, Cycle, busy, http_scope, logger, request_name
from vivace.server._service_cy import Service
from vivace.server._stream_cy import Stream
from vivace.server._waiter_cy import Waiter
from vivace.server.awaited import Awaited
from vivace.server.counters import WEBSOCKET, clock
from vivace.server.errors import ClientDisconnected
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol._websocket_protocol_cy import WebSocketProtocol
from vivace.server.protocol.websocket_events import Close, CloseCode, Ping, Pong
from vivace.server.protocol.websocket_handshake import Handshake
from vivace.server.types import Message

# What the WebSocket has come to. CLOSING: our close frame is out, and the client's awaited.
CONNECTING = 0
REFUSING = 1
OPEN = 2
CLOSING = 3
ENDED = 4

# What `send` takes then.
EXPECTED = {
    CONNECTING: '"websocket.accept", "websocket.close" or "websocket.http.response.start"',
    REFUSING: '"websocket.http.response.body"',
    OPEN: '"websocket.send" or "websocket.close"',
}

NORMAL = int(CloseCode.NORMAL)
ABNORMAL = int(CloseCode.ABNORMAL)
INTERNAL_ERROR = int(CloseCode.INTERNAL_ERROR)
SERVICE_RESTART = int(CloseCode.SERVICE_RESTART)

TOO_LATE = b"The WebSocket was not answered in time"


def websocket_scope(
    template: dict[str, Any], head: RequestHead, handshake: Handshake, service: Service
) -> dict[str, Any]:
    """The ASGI scope of a WebSocket: `template` holds what all requests of the connection have in common."""
    scope = http_scope(template, head, service)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = list(handshake.subprotocols)
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    for name in ("tls", "proxy_protocol"):
        if name in template["extensions"]:
            extensions[name] = template["extensions"][name]
    scope["extensions"] = extensions
    return scope


class Receiving(Awaited):
    """The next message of a WebSocket, for the task that awaits it."""

    cycle: WebSocketCycle

    def advance(self) -> Waiter | None:
        """Awaited: the message may be there, or be taken by another task meanwhile."""
        cycle = self.cycle
        waiter: Waiter | None = self.future
        if waiter is not None and waiter.was_woken():
            # Nobody else knows it any more.
            cycle.spare_waiter = waiter
        self.outcome = cycle.next_message()
        if self.outcome is not None:
            return None
        waiter = cycle.wait()
        waiter._asyncio_future_blocking = True
        return waiter


class WebSocketSend:
    """The ASGI `send` of a WebSocket, and what more it can do for whoever knows our server."""

    cycle: WebSocketCycle

    def __call__(self, message: Message) -> Awaitable[None]:
        """See `WebSocketCycle.send`."""
        return self.cycle.send(message)

    def try_send(self, data: str | bytes) -> bool:
        """A message, as text or binary, unless it would have to wait: False then, and nothing is sent.

        False as well where the WebSocket is not open: `send` tells why.
        """
        return self.cycle.try_send(data)


class WebSocketCycle(Cycle):
    """A WebSocket being served. `start` makes its task; the protocol feeds it bytes, once `stream.accept` was called.

    The application hears of the end as `websocket.disconnect`, however it came, and then as often as it asks. Its task
    is never cancelled for it.
    """

    def __init__(self, service: Service, stream: Stream, scope: dict[str, Any], handshake: Handshake) -> None:
        super().__init__(service, stream, scope, False)
        # One message is the rule, and needs no list.
        self.next_data: str | bytes | None = None
        self.data_behind: list[str | bytes] | None = None
        self.handshake: Handshake | None = handshake
        self.protocol: WebSocketProtocol = cast(WebSocketProtocol, None)  # until it is accepted
        self.accepted = False
        self.state = CONNECTING
        self.queue_limit = service.limits.max_websocket_queue
        self.unread: bytearray | None = None
        self.suspended = True
        self.data_paused = False
        self.connect_reported = False
        self.waiter: Waiter | None = None
        self.spare_waiter: Waiter | None = None
        self.close_code = ABNORMAL
        self.close_reason = ""
        self.closed_by_application = False
        self.deadline = service.now + service.websocket_open_timeout
        self.heard = 0.0
        self.patience = 0.0
        self.asked = 0.0
        self.owed_pong: bytes | None = None

    # ---- the application's side

    def begin(self) -> Awaitable[None]:
        """Work: call the application."""
        send = WebSocketSend.__new__(WebSocketSend)
        send.cycle = self
        return self.stream.app(self.scope, self.receive, send)

    def receive(self) -> Receiving:
        """The ASGI `receive`: `websocket.connect`, messages, and `websocket.disconnect` from the end on."""
        # Calling the class would cost as much as all else that receiving does.
        receiving = Receiving.__new__(Receiving)
        receiving.cycle = self
        return receiving

    def wait(self) -> Waiter:
        """What a task waits for that receives, until there is news. Several may: a message is whoever's comes first."""
        last = self.waiter
        while last is not None and last.is_done:
            last = last.next  # it was cancelled
        waiter = self.spare_waiter
        if waiter is None:
            waiter = Waiter(self.service.loop)
        else:
            self.spare_waiter = None
            waiter.rearm()
        waiter.next = last
        self.waiter = waiter
        return waiter

    def next_message(self) -> Message | None:
        if not self.connect_reported:
            self.connect_reported = True
            return {"type": "websocket.connect"}
        if self.next_data is not None:
            return self.take_message()
        if self.peer_closed and self.state < OPEN:
            # Told that the client is gone, the application gives up; from here on it is.
            self.finish()
            self.stream.abort()
        if self.state > OPEN or self.disconnected:
            return {"type": "websocket.disconnect", "code": self.close_code, "reason": self.close_reason}
        return None

    def take_message(self) -> Message:
        data = self.take()
        if self.suspended and 2 * self.waiting() <= self.queue_limit and 2 * self.buffered <= self.service.body_buffer:
            self.read_on()
        # One key only: Starlette's endpoints ask whether there is one.
        if type(data) is str:
            return {"type": "websocket.receive", "text": data}
        return {"type": "websocket.receive", "bytes": data}

    def put(self, data: str | bytes) -> None:
        if self.next_data is None:
            self.next_data = data
        elif self.data_behind is None:
            self.data_behind = [data]
        else:
            self.data_behind.append(data)
        self.buffered += len(data)
        self.service.counters.messages_received += 1

    def take(self) -> str | bytes:
        data: Any = self.next_data
        self.next_data = self.data_behind.pop(0) if self.data_behind else None
        self.buffered -= len(data)
        return data  # type: ignore[no-any-return]  # whoever takes has looked

    def waiting(self) -> int:
        """How many messages are not received yet."""
        if self.next_data is None:
            return 0
        return 1 if self.data_behind is None else 1 + len(self.data_behind)

    def send(self, message: Message) -> Awaitable[None]:
        """The ASGI `send`. What it returns waits while the client is slower than the application.

        Raises ClientDisconnected (an OSError) once the client is gone, RuntimeError for a message out of turn,
        ValueError or TypeError for headers, a subprotocol, data or a close code that cannot be sent.
        """
        self.send_fields(message if type(message) is dict else dict(message))
        if self.stream.write_paused and self.state != ENDED:
            return self.stream.wait_until_writable()
        return DONE

    def try_send(self, data: Any) -> bool:
        """WebSocketSend: a message if it need not wait."""
        if self.state != OPEN or self.stream.write_paused:
            return False
        self.write(self.protocol.text(data) if type(data) is str else self.protocol.binary(data))
        self.service.counters.messages_sent += 1
        return True

    def send_fields(self, fields: dict[str, Any]) -> None:
        kind = fields["type"]
        if kind == "websocket.send" and self.state == OPEN:
            self.service.counters.messages_sent += 1
            data = fields.get("bytes")
            if data is not None:
                self.write(self.protocol.binary(data))
            else:
                self.write(self.protocol.text(fields.get("text")))  # type: ignore[arg-type]  # it checks
            return
        if self.disconnected and not self.closed_by_application:
            raise ClientDisconnected("the client closed the WebSocket")
        if self.state == CONNECTING:
            if kind == "websocket.accept":
                self.accept(fields)
                return
            if kind == "websocket.close":
                self.deny({"status": 403})
                self.send_body({})
                return
            if kind == "websocket.http.response.start":
                self.deny(fields)
                return
        elif self.state == REFUSING:
            if kind == "websocket.http.response.body":
                self.send_body(fields)
                return
        elif self.state == OPEN and kind == "websocket.close":
            self.close(fields)
            return
        raise self.out_of_turn(kind)

    def out_of_turn(self, kind: str) -> RuntimeError:
        expected = EXPECTED.get(self.state)
        if expected is not None:
            return RuntimeError(f'send() got "{kind}" when it expected {expected}')
        done = "closed" if self.accepted else "refused"
        return RuntimeError(f'send() got "{kind}" after the WebSocket was {done}')

    def deny(self, fields: dict[str, Any]) -> None:
        """ASGI extension "websocket.http.response": a response instead of a WebSocket. There are no trailers."""
        self.start_response({**fields, "trailers": False})
        self.state = REFUSING

    def response_complete(self) -> None:
        self.state = ENDED
        Cycle.response_complete(self)

    def accept(self, fields: dict[str, Any]) -> None:
        handshake = cast(Handshake, self.handshake)
        if self.peer_closed:
            self.lost()
            self.stream.abort()
            raise ClientDisconnected("the client closed the connection before the WebSocket was accepted")
        headers = self.identified(fields.get("headers") or ())
        self.stream.accept(handshake, fields.get("subprotocol") or None, headers)
        service = self.service
        self.protocol = WebSocketProtocol(service.limits, handshake.compression)
        self.handshake = None
        self.accepted = True
        self.status = 200 if handshake.http_version == "2" else 101
        self.state = OPEN
        service.counters.answered(WEBSOCKET, self.status)
        service.counters.open_websockets += 1
        # What it does from here on is little and lasts long: the number of connections is what bounds it.
        self.give_place_up()
        self.heard = service.now
        # Thousands of connections made at once, or spoken to at once, shall not be pinged at once.
        self.patience = service.websocket_ping_interval * (0.75 + 0.25 * random.random())  # noqa: S311
        self.read_on()
        if service.draining:
            self.drain()

    def close(self, fields: dict[str, Any]) -> None:
        code = fields.get("code")
        self.begin_closing(NORMAL if code is None else code, fields.get("reason") or "")
        self.closed_by_application = True
        self.next_data = self.data_behind = None
        self.buffered = 0

    def turn_came(self) -> None:
        self.deadline = self.service.now + self.service.websocket_open_timeout
        Cycle.turn_came(self)

    def turn_away(self, reason: bytes) -> None:
        self.queued = False
        self.deny(busy(self.service))
        self.send_body({"body": reason})

    def application_returned(self) -> None:
        if self.state == CONNECTING and not self.disconnected:
            self.log_failure("The application returned without accepting or refusing a WebSocket", None)
            self.answer_failure(500)
        elif self.state == OPEN:
            self.begin_closing(NORMAL, "")
        elif self.state == REFUSING:
            Cycle.application_returned(self)

    def answer_failure(self, status: int) -> None:
        """500 instead of a WebSocket, or 1011 to one."""
        if self.state == OPEN:
            self.begin_closing(INTERNAL_ERROR, "")
        elif self.state < OPEN:
            Cycle.answer_failure(self, status)
            self.state = ENDED

    # ---- the client's side

    def feed(self, data: bytes) -> None:
        """Bytes of the client have come."""
        if self.state == ENDED:
            return
        self.heard = self.service.now
        self.asked = 0.0
        if self.suspended:
            if self.unread is None:
                self.unread = bytearray()
            self.unread += data
            if len(self.unread) > self.service.body_buffer:
                self.pause()
            return
        self.protocol.feed(data)
        self.read()
        if self.next_data is not None and self.waiter is not None:
            self.wake_now()

    def read_on(self) -> None:
        """There is room for messages again."""
        self.suspended = False
        if self.unread is not None:
            data = bytes(self.unread)
            self.unread = None
            self.protocol.feed(data)
        self.read()
        if self.data_paused and not self.suspended and self.state != ENDED:
            self.data_paused = False
            self.stream.resume_data()
        if self.next_data is not None and self.waiter is not None:
            self.wake()

    def read(self) -> None:
        """Take messages, as long as there is room for them, and answer what is not one."""
        protocol = self.protocol
        while self.has_room():
            event: Any = protocol.next_event()
            if event is None:
                return
            kind = type(event)
            if kind is str or kind is bytes:
                self.put(event)
            elif kind is Ping:
                self.answer_ping(event)
            elif kind is not Pong:
                self.closed_by_client(event)
                return
        self.suspended = True
        self.pause()

    def has_room(self) -> bool:
        # After our close frame the protocol throws messages away.
        if self.state == CLOSING:
            return True
        return self.waiting() < self.queue_limit and self.buffered < self.service.body_buffer

    def pause(self) -> None:
        if not self.data_paused and self.state != ENDED:
            self.data_paused = True
            self.stream.pause_data()

    def answer_ping(self, ping: Ping) -> None:
        if self.state != OPEN:
            return
        if self.stream.write_paused:
            # RFC 6455 5.5.3: only the last ping needs an answer, so a client that does not read gathers none.
            self.owed_pong = ping.answer
        else:
            self.owed_pong = None
            self.write(ping.answer)

    def resume_writing(self) -> None:
        """The stream's `write_paused` has ended."""
        if self.owed_pong is not None and self.state == OPEN:
            self.write(self.owed_pong)
        self.owed_pong = None

    def closed_by_client(self, close: Close) -> None:
        """The last event: the client's close frame, or our answer to a breach of the protocol."""
        if self.state == OPEN:
            self.set_close(close.code, close.reason)
        elif self.state == ENDED:
            # It had waited behind messages when the connection was lost.
            if self.close_code == ABNORMAL:
                self.set_close(close.code, close.reason)
            return
        if close.answer:
            self.write(close.answer)
        self.finish()
        self.stream.end_data()

    def half_close(self) -> None:
        """The client sends no more. A WebSocket cannot live with that; a refusal may still be read."""
        if self.queued:
            Cycle.half_close(self)
            return
        self.peer_closed = True
        if self.state == OPEN or self.state == CLOSING:
            self.lost()
            self.stream.end_data()
        self.wake()

    def disconnect(self) -> None:
        """The client is gone."""
        self.leave_queue()
        if self.state == REFUSING:
            Cycle.disconnect(self)
        self.lost()

    def lost(self) -> None:
        """The connection has ended without a close frame, unless one waits behind messages not yet received."""
        if self.state != ENDED:
            self.finish()

    # ---- the end

    def begin_closing(self, code: int, reason: str) -> None:
        """Send our close frame. ValueError if it cannot be sent."""
        self.write(self.protocol.close(code, reason))
        self.state = CLOSING
        self.set_close(code, reason)
        self.deadline = self.service.now + self.service.websocket_close_timeout
        self.wake()
        # Whatever the application has left unread, the client's close frame is behind it.
        self.read_on()

    def set_close(self, code: int, reason: str) -> None:
        self.close_code = code
        self.close_reason = reason

    def finish(self) -> None:
        self.state = ENDED
        answered = self.disconnected or self.phase != NOT_STARTED
        self.disconnected = True
        if self.accepted:
            self.service.counters.open_websockets -= 1
            self.log_access()
        elif self.phase == NOT_STARTED:
            self.service.counters.abandoned += 1
            if not answered:
                self.log_client_left()
        self.wake()

    def wake(self) -> None:
        waiter = self.waiter
        self.waiter = None
        while waiter is not None:
            waiter.wake()
            waiter = waiter.next

    def wake_now(self) -> None:
        """As `wake`, and run the task that waits, if we may."""
        waiter = self.waiter
        if waiter is not None and waiter.next is None:
            self.waiter = None
            waiter.wake_now()
        else:
            self.wake()

    def write(self, frame: bytes | tuple[bytes, bytes]) -> None:
        if isinstance(frame, tuple):
            self.sent += len(frame[0]) + len(frame[1])
        else:
            self.sent += len(frame)
        self.stream.send_data(frame)

    # ---- the server's clock and its end

    def tick(self, now: float) -> None:
        """Time goes on: `now` is the service's."""
        if self.queued:
            return
        if self.state == OPEN:
            self.keep_alive(now)
        elif now >= self.deadline:
            if self.state == CONNECTING:
                self.open_expired()
            elif self.state == CLOSING:
                # The client had its time to read our close frame.
                self.finish()
                self.stream.abort()

    def open_expired(self) -> None:
        """The application neither accepts nor refuses. It is told that the client is gone."""
        request = request_name(self.scope, "WebSocket", self.request_id)
        logger.warning("The application did not answer in time: %s", request)
        self.deny({"status": 503, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
        self.send_body({"body": TOO_LATE})
        self.disconnected = True

    def keep_alive(self, now: float) -> None:
        """Ask a quiet client whether it is there (RFC 6455 5.5.2)."""
        if self.suspended or self.stream.write_paused:
            # We would not hear its answer, or it would not hear us.
            self.heard = now
            self.asked = 0.0
        elif self.asked > 0:
            if now - self.asked >= self.service.websocket_ping_timeout:
                self.close_reason = "keepalive ping timeout"
                self.write(self.protocol.close(INTERNAL_ERROR, self.close_reason))
                self.finish()
                self.stream.end_data()
        elif now - self.heard >= self.patience:
            self.asked = now
            self.write(self.protocol.ping())

    def drain(self) -> None:
        """The server stops."""
        if self.state == OPEN:
            self.begin_closing(SERVICE_RESTART, "")
            self.disconnected = True

    # ---- the logs

    def log_failure(self, what: str, error: Exception | None) -> None:
        logger.error("%s: %s", what, request_name(self.scope, "WebSocket", self.request_id), exc_info=error)

    def log_access(self) -> None:
        if not self.accepted:
            self.service.counters.answered(WEBSOCKET, self.status)
        self.write_access_line(clock() - self.started)

    def write_access_line(self, seconds: float) -> None:
        log = self.service.access_log
        if log is None:
            return
        scope = self.scope
        # RFC 8441 4: over HTTP/2 it began with CONNECT.
        method = "CONNECT" if scope["http_version"] == "2" else "GET"
        code = self.close_code if self.accepted else 0
        log.response(scope, method, self.status, self.sent, seconds, self.request_id, self.response_headers, code)
