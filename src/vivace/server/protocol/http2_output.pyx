# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""HTTP/2 responses into bytes: everything of a turn in one buffer, DATA by priority within the client's windows.

Bodies wait in their streams until `take`, so a client that reads slowly gets what is most urgent first. Of one urgency,
responses that are of use in pieces take turns frame by frame; the others follow one another (RFC 9218 10).
"""

from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memcpy
from libc.stdint cimport uint32_t
from libc.time cimport time, time_t

from email.utils import formatdate

from vivace.server.protocol.hpack_encoder cimport CHANGES_ROOM, FIELD_ROOM, HpackEncoder
from vivace.server.protocol.characters cimport LOWER_TOKEN
from vivace.server.protocol.response_fields cimport add_defaults, as_bytes, as_fields, check_field, read_length

cdef enum:
    FRAME_HEAD = 9
    DEFAULT_WINDOW = 65535
    DEFAULT_FRAME_SIZE = 16384
    # A buffer above this is given back once it is sent.
    KEPT_ROOM = 16384
    # An encoded head up to this size is kept for the next response that is like it.
    KEPT_BLOCK = 1024
    URGENCIES = 8

cdef list STATUS_FIELDS = [(b":status", b"%d" % status) for status in range(1000)]
# RFC 9113 8.2.2: what concerns one connection is not sent; applications written for HTTP/1.1 may say it.
cdef frozenset CONNECTION_FIELDS = frozenset(
    b"connection keep-alive proxy-connection transfer-encoding upgrade".split()
)

# ---- Date, written once a second for everybody

cdef time_t date_second = 0
cdef tuple date_field = ()


cdef tuple current_date_field():
    global date_second, date_field
    cdef time_t now = time(NULL)
    if now != date_second:
        date_second = now
        date_field = (b"date", formatdate(now, usegmt=True).encode("ascii"))
    return date_field


# ---- what applications give

cdef tuple checked_field(tuple field):
    """The field as HTTP/2 wants it: a lower-case name, nothing that ends a line."""
    cdef bytes name = <bytes>field[0]
    cdef bytes value = <bytes>field[1]
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef Py_ssize_t at
    check_field(name, value)
    if PyBytes_GET_SIZE(value) > 0 and (p[0] <= 32 or p[PyBytes_GET_SIZE(value) - 1] <= 32):
        # RFC 9113 8.2.1: blanks around a value make the whole response malformed.
        return (name.lower(), value.strip(b" \t"))
    p = <const unsigned char *>PyBytes_AS_STRING(name)
    for at in range(PyBytes_GET_SIZE(name)):
        if LOWER_TOKEN[p[at]] != p[at]:
            return (name.lower(), value)
    return field


cdef class ResponseHead:
    """The fields of a response as they are sent, and what they say of its body: -1 for no content-length.

    Responses of one connection are often alike, so the last head is kept with what it was made from.
    """

    cdef bint matches(self, int status, list given, tuple date) except -1:
        return self.status == status and self.date is date and self.given == given


cdef ResponseHead read_head(int status, list given, bytes server, tuple date, list defaults):
    """ValueError for what must not be sent.

    `server`, `date` and the fields of `defaults` are for a response that has none of that name; each may be None.
    """
    cdef ResponseHead head = ResponseHead.__new__(ResponseHead)
    cdef tuple field
    cdef bytes name
    cdef long long length
    head.status = status
    head.given = list(given)
    head.date = date
    head.fields = []
    head.expected = -1
    for field in given:
        field = checked_field(field)
        name = <bytes>field[0]
        if name in CONNECTION_FIELDS:
            continue
        if name == b"content-length":
            length = read_length(<bytes>field[1])
            if head.expected >= 0 and head.expected != length:
                raise ValueError("two content-length headers that differ")
            if head.expected >= 0 or status == 204:
                continue
            head.expected = length
        elif name == b"date":
            date = None
        elif name == b"server":
            server = None
        head.fields.append(field)
    if defaults is not None:
        add_defaults(head.fields, defaults)
    if server is not None:
        head.fields.append((b"server", server))
    if date is not None:
        head.fields.append(date)
    return head


cdef class Http2Stream:
    """One request and its response. `owner` is for whoever serves it.

    `head` is None when the request was refused before it had one. `protocol` is that of an extended CONNECT (RFC 8441).
    `trailers` are those of the request, `unsent` counts the body bytes that wait for the client. `begun` and
    `complete` tell of the response as given, `closed` that nothing more can be sent or received.
    """

    def __repr__(self):
        return f"<Http2Stream {self.id}>"

    cdef bint forbids_body(self) noexcept:
        # RFC 9110 6.4.1: a response to HEAD, a 204 and a 304 have no body whatever their headers say.
        return self.head.method == "HEAD" or self.status == 204 or self.status == 304


cdef class Http2Output:
    """The sending side of a connection: for each stream `start`, then `body` until `complete`; `take` what to write.

    `length` counts the bytes of frames that are ready. Set `held` while they are not taken: bodies then wait for their
    turn. `data_sent` counts the bytes of bodies that have become frames.

    `headers` are those of every response that has none of that name, checked before: lower-case, nothing about framing.
    """

    def __cinit__(self, *args, server="vivace", bint date=True, headers=(), **kwargs):
        self.encoder = HpackEncoder()
        self.server_value = None if server is None else server.encode("latin-1")
        self.writes_date = date
        self.defaults = list(headers) or None
        self.send_window = DEFAULT_WINDOW
        self.max_frame_size = DEFAULT_FRAME_SIZE
        self.max_header_list = -1
        self.queues = [None] * URGENCIES

    def __dealloc__(self):
        PyMem_Free(self.out)

    # ---- frames

    cdef int need(self, Py_ssize_t size) except -1:
        cdef Py_ssize_t wanted
        cdef void *larger
        if self.length + size > self.room:
            wanted = max(self.length + size, 2 * self.room, 1024)
            larger = PyMem_Realloc(self.out, wanted)
            if larger == NULL:
                raise MemoryError
            self.out = <unsigned char *>larger
            self.room = wanted
        return 0

    cdef int frame(self, Py_ssize_t size, int kind, int flags, uint32_t stream_id) except -1:
        """Write a frame's head, and make room for its `size` bytes."""
        cdef unsigned char *p
        self.need(FRAME_HEAD + size)
        p = self.out + self.length
        p[0] = <unsigned char>(size >> 16)
        p[1] = <unsigned char>(size >> 8 & 255)
        p[2] = <unsigned char>(size & 255)
        p[3] = <unsigned char>kind
        p[4] = <unsigned char>flags
        self.length += 5
        self.write_number(stream_id)
        return 0

    cdef int write_number(self, uint32_t number) except -1:
        cdef unsigned char *p = self.out + self.length
        p[0] = <unsigned char>(number >> 24)
        p[1] = <unsigned char>(number >> 16 & 255)
        p[2] = <unsigned char>(number >> 8 & 255)
        p[3] = <unsigned char>(number & 255)
        self.length += 4
        return 0

    cdef int write_reset(self, uint32_t stream_id, uint32_t code) except -1:
        self.frame(4, RST_STREAM, 0, stream_id)
        return self.write_number(code)

    cdef int write_window_update(self, uint32_t stream_id, uint32_t size) except -1:
        self.frame(4, WINDOW_UPDATE, 0, stream_id)
        return self.write_number(size)

    cdef int write_headers(self, uint32_t stream_id, int status, list fields, bint end) except -1:
        """A header block; a status of 0 makes it trailers."""
        cdef Py_ssize_t head, start, size = CHANGES_ROOM + FIELD_ROOM + 16
        cdef tuple field
        cdef bytes block
        cdef int flags = END_STREAM if end else 0
        for field in fields:
            size += FIELD_ROOM + PyBytes_GET_SIZE(field[0]) + PyBytes_GET_SIZE(field[1])
        head = self.length
        self.frame(size, HEADERS, flags | END_HEADERS, stream_id)
        start = self.length
        self.length += self.encoder.write_size_changes(self.out + start)
        if status > 0:
            self.length += self.encoder.write_field(<tuple>STATUS_FIELDS[status], self.out + self.length)
        for field in fields:
            self.length += self.encoder.write_field(field, self.out + self.length)
        size = self.length - start
        if size <= self.max_frame_size:
            self.out[head] = <unsigned char>(size >> 16)
            self.out[head + 1] = <unsigned char>(size >> 8 & 255)
            self.out[head + 2] = <unsigned char>(size & 255)
            return 0
        block = PyBytes_FromStringAndSize(<const char *>self.out + start, size)
        self.length = head
        start = 0
        while start < PyBytes_GET_SIZE(block):
            size = min(PyBytes_GET_SIZE(block) - start, self.max_frame_size)
            if start + size == PyBytes_GET_SIZE(block):
                flags |= END_HEADERS
            self.frame(size, HEADERS if start == 0 else CONTINUATION, flags, stream_id)
            memcpy(self.out + self.length, PyBytes_AS_STRING(block) + start, size)
            self.length += size
            start += size
            flags = 0
        return 0

    # ---- responses

    cpdef start(self, Http2Stream stream, int status, headers):
        """Check and keep the head of a response. ValueError or TypeError for what must not be sent.

        Nothing is written before the first `body`; until then (`begun` is False) the response can be started anew.
        """
        cdef list given = as_fields(headers)
        cdef ResponseHead head = self.last_head
        cdef tuple date = current_date_field() if self.writes_date else None
        if status < 200 or status > 999:
            raise ValueError(f"the status of a response must be from 200 to 999, got {status}")
        if head is None or not head.matches(status, given, date):
            head = self.last_head = read_head(status, given, self.server_value, date, self.defaults)
        stream.response_head = head.fields
        stream.status = status
        stream.expected = head.expected
        stream.sent = 0

    cpdef announce(self, Http2Stream stream, long long size):
        """After `start`: the body will have so many bytes. RuntimeError when content-length says something else."""
        if stream.expected < 0:
            stream.response_head = [*stream.response_head, (b"content-length", b"%d" % size)]
            stream.expected = size
        elif stream.expected != size:
            raise RuntimeError(f"the response body has {size} bytes; its content-length is {stream.expected}")

    cpdef body(self, Http2Stream stream, data, bint more):
        """A piece of the body; the response is complete unless there is `more`. Nothing happens on a closed stream.

        RuntimeError when the body is longer or, at its end, shorter than the content-length that was announced.
        """
        cdef bytes piece = as_bytes(data, "a response body")
        cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
        cdef bint bodiless
        if stream.closed:
            return
        if stream.complete or (stream.response_head is None and not stream.begun):
            raise RuntimeError("a body without a response that is started and not complete")
        bodiless = stream.forbids_body()
        if not bodiless:
            if stream.expected >= 0 and stream.sent + size > stream.expected:
                raise RuntimeError(f"the response body is longer than its content-length of {stream.expected}")
            if not more and stream.sent + size < stream.expected:
                raise RuntimeError(
                    f"the response body ended after {stream.sent + size} bytes; its content-length is {stream.expected}"
                )
            stream.sent += size
        if not stream.begun and not more and stream.expected < 0 and not (bodiless and size == 0):
            if stream.status != 204 and stream.status != 304:
                stream.response_head = [*stream.response_head, (b"content-length", b"%d" % size)]
        if bodiless:
            size = 0
        stream.complete = not more
        if not stream.begun:
            self.write_head(stream, not more and size == 0)
            if stream.response_closed:
                return
        if stream.unsent == 0 and size <= stream.send_window and size <= self.send_window and (
            size <= self.max_frame_size and self.queued_streams == 0 and not self.held
        ):
            if size > 0 or not more:
                self.write_data(stream, <const unsigned char *>PyBytes_AS_STRING(piece), size, not more)
        elif size > 0:
            if stream.pieces is None:
                stream.pieces = deque()
            stream.pieces.append(piece)
            stream.unsent += size
            self.enqueue(stream)
        elif not more and stream.unsent == 0:
            self.end_response(stream)

    cpdef trailers(self, Http2Stream stream, headers):
        """End the response, whose body must have had `more`, with these fields."""
        cdef list fields
        if stream.closed:
            return
        if stream.complete or (stream.response_head is None and not stream.begun):
            raise RuntimeError("trailers without a response that is started and not complete")
        fields = [checked_field(field) for field in as_fields(headers)]
        if not stream.begun:
            self.write_head(stream, False)
        stream.response_trailers = [field for field in fields if (<tuple>field)[0] not in CONNECTION_FIELDS]
        stream.complete = True
        if stream.unsent == 0:
            self.end_response(stream)

    cpdef inform(self, Http2Stream stream, int status, headers):
        """An informational response such as 100 Continue or 103 Early Hints, before the response has begun."""
        if status < 100 or status > 199 or status == 101:
            raise ValueError(f"an informational status is from 100 to 199 and not 101, got {status}")
        cdef list fields = [checked_field(field) for field in as_fields(headers)]
        if not stream.closed and not stream.begun:
            self.write_headers(stream.id, status, fields, False)

    cdef int write_head(self, Http2Stream stream, bint end) except -1:
        cdef ResponseHead head = self.last_head
        cdef HpackEncoder encoder = self.encoder
        cdef Py_ssize_t start
        cdef unsigned long changes
        cdef bint announces
        if head is None or stream.response_head is not head.fields:
            self.write_headers(stream.id, stream.status, stream.response_head, end)
        elif head.block is not None and head.changes == encoder.changes:
            start = PyBytes_GET_SIZE(head.block)
            self.frame(start, HEADERS, END_HEADERS | (END_STREAM if end else 0), stream.id)
            memcpy(self.out + self.length, PyBytes_AS_STRING(head.block), start)
            self.length += start
        else:
            start = self.length + FRAME_HEAD
            changes = encoder.changes
            announces = encoder.last_change >= 0
            self.write_headers(stream.id, stream.status, stream.response_head, end)
            if changes == encoder.changes and not announces and self.length - start <= KEPT_BLOCK:
                head.block = PyBytes_FromStringAndSize(<const char *>self.out + start, self.length - start)
                head.changes = changes
        stream.response_head = None
        stream.begun = True
        if end:
            self.response_closed(stream)
        return 0

    cdef int write_data(self, Http2Stream stream, const unsigned char *data, Py_ssize_t size, bint end) except -1:
        self.frame(size, DATA, END_STREAM if end else 0, stream.id)
        memcpy(self.out + self.length, data, size)
        self.length += size
        stream.send_window -= size
        self.send_window -= size
        self.data_sent += size
        self.data_frames += 1
        if end:
            self.response_closed(stream)
        return 0

    cdef int end_response(self, Http2Stream stream) except -1:
        """Say that the response is over, when all of its body has been."""
        if stream.response_trailers:
            self.write_headers(stream.id, 0, stream.response_trailers, True)
            return self.response_closed(stream)
        return self.write_data(stream, NULL, 0, True)

    cdef int response_closed(self, Http2Stream stream) except -1:
        """The last frame of a response is written."""
        stream.response_closed = True
        return 0

    # ---- whose turn it is

    cdef int enqueue(self, Http2Stream stream) except -1:
        """Let the stream have its turns, unless it has nothing to send or no window for it."""
        if not stream.queued and stream.unsent > 0 and stream.send_window > 0:
            stream.queued = True
            stream.queue = stream.urgency
            if self.queues[stream.queue] is None:
                self.queues[stream.queue] = deque()
            self.queues[stream.queue].append(stream)
            self.queued_streams += 1
        return 0

    cdef int dequeue(self, Http2Stream stream) except -1:
        if stream.queued:
            stream.queued = False
            self.queues[stream.queue].remove(stream)
            self.queued_streams -= 1
        return 0

    cdef int flush(self, Py_ssize_t size) except -1:
        """Write DATA frames until the buffer holds `size` bytes, the window is used up or nothing waits."""
        cdef int urgency
        cdef Http2Stream stream
        cdef object queue
        for urgency in range(URGENCIES):
            queue = self.queues[urgency]
            while queue:
                if self.length >= size or self.send_window <= 0:
                    return 0
                stream = <Http2Stream>queue[0]
                self.write_piece(stream)
                if stream.unsent == 0 or stream.send_window <= 0 or stream.incremental:
                    # Closing a stream takes it out of its queue.
                    if stream.queued:
                        stream.queued = False
                        queue.popleft()
                        self.queued_streams -= 1
                    if not stream.closed:
                        self.enqueue(stream)
        return 0

    cdef int write_piece(self, Http2Stream stream) except -1:
        """One DATA frame of what waits in the stream, filled from as many pieces as it takes."""
        cdef Py_ssize_t size = min(min(stream.unsent, self.max_frame_size), min(stream.send_window, self.send_window))
        cdef Py_ssize_t left = size, part
        cdef bytes piece
        cdef bint last = size == stream.unsent and stream.complete
        self.frame(size, DATA, END_STREAM if last and not stream.response_trailers else 0, stream.id)
        while left > 0:
            piece = <bytes>stream.pieces[0]
            part = min(left, PyBytes_GET_SIZE(piece) - stream.piece_position)
            memcpy(self.out + self.length, PyBytes_AS_STRING(piece) + stream.piece_position, part)
            self.length += part
            stream.piece_position += part
            left -= part
            if stream.piece_position == PyBytes_GET_SIZE(piece):
                stream.pieces.popleft()
                stream.piece_position = 0
        stream.unsent -= size
        stream.send_window -= size
        self.send_window -= size
        self.data_sent += size
        self.data_frames += 1
        if last:
            if stream.response_trailers:
                self.end_response(stream)
            else:
                self.response_closed(stream)
        return 0

    # ---- for the socket

    @property
    def wants_to_write(self):
        """Whether `take` has something to give."""
        return self.length > 0 or (self.queued_streams > 0 and self.send_window > 0)

    @property
    def is_blocked(self):
        """Whether the connection's window is all that keeps bodies from being sent."""
        return self.queued_streams > 0 and self.send_window <= 0

    cpdef bytes take(self, Py_ssize_t size=65536):
        """What to write now, as one object: about `size` bytes if that much DATA waits; b"" when there is nothing."""
        cdef bytes taken
        if self.queued_streams > 0:
            self.flush(size)
        if self.length == 0:
            return b""
        taken = PyBytes_FromStringAndSize(<const char *>self.out, self.length)
        self.length = 0
        if self.room > KEPT_ROOM:
            PyMem_Free(self.out)
            self.out = NULL
            self.room = 0
        return taken
