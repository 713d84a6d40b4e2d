# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The server's side of one HTTP/2 connection (RFC 9113): bytes in, events out, and what to write.

An event is `(stream, what)`, where `what` is in the vocabulary of `events`: a `RequestHead`, `bytes` of its body,
`END_OF_BODY`; besides these a `StreamReset`, or the `ProtocolError` of a request that has been refused and answered
with its status (`stream.head` is None when it never had one). Neither is followed by others of its stream.

What breaks the connection raises `ConnectionFailed`, with a GOAWAY ready to be taken. Cheap for the client and dear for
us is what a flood is made of, so each such frame is paid from a budget, which traffic and time fill up.
"""

import time

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy

from vivace.server.protocol.hpack_decoder cimport HpackDecoder
from vivace.server.protocol.http2_budget cimport Budget
from vivace.server.protocol.http2_output cimport (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY_FRAME, PRIORITY_UPDATE,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, Http2Stream,
)
from vivace.server.protocol.http2_streams cimport (
    COMPLETE, RESET_BY_CLIENT, RESET_BY_US, Ending, Http2Streams, failed,
)

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.hpack_tables import HpackError
from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode, StreamFailed, StreamReset
from vivace.server.protocol.http2_priority import parse_priority

cdef enum:
    PREFACE_SIZE = 24
    FRAME_HEAD = 9
    # RFC 9113 4.2: what we have not changed by SETTINGS_MAX_FRAME_SIZE.
    MAX_FRAME_SIZE = 16384
    LARGEST_ID = 0x7FFFFFFF
    DEFAULT_WINDOW = 65535
    # In one frame; each may change the windows of every stream.
    MAX_SETTINGS = 32

cdef enum Setting:
    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH
    MAX_CONCURRENT_STREAMS
    INITIAL_WINDOW_SIZE
    MAX_FRAME_SIZE_SETTING
    MAX_HEADER_LIST_SIZE
    ENABLE_CONNECT_PROTOCOL = 8
    NO_RFC7540_PRIORITIES = 9

cdef double LARGEST_WINDOW = 2147483647.0
cdef bytes PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
cdef bytes DRAIN_PING = b"draining"
cdef bytes LIFE_PING = b"are you?"


cdef inline uint32_t number_at(const unsigned char *p) noexcept:
    return <uint32_t>p[0] << 24 | <uint32_t>p[1] << 16 | <uint32_t>p[2] << 8 | p[3]


cdef class Http2Session(Http2Streams):
    """One connection. `feed` bytes, call `next_event` until it returns None, answer, and write what `take` returns.

    Body bytes count against the client's windows until `consumed`. `connect` offers the extended CONNECT
    (RFC 8441). `clock` gives seconds; only floods ask it.
    """

    def __cinit__(
        self, limits, *, server="vivace", bint date=True, headers=(), bint connect=True, clock=time.monotonic
    ):
        self.max_streams = limits.max_streams
        self.max_continuations = limits.max_continuations
        self.max_header_block = limits.max_header_block
        self.max_header_count = limits.max_header_count
        self.controls = Budget(limits.control_budget, "too many control frames", clock)
        self.buffer = b""
        # RFC 9113 6.5.2 counts 32 bytes a field beside its strings.
        self.decoder = HpackDecoder(limits.max_header_bytes + 32 * limits.max_header_count, limits.max_header_count + 5)
        self.frame(30, SETTINGS, 0, 0)
        for identifier, value in (
            (MAX_CONCURRENT_STREAMS, self.max_streams),
            (INITIAL_WINDOW_SIZE, self.stream_window),
            (MAX_HEADER_LIST_SIZE, limits.max_header_bytes),
            (ENABLE_CONNECT_PROTOCOL, connect),
            (NO_RFC7540_PRIORITIES, 1),
        ):
            self.out[self.length] = 0
            self.out[self.length + 1] = identifier
            self.length += 2
            self.write_number(value)
        if self.connection_window > DEFAULT_WINDOW:
            self.write_window_update(0, <uint32_t>(self.connection_window - DEFAULT_WINDOW))

    @property
    def buffered(self):
        """How many fed bytes have not been read yet."""
        return PyBytes_GET_SIZE(self.buffer) - self.position

    @property
    def open_streams(self):
        """How many requests are being received or answered."""
        return len(self.streams)

    @property
    def finished(self):
        """Whether the connection can be closed once all is written: it failed, or it is drained and nothing is open."""
        return self.failure is not None or (self.drained and not self.streams)

    cpdef feed(self, bytes data):
        if self.failure is not None:
            return
        if PyBytes_GET_SIZE(self.buffer) == self.position:
            self.buffer = data
        else:
            self.buffer = self.buffer[self.position :] + data
        self.position = 0

    cpdef feed_eof(self):
        """The client sends no more: requests that are incomplete then are reset, the others served to their end."""
        self.eof = True

    cpdef next_event(self):
        """The next event, or None when more bytes are needed. ConnectionFailed when the connection is over."""
        while not self.events:
            if self.failure is not None:
                raise self.failure
            try:
                if not self.read_frame():
                    if self.eof:
                        self.eof = False
                        self.end_requests()
                        continue
                    return None
            except ConnectionFailed as error:
                self.close(error.code, error.reason)
                self.failure = error
        return self.events.popleft()

    # ---- frames

    cdef bint read_preface(self) except -1:
        """RFC 9113 3.4. What is wrong is seen at its first byte."""
        cdef Py_ssize_t size = min(PyBytes_GET_SIZE(self.buffer) - self.position, <Py_ssize_t>PREFACE_SIZE)
        if memcmp(PyBytes_AS_STRING(self.buffer) + self.position, PyBytes_AS_STRING(PREFACE), size) != 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "the connection does not begin with the preface")
        if size < PREFACE_SIZE:
            return False
        self.position += PREFACE_SIZE
        self.preface_seen = True
        return True

    cdef bint read_frame(self) except -1:
        cdef const unsigned char *p
        cdef Py_ssize_t size, available
        cdef bytes held = self.buffer
        if not self.preface_seen and not self.read_preface():
            return False
        available = PyBytes_GET_SIZE(held) - self.position
        if available < FRAME_HEAD:
            return False
        p = <const unsigned char *>PyBytes_AS_STRING(held) + self.position
        size = <Py_ssize_t>p[0] << 16 | <Py_ssize_t>p[1] << 8 | p[2]
        if size > MAX_FRAME_SIZE:
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a frame is larger than allowed")
        if not self.settings_seen:
            if p[3] != SETTINGS or p[4] & ACK:
                raise failed(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self.block is not None and (p[3] != CONTINUATION or number_at(p + 5) & LARGEST_ID != self.block_stream):
            # RFC 9113 6.10: nothing comes between the parts of a header block.
            raise failed(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted")
        if available < FRAME_HEAD + size:
            return False
        self.position += FRAME_HEAD + size
        self.frames_read += 1
        self.settings_seen = True
        self.dispatch(p[3], p[4], number_at(p + 5) & LARGEST_ID, p + FRAME_HEAD, size)
        return True

    cdef int dispatch(self, int kind, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        if kind == DATA:
            return self.read_data(flags, stream_id, p, size)
        if kind == HEADERS:
            return self.read_headers(flags, stream_id, p, size)
        if kind == CONTINUATION:
            return self.read_continuation(flags, stream_id, p, size)
        if kind == RST_STREAM:
            return self.read_reset(stream_id, p, size)
        if kind == PUSH_PROMISE:
            raise failed(ErrorCode.PROTOCOL_ERROR, "a client cannot push")
        self.spend_control()
        if kind == WINDOW_UPDATE:
            return self.read_window_update(stream_id, p, size)
        if kind == SETTINGS:
            return self.read_settings(flags, stream_id, p, size)
        if kind == PING:
            return self.read_ping(flags, stream_id, p, size)
        if kind == PRIORITY_FRAME:
            return self.read_priority(stream_id, p, size)
        if kind == PRIORITY_UPDATE:
            return self.read_priority_update(stream_id, p, size)
        if kind == GOAWAY:
            return self.read_goaway(stream_id, size)
        # RFC 9113 4.1: frames of unknown types are ignored.
        return 0

    cdef int spend_control(self) except -1:
        if self.data_frames > 0:
            # A client answers DATA with up to two WINDOW_UPDATE frames, and may measure with a PING.
            self.controls.earn(4.0 * self.data_frames)
            self.data_frames = 0
        return self.controls.spend()

    # ---- DATA

    cdef int read_data(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        cdef Http2Stream stream
        cdef Py_ssize_t length = size, padding
        cdef long long announced
        if stream_id == 0 or self.is_idle(stream_id):
            raise failed(ErrorCode.PROTOCOL_ERROR, "DATA on a stream that is not open")
        if flags & PADDED:
            if size == 0:
                raise failed(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without a padding length")
            padding = p[0]
            if padding >= size:
                raise failed(ErrorCode.PROTOCOL_ERROR, "a padding is longer than its frame")
            p += 1
            length -= padding + 1
        # RFC 9113 6.9: padding counts, and so does DATA on streams that are closed.
        self.receive_window -= size
        if self.receive_window < 0:
            raise failed(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window")
        if length == 0 and not flags & END_STREAM:
            self.spend_control()
        stream = self.streams.get(stream_id)
        if stream is None or stream.request_complete:
            self.credit(size)
            if stream is None and self.ending_of(stream_id) == RESET_BY_US:
                return 0
            return self.fail_stream(
                stream, stream_id, StreamFailed(ErrorCode.STREAM_CLOSED, "DATA on a stream that is closed")
            )
        stream.receive_window -= size
        if stream.receive_window < 0:
            self.credit(size)
            return self.fail_stream(
                stream, stream_id, StreamFailed(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window")
            )
        self.credit(size - length)
        stream.uncredited += size - length
        stream.unconsumed += length
        stream.body_size += length
        announced = stream.head.content_length
        if stream.protocol is None:
            if announced >= 0 and (
                stream.body_size > announced or (flags & END_STREAM and stream.body_size != announced)
            ):
                return self.fail_stream(
                    stream, stream_id,
                    StreamFailed(ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length"),
                )
            if stream.body_size > self.max_body_size:
                return self.refuse(
                    stream, ProtocolError(413, "the body is larger than this server accepts"), stream.forbids_body()
                )
        if length > 0:
            self.data_frames += 1
            self.events.append((stream, PyBytes_FromStringAndSize(<const char *>p, length)))
        if flags & END_STREAM:
            self.end_request(stream)
        return 0

    # ---- HEADERS and CONTINUATION

    cdef int read_headers(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        cdef Py_ssize_t padding = 0
        cdef bint on_itself = False
        if stream_id % 2 == 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that a client cannot open")
        if flags & PADDED:
            if size == 0:
                raise failed(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without a padding length")
            padding = p[0]
            p += 1
            size -= 1
        if flags & WITH_PRIORITY:
            if size < 5:
                raise failed(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for their priority")
            on_itself = number_at(p) & LARGEST_ID == stream_id
            p += 5
            size -= 5
        if padding > size:
            raise failed(ErrorCode.PROTOCOL_ERROR, "a padding is longer than its frame")
        size -= padding
        if flags & END_HEADERS:
            return self.read_block(flags, stream_id, on_itself, p, size)
        self.block = bytearray(p[:size])
        self.block_stream = stream_id
        self.block_flags = flags
        self.block_depends_on_itself = on_itself
        self.continuations = 0
        return 0

    cdef int read_continuation(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        cdef bytes block
        if self.block is None:
            raise failed(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        self.continuations += 1
        if self.continuations > self.max_continuations or len(self.block) + size > self.max_header_block:
            raise failed(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end")
        self.block += p[:size]
        if flags & END_HEADERS:
            block = bytes(self.block)
            self.block = None
            self.block_stream = 0
            return self.read_block(
                self.block_flags, stream_id, self.block_depends_on_itself,
                <const unsigned char *>PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block),
            )
        return 0

    cdef int read_block(self, int flags, uint32_t stream_id, bint on_itself,
                        const unsigned char *p, Py_ssize_t size) except -1:
        """A whole header block: the beginning of a request, or its trailers."""
        cdef Http2Stream stream = self.streams.get(stream_id)
        cdef list fields
        cdef bint ended = flags & END_STREAM
        # Whatever becomes of the stream, the tables must follow.
        try:
            fields = self.decoder.decode_block(p, p + size)
        except HpackError as error:
            raise failed(ErrorCode.COMPRESSION_ERROR, str(error))
        try:
            if on_itself:
                raise StreamFailed(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")
            if stream is not None:
                return self.end_with_trailers(stream, fields, self.decoder.kinds, ended)
            if stream_id > self.last_stream:
                self.last_stream = stream_id
                if self.drained or len(self.streams) >= self.max_streams:
                    raise StreamFailed(ErrorCode.REFUSED_STREAM, "too many requests at once")
                return self.open_stream(stream_id, fields, self.decoder.kinds, ended)
            ending = self.ending_of(stream_id)
            if ending == RESET_BY_US:
                return 0
            if ending == RESET_BY_CLIENT:
                raise StreamFailed(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that was reset")
            if ending == COMPLETE:
                raise failed(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that is closed")
            # RFC 9113 5.1.1: numbers only go up.
            raise failed(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream below the last one")
        except StreamFailed as error:
            if stream_id > self.last_stream:
                self.last_stream = stream_id
            return self.fail_stream(stream, stream_id, error)

    # ---- the other frames

    cdef int read_priority(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        """RFC 9113 6.3: checked, and no longer followed."""
        cdef object error
        if stream_id == 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "PRIORITY on the connection")
        if size != 5:
            error = StreamFailed(ErrorCode.FRAME_SIZE_ERROR, "a PRIORITY frame of the wrong size")
        elif number_at(p) & LARGEST_ID == stream_id:
            error = StreamFailed(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")
        else:
            return 0
        return self.fail_stream(self.streams.get(stream_id), stream_id, error)

    cdef int read_priority_update(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        """RFC 9218 7.1: a new priority, perhaps for a request that has not come yet."""
        cdef Http2Stream stream
        cdef uint32_t target
        cdef bytes value
        if stream_id != 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "PRIORITY_UPDATE on a stream")
        if size < 4:
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a PRIORITY_UPDATE frame of the wrong size")
        target = number_at(p) & LARGEST_ID
        if target % 2 == 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "PRIORITY_UPDATE for a stream that a client cannot open")
        value = p[4:size]
        stream = self.streams.get(target)
        if stream is not None:
            self.dequeue(stream)
            stream.urgency, stream.incremental = parse_priority(value)
            self.enqueue(stream)
        elif target > self.last_stream:
            if self.early_priorities is None:
                self.early_priorities = {}
            if len(self.early_priorities) < self.max_streams:
                self.early_priorities[target] = value[:256]
        return 0

    cdef int read_reset(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        cdef Http2Stream stream
        if size != 4:
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a RST_STREAM frame of the wrong size")
        if stream_id == 0 or self.is_idle(stream_id):
            raise failed(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on a stream that is not open")
        stream = self.streams.get(stream_id)
        if stream is None:
            return self.spend_control()
        self.resets.spend()
        self.close_stream(stream, RESET_BY_CLIENT)
        self.events.append((stream, StreamReset(number_at(p), True)))
        return 0

    cdef int read_settings(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        cdef const unsigned char *end = p + size
        cdef int identifier
        cdef uint32_t value
        if stream_id != 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if size % 6 != 0 or (flags & ACK and size > 0):
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS frame of the wrong size")
        if flags & ACK:
            self.settings_acknowledged = True
            return 0
        if size > MAX_SETTINGS * 6:
            raise failed(ErrorCode.ENHANCE_YOUR_CALM, "too many settings")
        while p < end:
            identifier = p[0] << 8 | p[1]
            value = number_at(p + 2)
            p += 6
            if identifier == HEADER_TABLE_SIZE:
                self.encoder.set_table_size(value)
            elif identifier == ENABLE_PUSH or identifier == ENABLE_CONNECT_PROTOCOL:
                if value > 1:
                    raise failed(ErrorCode.PROTOCOL_ERROR, "a setting is neither 0 nor 1")
            elif identifier == INITIAL_WINDOW_SIZE:
                if value > LARGEST_WINDOW:
                    raise failed(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is too large")
                self.change_windows(value)
            elif identifier == MAX_FRAME_SIZE_SETTING:
                if value < 16384 or value > 16777215:
                    raise failed(ErrorCode.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is out of its range")
                # A larger frame would make urgent ones wait behind it.
                self.max_frame_size = min(value, <uint32_t>65536)
            elif identifier == MAX_HEADER_LIST_SIZE:
                self.max_header_list = value
        self.frame(0, SETTINGS, ACK, 0)
        return 0

    cdef int read_ping(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        if stream_id != 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if size != 8:
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a PING frame of the wrong size")
        if not flags & ACK:
            self.frame(8, PING, ACK, 0)
            memcpy(self.out + self.length, p, 8)
            self.length += 8
        elif self.draining and not self.drained and memcmp(p, PyBytes_AS_STRING(DRAIN_PING), 8) == 0:
            # What the client sent before it heard of the end has come: this is the last stream.
            self.drained = True
            self.write_goaway(self.last_stream, ErrorCode.NO_ERROR, b"")
        return 0

    cdef int read_goaway(self, uint32_t stream_id, Py_ssize_t size) except -1:
        """RFC 9113 6.8: the client opens no more streams that matter to us; what is open goes on."""
        if stream_id != 0:
            raise failed(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if size < 8:
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a GOAWAY frame of the wrong size")
        return 0

    cdef int read_window_update(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1:
        cdef Http2Stream stream
        cdef long long increment
        if size != 4:
            raise failed(ErrorCode.FRAME_SIZE_ERROR, "a WINDOW_UPDATE frame of the wrong size")
        increment = number_at(p) & LARGEST_ID
        if stream_id == 0:
            if increment == 0:
                raise failed(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by zero")
            self.send_window += increment
            if self.send_window > LARGEST_WINDOW:
                raise failed(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is too large")
            return 0
        if self.is_idle(stream_id):
            raise failed(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on a stream that is not open")
        stream = self.streams.get(stream_id)
        if stream is None:
            return 0
        stream.send_window += increment
        if increment == 0:
            return self.fail_stream(
                stream, stream_id, StreamFailed(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by zero")
            )
        if stream.send_window > LARGEST_WINDOW:
            return self.fail_stream(
                stream, stream_id, StreamFailed(ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is too large")
            )
        return self.enqueue(stream)

    # ---- the end of the connection

    cdef int write_goaway(self, uint32_t last_stream, uint32_t code, bytes reason) except -1:
        self.frame(8 + PyBytes_GET_SIZE(reason), GOAWAY, 0, 0)
        self.write_number(last_stream)
        self.write_number(code)
        memcpy(self.out + self.length, PyBytes_AS_STRING(reason), PyBytes_GET_SIZE(reason))
        self.length += PyBytes_GET_SIZE(reason)
        return 0

    cpdef drain(self):
        """Ask the client to open no more streams, then, a round trip later, say which was the last (RFC 9113 6.8).

        Open ones are served to their end; `finished` tells when all is done.
        """
        if not self.draining and self.failure is None:
            self.draining = True
            self.write_goaway(LARGEST_ID, ErrorCode.NO_ERROR, b"")
            self.write_ping(DRAIN_PING)

    cpdef ping(self):
        """Ask whether the client is there: whatever it says next is the answer (RFC 9113 6.7)."""
        if self.failure is None:
            self.write_ping(LIFE_PING)

    cdef int write_ping(self, bytes payload) except -1:
        self.frame(8, PING, 0, 0)
        memcpy(self.out + self.length, PyBytes_AS_STRING(payload), 8)
        self.length += 8
        return 0

    cpdef close(self, uint32_t code=0, reason=""):
        """Give up at once: everything unsent is dropped, a GOAWAY says why.

        `next_event` reports the streams that were open as reset, then raises.
        """
        cdef Http2Stream stream
        if self.failure is not None:
            return
        self.failure = ConnectionFailed(ErrorCode(code), reason or "the server closed the connection")
        self.buffer = b""
        self.position = 0
        self.block = None
        self.block_stream = 0
        for stream in list(self.streams.values()):
            self.close_stream(stream, RESET_BY_US)
            self.events.append((stream, StreamReset(code, False)))
        self.write_goaway(self.last_stream, code, reason.encode())
