# cython: annotation_typing=False, auto_pickle=False
"""One request and its response, between an ASGI application and a stream (ASGI 3.0, HTTP spec 2.5).

Every HTTP protocol shares this cycle: its states, its errors, when the client counts as gone, and what happens when
the application misbehaves. How bytes look on the wire is the stream's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Generator, Iterable
from typing import Any

from vivace.server._service_cy import Service
from vivace.server._stream_cy import Headers, Stream
from vivace.server.counters import HTTP1, HTTP2, clock
from vivace.server.errors import ClientDisconnected
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.errors import ProtocolError
from vivace.server.request_task import Work, is_done, perform
from vivace.server.types import Message

logger = logging.getLogger("vivace.server")

# What the response has come to.
NOT_STARTED = 0
STARTED = 1
AWAITS_TRAILERS = 2
SENDING_FILE = 3
COMPLETE = 4

# Pieces of a body below this size are joined while the application does not take them.
SMALL_PIECE = 1024

# In the log: the client left before there was a status, as nginx has it.
CLIENT_LEFT = 499

BUSY = b"The server is busy"
CROWDED = b"The server has too many connections"
FAILURES = {500: b"Internal Server Error", 503: b"The server is stopping"}

RESPONSE_MESSAGES = (
    "http.response.start",
    "http.response.body",
    "http.response.trailers",
    "http.response.early_hint",
    "http.response.pathsend",
)


def http_scope(template: dict[str, Any], head: RequestHead, service: Service) -> dict[str, Any]:
    """The ASGI scope of a request: `template` holds what all requests of the connection have in common, and most."""
    scope = template.copy()
    if head.http_version != "1.1":
        scope["http_version"] = head.http_version
    if head.method != "GET":
        scope["method"] = head.method
    if service.root_path and service.strips_root_path:
        scope["path"] = service.root_path + head.path
        scope["raw_path"] = service.root_path.encode() + head.raw_path
    else:
        scope["path"] = head.path
        scope["raw_path"] = head.raw_path
    if head.query_string:
        scope["query_string"] = head.query_string
    scope["headers"] = head.headers
    scope["state"] = service.state.copy() if service.state else {}
    extensions = template["extensions"]
    scope["extensions"] = extensions.copy()
    if head.forwarded and service.forwarding is not None:
        service.forwarding.apply(scope, head)
    return scope


def busy(service: Service) -> dict[str, Any]:
    """The start of a response that says so."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", service.retry_after)]
    return {"status": 503, "headers": headers}


def request_name(scope: dict[str, Any], method: str | None, request_id: bytes | None) -> str:
    """How a line of the log calls a request. The path as it was sent holds visible ASCII, so a line stays one."""
    name = f"{method} {scope['raw_path'].decode('latin-1')}"
    return name if request_id is None else f"{name} (request {request_id.decode('ascii')})"


def identify_refusal(service: Service, cycle: Cycle | None, error: ProtocolError) -> None:
    """See to it that the answer to a refused request tells its id, where requests have ids."""
    ids = service.request_ids
    if ids is not None:
        if cycle is not None:
            error.request_id = cycle.request_id
        ids.identify_refusal(error)


def log_refusal(service: Service, template: dict[str, Any], error: ProtocolError, http_version: str, size: int) -> None:
    """A line of access log for a request that the protocol answered with `size` bytes, with no cycle for it yet."""
    service.counters.answered(HTTP2 if http_version == "2" else HTTP1, error.status)
    log = service.access_log
    if log is None:
        return
    head = error.head
    scope = template.copy()
    scope["http_version"] = http_version
    scope["raw_path"] = error.reason.encode()
    scope["headers"] = []
    method = "-"
    if head is not None:
        method = head.method
        scope["raw_path"] = head.raw_path
        scope["query_string"] = head.query_string
        scope["headers"] = head.headers or []
    log.response(scope, method, error.status, size, 0.0, error.request_id)


def caused_by_disconnect(error: BaseException) -> bool:
    """Whether an application's error is no more than our ClientDisconnected, let through by it or its task groups."""
    if isinstance(error, BaseExceptionGroup):
        return all(caused_by_disconnect(part) for part in error.exceptions)
    return isinstance(error, ClientDisconnected) or (
        error.__cause__ is not None and caused_by_disconnect(error.__cause__)
    )


class Done:
    """A coroutine that has nothing left to do: what `send` returns when there is nothing to wait for.

    Awaiting it costs a tenth of a coroutine of one's own, and tasks, `wait_for` and task groups take it as one.
    """

    def __await__(self) -> Generator[Any, None, None]:
        return self  # type: ignore[return-value]  # all that await asks of it is `__next__`

    def __iter__(self) -> Done:
        return self

    def __next__(self) -> None:
        raise StopIteration

    def send(self, value: None) -> None:
        """Coroutine: go on; it ends."""
        raise StopIteration

    def throw(self, error: BaseException) -> None:
        """Coroutine: it is cancelled, say."""
        raise error

    def close(self) -> None:
        """Coroutine: it ended before."""


DONE = Done()


def new_cycle(service: Service, stream: Stream, scope: dict[str, Any], head: RequestHead) -> Cycle:
    """A `Cycle` without the call of the class, which takes more than twice as long."""
    cycle = Cycle.__new__(Cycle)
    cycle.prepare(service, stream, scope, head.has_body)
    if service.access_log is not None and not service.root_path and not head.forwarded:
        cycle.head = head  # it tells what the scope does, and need not be searched
    return cycle


def new_send(cycle: Cycle) -> Send:
    """A `Send` without the call of the class."""
    send = Send.__new__(Send)
    send.cycle = cycle
    return send


class Send:
    """The ASGI `send` of a request, and what more it can do for whoever knows our server.

    Both are attributes of `send` itself, so that whoever is given a middleware's `send` in its place finds neither, and
    the middleware sees every message.
    """

    cycle: Cycle

    def __call__(self, message: Message) -> Awaitable[None]:
        """What it returns waits while the client is slower than the application.

        Raises ClientDisconnected (an OSError) once the client is gone, RuntimeError for a message out of turn,
        ValueError or TypeError for a status, header or body that cannot be sent.
        """
        return self.cycle.send(message)

    @property
    def response_started(self) -> bool:
        """Whether the response has begun, so that no other can be given."""
        return self.cycle.phase != NOT_STARTED

    def respond(self, status: int, headers: Headers, body: bytes | memoryview) -> Awaitable[None]:
        """A whole response in one call: as "http.response.start" and "http.response.body" would, errors included."""
        return self.cycle.respond(status, headers, body)

    def try_send(self, data: bytes) -> bool:
        """A piece of the body, with more to come, unless it would have to wait: False then, and nothing is sent.

        False as well where the body is not begun, or ended, or the client gone: `send` tells which.
        """
        return self.cycle.try_send(data)


class Cycle(Work):
    """A request being answered. `start` makes its task; the protocol feeds it body and news of the client.

    A `WebSocketCycle` is one too: until it is accepted, a WebSocket is a request like others.
    """

    def __init__(self, service: Service, stream: Stream, scope: dict[str, Any], has_body: bool) -> None:
        self.prepare(service, stream, scope, has_body)

    def prepare(self, service: Service, stream: Stream, scope: dict[str, Any], has_body: bool) -> None:
        self.service = service
        self.stream = stream
        self.scope = scope
        self.head: RequestHead | None = None
        self.task: asyncio.Task[None] | None = None
        self.queued = False
        self.admitted = False
        self.pieces: list[bytes] | None = None
        self.buffered = 0
        self.body_complete = not has_body
        self.body_reported = False
        self.request_trailers: list[tuple[bytes, bytes]] | None = None
        self.changed: asyncio.Event | None = None
        self.phase = NOT_STARTED
        self.has_trailers = False
        self.trailers: list[Iterable[bytes]] | None = None
        self.peer_closed = False
        self.given_notice = False
        self.disconnected = False
        self.status = 0
        self.sent = 0
        self.started = clock() if self.service.timed else 0.0
        self.request_id: bytes | None = None
        self.response_headers: list[tuple[bytes, bytes]] | None = None
        if self.service.request_ids is not None:
            self.identify()

    def identify(self) -> None:
        """Give the request its id."""
        ids = self.service.request_ids
        if ids is not None:
            self.request_id = ids.identify(self.scope)

    def start(self) -> None:
        """Have the application work on it, at once or when its turn comes."""
        admission = self.service.admission
        if admission is None:
            self.launch()
        elif admission.enter():
            self.admitted = True
            self.launch()
        else:
            self.wait_for_turn()

    def launch(self) -> None:
        """Run the application in a task of its own, in a context derived from the server's, up to its first wait."""
        service = self.service
        task = perform(self, service.loop, service.context)
        if not is_done(task):
            self.task = task
            service.tasks.add(task)

    def begin(self) -> Awaitable[None]:
        """Work: call the application."""
        return self.stream.app(self.scope, self.receive, new_send(self))

    def ended(self, error: BaseException | None) -> bool:
        """Work: answer for the application when it does not."""
        if self.admitted:
            self.give_place_up()
        if self.task is not None:
            self.service.tasks.discard(self.task)
            self.task = None
        if error is None:
            self.application_returned()
            return False
        if not isinstance(error, Exception):
            # A stop that could not wait is no fault of the application's: another server may do better.
            self.answer_failure(503 if self.service.draining else 500)
            return True
        # Whatever an application raises, the server goes on.
        if not (self.disconnected and caused_by_disconnect(error)):
            self.log_failure("The application failed", error)
        self.answer_failure(500)
        return False

    def application_returned(self) -> None:
        """See to it that there is a response."""
        if self.phase != COMPLETE and not self.disconnected:
            what = "no response" if self.phase == NOT_STARTED else "an incomplete response"
            self.log_failure(f"The application returned with {what}", None)
            self.answer_failure(500)

    def log_failure(self, what: str, error: Exception | None) -> None:
        scope = self.scope
        request = request_name(scope, scope.get("method"), self.request_id)
        logger.error("%s: %s", what, request, exc_info=error)

    def answer_failure(self, status: int) -> None:
        """500 or 503 when nothing has been sent, else an end that shows the response to be broken."""
        if self.phase == COMPLETE or self.disconnected:
            return
        if self.stream.response_begun:
            self.phase = COMPLETE
            self.log_access()
            self.stream.abort()
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        self.status = status
        self.begin_response(status, headers, False)
        self.sent = 0
        self.has_trailers = False
        self.finish_body(FAILURES[status], False)

    # ---- its turn, when there are more requests than may be worked on at once

    def wait_for_turn(self) -> None:
        service = self.service
        admission = service.admission
        # A client that has ended its side is gone, as likely as not: others wait who are there.
        if self.peer_closed:
            service.counters.refuse("client_left")
            self.turn_away(BUSY)
        elif admission.wait(self, service.now):  # type: ignore[union-attr]  # it sent us here
            self.queued = True
        else:
            service.counters.refuse("queue_full")
            self.turn_away(BUSY)

    def turn_came(self) -> None:
        """Admission: there is a place."""
        self.queued = False
        self.admitted = True
        self.launch()

    def turn_away(self, reason: bytes) -> None:
        """Answer 503 instead of the application."""
        self.queued = False
        self.start_response(busy(self.service))
        self.send_body({"body": reason})

    def leave_queue(self) -> None:
        if self.queued:
            self.queued = False
            self.service.admission.leave(self)  # type: ignore[union-attr]  # it has been waited with

    def give_place_up(self) -> None:
        if self.admitted:
            self.admitted = False
            self.service.admission.release()  # type: ignore[union-attr]  # it gave the place

    def waits_for_turn(self) -> bool:
        """Whether the application has not been asked yet: what takes long now is no fault of the client's."""
        return self.queued

    # ---- the request

    async def receive(self) -> Message:
        """The ASGI `receive`: pieces of the body, then, when there is news of the client or the response is complete,
        `http.disconnect`.
        """
        while True:
            message = self.next_message()
            if message is not None:
                return message
            if not self.body_complete:
                self.stream.want_body()
            if self.changed is None:
                self.changed = asyncio.Event()
            self.changed.clear()
            await self.changed.wait()

    def next_message(self) -> Message | None:
        if self.disconnected or self.phase == COMPLETE or self.given_notice:
            return {"type": "http.disconnect"}
        if self.pieces or (self.body_complete and not self.body_reported):
            pieces = self.pieces
            body = b"" if not pieces else pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self.pieces = None
            self.stream.consumed(self.buffered)
            self.buffered = 0
            if not self.body_complete:
                self.stream.want_body()
                return {"type": "http.request", "body": body, "more_body": True}
            self.body_reported = True
            if self.request_trailers:
                # Not in ASGI: the last message of a body is where its trailers are known.
                return {"type": "http.request", "body": body, "more_body": False, "trailers": self.request_trailers}
            return {"type": "http.request", "body": body, "more_body": False}
        if self.peer_closed and self.body_reported:
            # Told that the client is gone, the application gives up; from here on it is.
            self.client_left()
            self.stream.abort()
            return {"type": "http.disconnect"}
        return None

    def feed(self, data: bytes) -> None:
        """A piece of the request's body has come."""
        pieces = self.pieces
        if pieces is None:
            self.pieces = [data]
        elif len(data) < SMALL_PIECE and len(pieces[-1]) < SMALL_PIECE:
            # An object for each would cost a hundred times what the client sent.
            pieces[-1] += data
        else:
            pieces.append(data)
        self.buffered += len(data)
        self.wake()

    def feed_end(self, trailers: list[tuple[bytes, bytes]] | None) -> None:
        """The request's body is complete."""
        self.body_complete = True
        self.request_trailers = trailers
        self.wake()

    def half_close(self) -> None:
        """The client sends no more: it is gone, or waits for its response.

        Nobody can tell which. An application that listens for `http.disconnect` hears it, and the connection ends; one
        that does not can still answer.
        """
        self.peer_closed = True
        if self.queued:
            self.leave_queue()
            self.service.counters.refuse("client_left")
            self.turn_away(BUSY)
        self.wake()

    def disconnect(self) -> None:
        """The client is gone."""
        self.leave_queue()
        if self.phase == NOT_STARTED:
            self.service.counters.abandoned += 1
        self.client_left()
        self.wake()

    def client_left(self) -> None:
        if self.phase < COMPLETE and not self.disconnected:
            if self.phase == NOT_STARTED:
                self.log_client_left()
            else:
                self.log_access()
        self.disconnected = True

    def log_client_left(self) -> None:
        """A line of access log for a request that nobody has answered, nor could."""
        self.status = CLIENT_LEFT
        self.write_access_line(clock() - self.started)

    def refused(self, status: int, size: int) -> None:
        """The protocol has answered, for the request turned out to be wrong."""
        self.leave_queue()
        self.status = status
        self.sent = size
        if not self.disconnected:
            self.log_access()
        self.disconnected = True
        self.wake()

    def give_notice(self) -> None:
        """The server ends soon: an application that listens for its client's end is told of that one.

        It can still send, and so end a stream of events as it should.
        """
        self.given_notice = True
        self.wake()

    def wake(self) -> None:
        if self.changed is not None:
            self.changed.set()

    # ---- news for a WebSocket only

    def resume_writing(self) -> None:
        """The stream's `write_paused` has ended."""

    def tick(self, now: float) -> None:
        """Time goes on: `now` is the service's."""

    def drain(self) -> None:
        """The server stops."""

    # ---- the response

    def send(self, message: Message) -> Awaitable[None]:
        """Send: a message of the application's."""
        if self.disconnected:
            raise ClientDisconnected("the client closed the connection")
        kind = message["type"]
        if kind == "http.response.body":
            self.send_body(message)
            if self.stream.write_paused and self.phase != COMPLETE:
                return self.stream.wait_until_writable()
        elif kind == "http.response.start":
            self.start_response(message)
        elif kind == "http.response.pathsend":
            return self.send_file(message["path"])
        elif kind == "http.response.trailers":
            self.send_trailers(message)
        elif kind == "http.response.early_hint":
            self.send_early_hint(message["links"])
        else:
            known = ", ".join(RESPONSE_MESSAGES)
            raise RuntimeError(f'send() does not know "{kind}" here; it takes: {known}')
        return DONE

    def respond(self, status: int, headers: Headers, body: bytes | memoryview) -> Awaitable[None]:
        """Send: the whole response."""
        if self.disconnected:
            raise ClientDisconnected("the client closed the connection")
        self.begin_only_response(status, headers, False)
        self.finish_body(body, False)
        return DONE  # as for a last message: nobody waits for a client when nothing more is to be made for it

    def try_send(self, data: Any) -> bool:
        """Send: a piece of the body if it need not wait; a message for a WebSocket."""
        if self.phase != STARTED or self.disconnected or self.stream.write_paused:
            return False
        self.finish_body(data, True)
        return True

    def start_response(self, message: Message) -> None:
        fields = message if type(message) is dict else dict(message)
        self.begin_only_response(fields["status"], fields.get("headers", ()), fields.get("trailers", False))

    def begin_only_response(self, status: Any, headers: Headers, trailers: bool) -> None:
        if self.phase != NOT_STARTED:
            raise RuntimeError('send() got a second "http.response.start"')
        if not isinstance(status, int):
            raise TypeError(f"the status of a response must be a whole number, got {status!r}")
        self.status = status
        self.has_trailers = trailers
        self.begin_response(status, headers, trailers)
        self.phase = STARTED

    def begin_response(self, status: int, headers: Headers, trailers: bool) -> None:
        log = self.service.access_log
        if self.request_id is not None:
            headers = self.identified(headers)
        if log is not None and log.wants_response_headers:
            headers = self.response_headers = list(headers)  # type: ignore[arg-type]  # the stream sees what they are
        self.stream.start_response(status, headers, trailers)

    def identified(self, headers: Headers) -> Headers:
        """The response's headers, with the request's id."""
        ids = self.service.request_ids
        if ids is None or self.request_id is None:
            return headers
        return ids.add_to(headers, self.request_id)

    def send_body(self, message: Message) -> None:
        if self.phase != STARTED:
            raise self.out_of_turn("http.response.body")
        fields = message if type(message) is dict else dict(message)
        self.finish_body(fields.get("body", b""), fields.get("more_body", False))

    def out_of_turn(self, kind: str) -> RuntimeError:
        when = {
            NOT_STARTED: 'before "http.response.start"',
            STARTED: "in a response without trailers, or before its body is complete",
            AWAITS_TRAILERS: "when only trailers may follow",
            SENDING_FILE: "while a file is sent as the body",
            COMPLETE: "after the response was complete",
        }
        return RuntimeError(f'send() got "{kind}" {when[self.phase]}')

    def finish_body(self, data: bytes | memoryview, more: bool) -> None:
        self.sent += len(data)
        if not more:
            self.phase = AWAITS_TRAILERS if self.has_trailers else COMPLETE
        try:
            self.stream.send_body(data, more or self.has_trailers)
        except (RuntimeError, TypeError):
            self.phase = STARTED
            raise
        if self.phase == COMPLETE:
            self.response_complete()

    def send_trailers(self, message: Message) -> None:
        """ASGI extension: several messages may come, and their fields are sent together."""
        if self.phase != AWAITS_TRAILERS:
            raise self.out_of_turn("http.response.trailers")
        self.trailers = [*(self.trailers or ()), *message.get("headers", ())]
        if not message.get("more_trailers", False):
            self.phase = COMPLETE
            try:
                self.stream.send_trailers(self.trailers)
            except (ValueError, TypeError):
                self.phase = AWAITS_TRAILERS
                self.trailers = None
                raise
            self.response_complete()

    def send_early_hint(self, links: Iterable[bytes]) -> None:
        """ASGI extension: RFC 8297."""
        if self.phase != NOT_STARTED:
            raise RuntimeError('send() got "http.response.early_hint" after "http.response.start"')
        self.stream.send_informational(103, [(b"link", link) for link in links])

    async def send_file(self, path: str) -> None:
        """ASGI extension: the file is the whole body."""
        if self.phase != STARTED or self.sent > 0:
            raise self.out_of_turn("http.response.pathsend")
        self.phase = SENDING_FILE
        try:
            self.sent = await self.stream.send_file(path)
        except ConnectionError as error:
            self.phase = STARTED
            self.disconnect()
            raise ClientDisconnected("the client closed the connection") from error
        except BaseException:
            # Unless bytes have left, another response can be made.
            self.phase = STARTED
            raise
        self.phase = COMPLETE
        self.response_complete()

    def response_complete(self) -> None:
        self.wake()
        self.log_access()

    def log_access(self) -> None:
        service = self.service
        seconds = 0.0
        if service.timed:
            seconds = clock() - self.started
            service.counters.took(self.stream.wire, seconds)
            if service.recorder is not None:
                service.recorder(self.scope, self.status, seconds)
        service.counters.answered(self.stream.wire, self.status)
        self.write_access_line(seconds)

    def write_access_line(self, seconds: float) -> None:
        log = self.service.access_log
        if log is None:
            return
        scope, head = self.scope, self.head
        method = head.method if head is not None else scope["method"]
        # Of most methods the length tells, at a tenth of what a comparison takes.
        sent = 0 if len(method) == 4 and method == "HEAD" else self.sent
        request_id, headers, encrypted = self.request_id, self.response_headers, self.stream.encrypted
        log.response(scope, method, self.status, sent, seconds, request_id, headers, 0, head, encrypted)
