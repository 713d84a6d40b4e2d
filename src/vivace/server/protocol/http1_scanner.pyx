# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""HTTP/1.1 requests out of bytes (RFC 9112), strictly.

A lenient server behind a lenient proxy is how requests get smuggled, so everything that two implementations could read
differently is refused: bare CR or LF, folded lines, space before the colon, repeated Host or Content-Length, a
Content-Length beside a Transfer-Encoding, chunk sizes with signs or too many digits. Here are the request line, what
the headers say about the message, and its body; `request_target` and `field_lines` read what those lines hold.

Fed bytes are borrowed until they are consumed; what events hold are copies, except that a fed object which is body
from end to end is passed on as it is.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.string cimport memchr, memcmp

from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.characters cimport HEX_VALUE, IN_TARGET, IN_VALUE, LOWER_TOKEN
from vivace.server.protocol.field_lines cimport (
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TRANSFER_ENCODING, UPGRADE, FieldMeaning, has_token,
    scan_field, scan_length,
)
from vivace.server.protocol.request_target cimport check_host, scan_method, scan_target

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY as _END_OF_BODY
from vivace.server.protocol.trailers import FRAMING as _FRAMING

cdef object END_OF_BODY = _END_OF_BODY
cdef frozenset FRAMING = _FRAMING
cdef str HTTP_10 = "1.0"
cdef str HTTP_11 = "1.1"


cdef bytes scan_request_line(RequestHead head, const unsigned char *p, const unsigned char *end):
    """Fill in method, target and version from the line between `p` and `end`.

    Returns the authority of an absolute target, or None.
    """
    cdef const unsigned char *start = p
    cdef const unsigned char *target
    while LOWER_TOKEN[p[0]]:
        p += 1
    if p == start or p[0] != c" ":
        raise ProtocolError(400, "invalid method")
    head.method = scan_method(start, p - start)
    p += 1
    target = p
    while IN_TARGET[p[0]]:
        p += 1
    if p == target or p[0] != c" ":
        raise ProtocolError(400, "invalid request target")
    if end - p == 11 and memcmp(p + 1, b"HTTP/1.1", 8) == 0:
        head.http_version = HTTP_11
    else:
        head.http_version = scan_version(p + 1, end)
    return scan_target(head, target, p)


cdef str scan_version(const unsigned char *p, const unsigned char *end):
    """Any version but 1.1, up to the end of its line. The line feed there stops every comparison."""
    cdef int at
    for at in range(5):
        if p[at] != <unsigned char>b"HTTP/"[at]:
            raise ProtocolError(400, "invalid HTTP version")
    if not (c"0" <= p[5] <= c"9" and p[6] == c"." and c"0" <= p[7] <= c"9" and end - p == 10):
        raise ProtocolError(400, "invalid HTTP version")
    if p[5] != c"1":
        raise ProtocolError(505, "this server speaks HTTP/1.1")
    return HTTP_10 if p[7] == c"0" else HTTP_11


cdef int check_codings(bytes codings) except -1:
    """Raise ProtocolError unless the body is chunked and no more."""
    if codings.lower() == b"chunked":
        return 0
    cdef list names = [name.strip(b" \t") for name in codings.lower().split(b",")]
    if names.pop() != b"chunked" or b"chunked" in names or b"" in names:
        # RFC 9112 6.3: unless chunked comes last, nobody can tell where the body ends; 7: it is applied once.
        raise ProtocolError(400, "invalid Transfer-Encoding")
    raise ProtocolError(501, "the only Transfer-Encoding known here is chunked")


cdef class Http1Scanner:
    """The requests of one connection. `feed` bytes, then call `next_event` until it returns None.

    After a request's last event, `next_event` begins the next request: do not call it before you want that one.
    Raises ProtocolError on anything strict RFC 9112 or `limits` forbid, and again on every later call.

    `trailers` are, from END_OF_BODY to the next request's head, those of the request that ended; then a new list.
    """

    def __cinit__(self, limits):
        self.max_request_line = limits.max_request_line
        self.max_header_count = limits.max_header_count
        self.max_header_bytes = limits.max_header_bytes
        self.max_body_size = limits.max_body_size
        self.max_chunk_extension_bytes = limits.max_chunk_extension_bytes
        self.max_trailer_count = limits.max_trailer_count
        self.max_trailer_bytes = limits.max_trailer_bytes
        self.buffer = b""
        self.state = HEAD
        self.trailers = []

    @property
    def buffered(self):
        """How many fed bytes no event has reported yet."""
        return PyBytes_GET_SIZE(self.buffer) - self.position

    cpdef bint between_messages(self) noexcept:
        """Whether no byte of a next request has come."""
        return self.state == HEAD and PyBytes_GET_SIZE(self.buffer) == self.position

    cpdef feed(self, bytes data):
        if self.state == TAKEN_OVER:
            raise RuntimeError("the connection was taken over; what it receives is not HTTP/1.1")
        if PyBytes_GET_SIZE(self.buffer) == self.position:
            self.buffer = data
        else:
            self.buffer = self.buffer[self.position :] + data
        self.position = 0

    cpdef bytes take_rest(self):
        """Everything fed and not yet reported, for whoever takes the connection over behind a request (an upgrade).

        From now on the scanner holds and reads nothing: `next_event` returns None. RuntimeError inside a request.
        """
        if self.state != HEAD or self.empty_line_skipped:
            raise RuntimeError("a connection can be taken over between two requests only")
        cdef bytes rest = self.take(PyBytes_GET_SIZE(self.buffer) - self.position)
        self.state = TAKEN_OVER
        self.buffer = b""
        self.position = 0
        return rest

    cpdef next_event(self):
        try:
            if self.state == HEAD:
                return self.scan_head()
            if self.state == BODY:
                return self.scan_body()
            if self.state == CHUNK_END:
                self.scan_chunk_end()
            if self.state == CHUNK_SIZE:
                self.scan_chunk_size()
            if self.state == CHUNK_DATA:
                return self.scan_chunk_data()
            if self.state == TRAILERS:
                return self.scan_trailers()
            if self.state == FAILED:
                raise ProtocolError(400, "the connection broke the protocol before")
            return None
        except ProtocolError:
            self.state = FAILED
            self.buffer = b""
            self.position = 0
            raise

    cdef inline void consume(self, Py_ssize_t size) noexcept:
        self.position += size
        if self.position == PyBytes_GET_SIZE(self.buffer):
            # What is idle holds nothing of its last request, which came with up to a quarter of a megabyte.
            self.buffer = b""
            self.position = 0
        self.searched = self.line_start = self.header_start = self.lines = 0

    cdef Py_ssize_t find_end(self, bint in_head) except -2:
        """How many unread bytes there are up to and with the empty line, or -1 when it has not come.

        Remembers how far it looked, so lines that come a byte at a time are looked through once. Bare LFs and
        sizes over a limit are refused as soon as they are seen.
        """
        cdef const char *start = PyBytes_AS_STRING(self.buffer) + self.position
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.buffer) - self.position
        cdef Py_ssize_t at, end = -1, seen
        cdef const char *found
        while True:
            found = <const char *>memchr(start + self.searched, c"\n", size - self.searched)
            if found == NULL:
                self.searched = seen = size
                break
            at = found - start
            if at == 0 or start[at - 1] != c"\r":
                raise ProtocolError(400, "a line must end with CRLF")
            self.searched = at + 1
            if at - 1 == self.line_start:
                end = at + 1
                seen = at - 1
                break
            self.line_start = at + 1
            if in_head and self.header_start == 0:
                self.header_start = at + 1
                if at - 1 > self.max_request_line:
                    raise ProtocolError(414, "the request line is too long")
            else:
                self.lines += 1
        if not in_head:
            if seen > self.max_trailer_bytes:
                raise ProtocolError(431, "the trailers are too large")
        elif self.header_start == 0:
            if seen > self.max_request_line + 1:
                raise ProtocolError(414, "the request line is too long")
        elif seen - self.header_start > self.max_header_bytes:
            raise ProtocolError(431, "the headers are too large")
        return end

    # ---- the head

    cdef scan_head(self):
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.buffer) - self.position
        cdef Py_ssize_t end
        if size == 0:
            return None
        if start[0] == c"\r" and not self.empty_line_skipped:
            # RFC 9112 2.2: an empty line before the request line is ignored. One is enough.
            if size == 1:
                return None
            if start[1] != c"\n":
                raise ProtocolError(400, "a line must end with CRLF")
            self.empty_line_skipped = True
            self.consume(2)
            return self.scan_head()
        if LOWER_TOKEN[start[0]] == 0:
            # Often a TLS handshake on a clear port; it may never send the line feed we would wait for.
            raise ProtocolError(400, "this is not an HTTP request")
        end = self.find_end(True)
        if end < 0:
            return None
        cdef RequestHead head = RequestHead.__new__(RequestHead)
        cdef bytes authority = scan_request_line(head, start, start + self.header_start)
        try:
            self.scan_headers(head, start + self.header_start, start + end - 2)
        except ProtocolError as error:
            error.head = head
            raise
        if authority is not None:
            # RFC 9112 3.2.2: with an absolute target, what Host says is replaced.
            head.headers = [field for field in head.headers if (<tuple>field)[0] != b"host"]
            head.headers.insert(0, (b"host", authority))
        self.consume(end)
        self.empty_line_skipped = False
        return head

    cdef int scan_headers(self, RequestHead head, const unsigned char *p, const unsigned char *end) except -1:
        """Read the lines from `p` to `end`, and what they say about the body and the connection."""
        cdef list headers = self.new_fields(self.max_header_count, "too many headers")
        cdef Py_ssize_t at
        cdef bint http_10 = head.http_version is HTTP_10
        cdef bint host = False, close = False, keep_alive = False
        cdef long long length = -1
        cdef bytes codings = None, value
        cdef tuple field
        cdef FieldMeaning meaning
        for at in range(self.lines):
            field = scan_field(&p, end, &meaning)
            Py_INCREF(field)
            PyList_SET_ITEM(headers, at, field)
            if meaning < FORWARDED:
                continue
            if meaning == FORWARDED:
                head.forwarded = True
                continue
            value = <bytes>field[1]
            if meaning == HOST:
                if host:
                    raise ProtocolError(400, "more than one Host")
                host = True
                check_host(value)
            elif meaning == CONTENT_LENGTH:
                if length >= 0:
                    raise ProtocolError(400, "more than one Content-Length")
                length = scan_length(value)
            elif meaning == TRANSFER_ENCODING:
                codings = value if codings is None else codings + b"," + value
            elif meaning == CONNECTION:
                close = close or has_token(value, b"close", 5)
                keep_alive = keep_alive or has_token(value, b"keep-alive", 10)
            elif meaning == EXPECT:
                if value.lower() != b"100-continue":
                    raise ProtocolError(417, "the only expectation known here is 100-continue")
                head.expects_continue = not http_10
            elif meaning == UPGRADE:
                # RFC 9110 7.8: an HTTP/1.0 request has no say in it.
                head.upgrade = not http_10
        if not host and not http_10:
            raise ProtocolError(400, "no Host")
        head.headers = headers
        head.keep_alive = not close and (keep_alive or not http_10)
        self.begin_body(head, length, codings)
        return 0

    cdef list new_fields(self, Py_ssize_t limit, str refusal):
        """A list with room for the lines that `find_end` saw; every item must be set."""
        if self.lines > limit:
            raise ProtocolError(431, refusal)
        return PyList_New(self.lines)

    cdef int begin_body(self, RequestHead head, long long length, bytes codings) except -1:
        """What comes behind the head (RFC 9112 6.3)."""
        cdef bint chunked = codings is not None
        if chunked:
            if head.http_version is HTTP_10 or length >= 0:
                # RFC 9112 6.1: both are attempts at request smuggling.
                raise ProtocolError(400, "Transfer-Encoding beside a Content-Length, or in HTTP/1.0")
            check_codings(codings)
            self.state = CHUNK_SIZE
            self.body_size = self.extension_bytes = 0
        elif length > self.max_body_size:
            raise ProtocolError(413, "the body is larger than this server accepts")
        elif length > 0:
            self.state = BODY
            self.remaining = length
        else:
            head.expects_continue = False
        head.content_length = length
        head.has_body = chunked or length > 0
        if self.trailers:
            self.trailers = []
        return 0

    # ---- the body

    cdef bytes take(self, Py_ssize_t size):
        """The next `size` unread bytes; the fed object itself when that is all of it."""
        cdef bytes data
        if self.position == 0 and size == PyBytes_GET_SIZE(self.buffer):
            data = self.buffer
            self.buffer = b""
        else:
            data = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.buffer) + self.position, size)
            self.consume(size)
        return data

    cdef scan_body(self):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.buffer) - self.position
        if self.remaining == 0:
            self.state = HEAD
            return END_OF_BODY
        if size == 0:
            return None
        if size > self.remaining:
            size = self.remaining
        self.remaining -= size
        return self.take(size)

    cdef scan_chunk_size(self):
        """RFC 9112 7.1: `1A;name=value` CRLF. Leaves the state alone while the line is incomplete."""
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.buffer) - self.position
        cdef Py_ssize_t at = 0, digits
        cdef long long length = 0
        while at < size and HEX_VALUE[start[at]] < 16:
            if at == 15:
                raise ProtocolError(400, "invalid chunk size")
            length = length * 16 + HEX_VALUE[start[at]]
            at += 1
        digits = at
        if at == size:
            return
        if digits == 0:
            raise ProtocolError(400, "invalid chunk size")
        if start[at] != c"\r":
            while at < size and (start[at] == c" " or start[at] == c"\t"):
                at += 1
            if at < size and start[at] != c";":
                raise ProtocolError(400, "invalid chunk size")
            while at < size and IN_VALUE[start[at]]:
                at += 1
        if self.extension_bytes + at - digits > self.max_chunk_extension_bytes:
            raise ProtocolError(413, "the chunk extensions are too large")
        if at == size:
            return
        if start[at] != c"\r" or (at + 1 < size and start[at + 1] != c"\n"):
            raise ProtocolError(400, "invalid chunk size")
        if at + 1 == size:
            return
        self.extension_bytes += at - digits
        self.consume(at + 2)
        self.body_size += length
        if self.body_size > self.max_body_size:
            raise ProtocolError(413, "the body is larger than this server accepts")
        self.remaining = length
        self.state = CHUNK_DATA if length > 0 else TRAILERS

    cdef scan_chunk_data(self):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.buffer) - self.position
        if size == 0:
            return None
        if size > self.remaining:
            size = self.remaining
        self.remaining -= size
        if self.remaining == 0:
            self.state = CHUNK_END
        return self.take(size)

    cdef scan_chunk_end(self):
        """The CRLF after a chunk's data."""
        cdef const char *start = PyBytes_AS_STRING(self.buffer) + self.position
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.buffer) - self.position
        if (size > 0 and start[0] != c"\r") or (size > 1 and start[1] != c"\n"):
            raise ProtocolError(400, "a chunk is longer than its size")
        if size > 1:
            self.consume(2)
            self.state = CHUNK_SIZE

    cdef scan_trailers(self):
        cdef const unsigned char *p
        cdef const unsigned char *last
        cdef Py_ssize_t end = self.find_end(False), at
        cdef list trailers
        cdef tuple field
        cdef FieldMeaning meaning
        if end < 0:
            return None
        trailers = self.new_fields(self.max_trailer_count, "too many trailers")
        p = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        last = p + end - 2
        for at in range(self.lines):
            field = scan_field(&p, last, &meaning)
            Py_INCREF(field)
            PyList_SET_ITEM(trailers, at, field)
            if field[0] in FRAMING:
                raise ProtocolError(400, "a trailer that must be a header")
        self.trailers = trailers
        self.consume(end)
        self.state = HEAD
        return END_OF_BODY
