# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The streams of one HTTP/2 connection: how each begins, what windows it has, and how it ends (RFC 9113 5)."""

import time
from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t

from vivace.server.protocol.http2_budget cimport Budget
from vivace.server.protocol.http2_output cimport Http2Output, Http2Stream
from vivace.server.protocol.http2_request cimport RequestFields, check_trailers, read_request
from vivace.server.protocol.response_fields cimport add_defaults

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY as _END_OF_BODY
from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode, StreamFailed, StreamReset
from vivace.server.protocol.http2_priority import DEFAULT_URGENCY, parse_priority

cdef object END_OF_BODY = _END_OF_BODY
cdef double LARGEST_WINDOW = 2147483647.0


cdef failed(code, str reason):
    return ConnectionFailed(code, reason)


cdef class Http2Streams(Http2Output):
    """What becomes of requests, in `events`; reading their frames is the session's."""

    def __cinit__(self, limits, *args, clock=time.monotonic, **kwargs):
        self.max_body_size = limits.max_body_size
        self.stream_window = limits.stream_window
        self.connection_window = self.receive_window = limits.connection_window
        self.resets = Budget(limits.reset_budget, "too many requests were cancelled or wrong", clock)
        self.events = deque()
        self.streams = {}
        self.initial_send_window = 65535

    cdef bint is_idle(self, uint32_t stream_id) noexcept:
        return stream_id > self.last_stream or stream_id % 2 == 0

    # ---- how they begin

    cdef int open_stream(
        self, uint32_t stream_id, list fields, const unsigned char *kinds, bint ended
    ) except -1:
        """A request begins; `fields` is None when there were too many."""
        cdef Http2Stream stream = Http2Stream.__new__(Http2Stream)
        cdef RequestFields request
        cdef bytes priority
        stream.id = stream_id
        stream.request_complete = ended
        stream.receive_window = self.stream_window
        stream.send_window = self.initial_send_window
        stream.expected = -1
        stream.urgency = DEFAULT_URGENCY
        stream.trailers = []
        if fields is None:
            self.streams[stream_id] = stream
            # It may have been a HEAD: no body.
            return self.refuse(stream, ProtocolError(431, "the headers are too large"), True)
        try:
            request = read_request(fields, kinds, ended)
        except ProtocolError as error:
            self.streams[stream_id] = stream
            return self.refuse(stream, error, (b":method", b"HEAD") in fields)
        self.streams[stream_id] = stream
        stream.head = request.head
        if len(stream.head.headers) > self.max_header_count:
            # The decoder does not know which fields are no headers, and lets some more pass.
            return self.refuse(stream, ProtocolError(431, "too many headers"), stream.forbids_body())
        stream.scheme = request.scheme.decode("latin-1")
        if request.protocol is not None:
            stream.protocol = request.protocol.decode("latin-1")
        elif stream.head.content_length > self.max_body_size:
            return self.refuse(
                stream, ProtocolError(413, "the body is larger than this server accepts"), stream.forbids_body()
            )
        priority = request.priority
        if self.early_priorities:
            priority = self.early_priorities.pop(stream_id, priority)
        if priority is not None:
            stream.urgency, stream.incremental = parse_priority(priority)
        self.events.append((stream, stream.head))
        return 0

    cdef int end_with_trailers(
        self, Http2Stream stream, list fields, const unsigned char *kinds, bint ended
    ) except -1:
        if stream.request_complete:
            raise StreamFailed(ErrorCode.STREAM_CLOSED, "HEADERS after the end of the request")
        if not ended:
            raise StreamFailed(ErrorCode.PROTOCOL_ERROR, "trailers that do not end the request")
        if fields is None:
            return self.refuse(stream, ProtocolError(431, "the trailers are too large"), stream.forbids_body())
        check_trailers(fields, kinds)
        if stream.protocol is None and 0 <= stream.head.content_length != stream.body_size:
            raise StreamFailed(ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length")
        stream.trailers = fields
        return self.end_request(stream)

    # ---- windows (RFC 9113 6.9)

    cpdef consumed(self, Http2Stream stream, Py_ssize_t size):
        """The application took `size` bytes of the stream's body: the client may send as many more."""
        if size < 0 or size > stream.unconsumed:
            if stream.closed:
                return
            raise ValueError(f"{size} bytes consumed of {stream.unconsumed}")
        stream.unconsumed -= size
        self.credit(size)
        if stream.closed or stream.request_complete:
            return
        stream.uncredited += size
        # Few updates, and early enough that a fast client never stops.
        if stream.uncredited * 2 >= self.stream_window:
            self.write_window_update(stream.id, <uint32_t>stream.uncredited)
            stream.receive_window += stream.uncredited
            stream.uncredited = 0

    cdef int credit(self, long long size) except -1:
        """Give back `size` bytes of the connection's window."""
        self.uncredited += size
        if self.uncredited * 2 >= self.connection_window and self.failure is None:
            self.write_window_update(0, <uint32_t>self.uncredited)
            self.receive_window += self.uncredited
            self.uncredited = 0
        return 0

    cdef int change_windows(self, long long size) except -1:
        """RFC 9113 6.9.2: a new initial window changes those of open streams too, below zero if need be."""
        cdef Http2Stream stream
        for stream in self.streams.values():
            stream.send_window += size - self.initial_send_window
            if stream.send_window > LARGEST_WINDOW:
                raise failed(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
            if stream.send_window <= 0:
                self.dequeue(stream)
            else:
                self.enqueue(stream)
        self.initial_send_window = size
        return 0

    # ---- how they end

    cdef int end_request(self, Http2Stream stream) except -1:
        stream.request_complete = True
        self.events.append((stream, END_OF_BODY))
        return 0

    cdef int end_requests(self) except -1:
        """Nothing more will come: `finished` once the requests that have come are answered."""
        cdef Http2Stream stream
        self.draining = self.drained = True
        for stream in list(self.streams.values()):
            if not stream.request_complete:
                self.close_stream(stream, RESET_BY_US)
                self.events.append((stream, StreamReset(ErrorCode.CANCEL, True)))
        return 0

    cdef int response_closed(self, Http2Stream stream) except -1:
        stream.response_closed = True
        # Nothing that comes now concerns whoever served it, and who refers to the stream.
        stream.owner = None
        if stream.request_complete:
            return self.close_stream(stream, COMPLETE)
        # RFC 9113 8.1: the answer is there; the rest of the request is not wanted.
        self.write_reset(stream.id, ErrorCode.NO_ERROR)
        return self.close_stream(stream, RESET_BY_US)

    cdef int refuse(self, Http2Stream stream, error, bint without_body) except -1:
        """Answer what is well formed but cannot be served, and let nothing more come of it."""
        self.resets.spend()
        self.events.append((stream, error))
        owner = stream.owner
        self.answer_error(stream, error, without_body)
        stream.owner = owner
        return 0

    cpdef refuse_request(self, Http2Stream stream, error):
        """Answer a request with the status of `error`, a ProtocolError; a response that has begun is reset instead."""
        if not stream.closed:
            self.answer_error(stream, error, stream.forbids_body())

    cdef int answer_error(self, Http2Stream stream, error, bint without_body) except -1:
        cdef bytes reason = error.reason.encode()
        cdef list fields
        if self.request_ids is not None:
            error.head = stream.head
            self.request_ids.identify_refusal(error)
        if stream.begun:
            self.write_reset(stream.id, ErrorCode.CANCEL)
            return self.close_stream(stream, RESET_BY_US)
        if without_body or len(reason) > min(self.initial_send_window, self.send_window):
            reason = b""
        stream.begun = stream.complete = True
        fields = [
            (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(reason)), *error.headers,
        ]
        if self.defaults is not None:
            add_defaults(fields, self.defaults)
        self.write_headers(stream.id, error.status, fields, not reason)
        if not reason:
            return self.response_closed(stream)
        return self.write_data(stream, <const unsigned char *>PyBytes_AS_STRING(reason), len(reason), True)

    cdef int fail_stream(self, Http2Stream stream, uint32_t stream_id, error) except -1:
        """Reset a stream for an error of the client's; None for one that is closed."""
        if stream is None and self.is_idle(stream_id):
            # RFC 9113 6.4: what never was cannot be reset; 5.4.2: the connection is to blame instead.
            raise failed(error.code, str(error))
        self.write_reset(stream_id, error.code)
        if stream is not None:
            self.close_stream(stream, RESET_BY_US)
            self.events.append((stream, StreamReset(error.code, False)))
        else:
            self.remember_closed(stream_id, RESET_BY_US)
        return self.resets.spend()

    cpdef reset(self, Http2Stream stream, uint32_t code):
        """End a stream without a proper end. Nothing happens when it is closed already."""
        if not stream.closed:
            self.write_reset(stream.id, code)
            self.close_stream(stream, RESET_BY_US)

    cdef int close_stream(self, Http2Stream stream, Ending how) except -1:
        stream.closed = True
        self.dequeue(stream)
        stream.pieces = None
        stream.unsent = 0
        del self.streams[stream.id]
        self.remember_closed(stream.id, how)
        # Bytes that nobody will consume any more must not narrow the connection's window.
        self.credit(stream.unconsumed)
        stream.unconsumed = 0
        return 0

    cdef int remember_closed(self, uint32_t stream_id, Ending how) noexcept:
        # Clients have odd numbers only, below 2 ** 31.
        self.closed[self.closed_count % REMEMBERED_STREAMS] = stream_id >> 1 << 2 | how
        self.closed_count += 1
        return 0

    cdef Ending ending_of(self, uint32_t stream_id) noexcept:
        """How a stream came to its end, if it is one of the last that did."""
        cdef uint32_t at
        for at in range(1, min(self.closed_count, <uint32_t>REMEMBERED_STREAMS) + 1):
            if self.closed[(self.closed_count - at) % REMEMBERED_STREAMS] >> 2 == stream_id >> 1:
                return <Ending>(self.closed[(self.closed_count - at) % REMEMBERED_STREAMS] & 3)
        return FORGOTTEN
