# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""HTTP/1.1 requests out of bytes (RFC 9112), strictly.

A lenient server behind a lenient proxy is how requests get smuggled, so everything that two implementations could read
differently is refused: bare CR or LF, folded lines, space before the colon, repeated Host or Content-Length, a
Content-Length beside a Transfer-Encoding, chunk sizes with signs or too many digits.

Fed bytes are borrowed until they are consumed; what events hold are copies, except that a fed object which is body
from end to end is passed on as it is.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp
from libc.stdint cimport uint32_t

from vivace.server.protocol._request_head_cy cimport RequestHead

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY as _END_OF_BODY

cdef object END_OF_BODY = _END_OF_BODY
cdef str HTTP_10 = "1.0"
cdef str HTTP_11 = "1.1"

# ---- bytes by class; LOWER_TOKEN, IN_VALUE and IN_TARGET are declared in the .pxd (RFC 3986 2 and 3.2.2)

cdef unsigned char[256] IN_HOST
# 0 to 15, or 255 for what is no hexadecimal digit.
cdef unsigned char[256] HEX_VALUE


cdef void fill_tables():
    cdef int c
    for c in range(256):
        LOWER_TOKEN[c] = IN_HOST[c] = 0
        IN_VALUE[c] = c == 9 or (c >= 32 and c != 127)
        IN_TARGET[c] = 33 <= c <= 126 and c != 35
        HEX_VALUE[c] = 255
    for c in b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz":
        LOWER_TOKEN[c] = c
    for c in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        LOWER_TOKEN[c] = c + 32
    for c in b"-._~%!$&'()*+,;=:[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        IN_HOST[c] = 1
    for c in range(10):
        HEX_VALUE[48 + c] = c
    for c in range(6):
        HEX_VALUE[65 + c] = HEX_VALUE[97 + c] = 10 + c


fill_tables()

# ---- header names seen before: one bytes object each, found by an open-addressed table

cdef enum:
    NAME_SLOTS = 512
    LONGEST_KNOWN_NAME = 40

cdef object HOST = b"host"
cdef object CONTENT_LENGTH = b"content-length"
cdef object TRANSFER_ENCODING = b"transfer-encoding"
cdef object CONNECTION = b"connection"
cdef object EXPECT = b"expect"
cdef object UPGRADE = b"upgrade"

cdef list KNOWN_NAMES = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, EXPECT, UPGRADE] + b"""
    accept accept-charset accept-encoding accept-language accept-ranges access-control-request-headers
    access-control-request-method authorization baggage cache-control cf-connecting-ip cf-ray content-disposition
    content-encoding content-language content-location content-md5 content-range content-type cookie date dnt etag
    forwarded from if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive last-modified
    origin pragma priority proxy-authorization proxy-connection range referer save-data sec-ch-ua sec-ch-ua-mobile
    sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-gpc sec-websocket-extensions
    sec-websocket-key sec-websocket-protocol sec-websocket-version te traceparent tracestate trailer
    upgrade-insecure-requests user-agent via x-amzn-trace-id x-api-key x-correlation-id x-csrf-token x-csrftoken
    x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-real-ip x-request-id x-requested-with
""".split()

cdef list name_slots = [None] * NAME_SLOTS


cdef inline uint32_t hash_step(uint32_t value, unsigned char c) noexcept:
    return (value ^ c) * 16777619


cdef void fill_name_slots():
    cdef uint32_t value
    cdef bytes name
    for name in KNOWN_NAMES:
        value = 2166136261
        for c in name:
            value = hash_step(value, c)
        value &= NAME_SLOTS - 1
        while name_slots[value] is not None:
            value = (value + 1) & (NAME_SLOTS - 1)
        name_slots[value] = name


fill_name_slots()


cdef inline object find_name(const unsigned char *lowered, Py_ssize_t size, uint32_t value):
    """The known name of these bytes, or a new object."""
    cdef object known
    value &= NAME_SLOTS - 1
    while True:
        known = name_slots[value]
        if known is None:
            return PyBytes_FromStringAndSize(<const char *>lowered, size)
        if PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), lowered, size) == 0:
            return known
        value = (value + 1) & (NAME_SLOTS - 1)


# ---- pieces of a head; every pointer runs inside lines known to end with CRLF, which no table but none accepts

cdef str scan_method(const unsigned char *start, Py_ssize_t size):
    if size == 3:
        if memcmp(start, b"GET", 3) == 0:
            return "GET"
        if memcmp(start, b"PUT", 3) == 0:
            return "PUT"
    elif size == 4:
        if memcmp(start, b"POST", 4) == 0:
            return "POST"
        if memcmp(start, b"HEAD", 4) == 0:
            return "HEAD"
    elif size == 5 and memcmp(start, b"PATCH", 5) == 0:
        return "PATCH"
    elif size == 6 and memcmp(start, b"DELETE", 6) == 0:
        return "DELETE"
    elif size == 7 and memcmp(start, b"OPTIONS", 7) == 0:
        return "OPTIONS"
    return PyUnicode_DecodeASCII(<const char *>start, size, NULL)


cdef str unquote(const unsigned char *start, Py_ssize_t size):
    """Percent-decoded UTF-8; a percent sign without two digits stands for itself, as everywhere in Python."""
    cdef bytes decoded = PyBytes_FromStringAndSize(NULL, size)
    cdef unsigned char *out = <unsigned char *>PyBytes_AS_STRING(decoded)
    cdef Py_ssize_t at = 0, length = 0
    while at < size:
        if start[at] == c"%" and at + 2 < size and HEX_VALUE[start[at + 1]] < 16 and HEX_VALUE[start[at + 2]] < 16:
            out[length] = HEX_VALUE[start[at + 1]] * 16 + HEX_VALUE[start[at + 2]]
            at += 3
        else:
            out[length] = start[at]
            at += 1
        length += 1
    return PyUnicode_DecodeUTF8(<const char *>out, length, b"replace")


cdef bint same_letters(const unsigned char *start, const char *lowered, Py_ssize_t size) noexcept:
    cdef Py_ssize_t at
    for at in range(size):
        if LOWER_TOKEN[start[at]] != <unsigned char>lowered[at]:
            return False
    return True


cdef const unsigned char *scan_header(const unsigned char *p, list headers) except NULL:
    """Append the header line at `p` to `headers`; returns where the next line begins."""
    cdef unsigned char[LONGEST_KNOWN_NAME] lowered
    cdef const unsigned char *start = p
    cdef const unsigned char *end
    cdef Py_ssize_t size = 0
    cdef unsigned char c
    cdef uint32_t value = 2166136261
    cdef object name
    while size < LONGEST_KNOWN_NAME:
        c = LOWER_TOKEN[p[0]]
        if c == 0:
            break
        lowered[size] = c
        value = hash_step(value, c)
        size += 1
        p += 1
    if LOWER_TOKEN[p[0]] == 0:
        if p[0] != c":" or size == 0:
            # RFC 9112 5.1: no whitespace before the colon; 5.2: no folded lines.
            if size == 0 and (start[0] == c" " or start[0] == c"\t"):
                raise ProtocolError(400, "folded header line")
            raise ProtocolError(400, "invalid header name")
        name = find_name(lowered, size, value)
    else:
        while LOWER_TOKEN[p[0]] != 0:
            p += 1
        if p[0] != c":":
            raise ProtocolError(400, "invalid header name")
        name = PyBytes_FromStringAndSize(<const char *>start, p - start).lower()
    p += 1
    while p[0] == c" " or p[0] == c"\t":
        p += 1
    start = p
    while IN_VALUE[p[0]]:
        p += 1
    if p[0] != c"\r" or p[1] != c"\n":
        raise ProtocolError(400, "invalid character in a header value")
    end = p
    while end > start and ((end - 1)[0] == c" " or (end - 1)[0] == c"\t"):
        end -= 1
    headers.append((name, PyBytes_FromStringAndSize(<const char *>start, end - start)))
    return p + 2


cdef bint has_token(bytes value, bytes token):
    """Whether a comma-separated list such as Connection holds `token` (given in lower case)."""
    if PyBytes_GET_SIZE(value) == PyBytes_GET_SIZE(token):
        return value.lower() == token
    cdef bytes part
    for part in value.lower().split(b","):
        if part.strip(b" \t") == token:
            return True
    return False


cdef int check_host(bytes value) except -1:
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef Py_ssize_t at
    for at in range(PyBytes_GET_SIZE(value)):
        if not IN_HOST[p[at]]:
            raise ProtocolError(400, "invalid Host")
    return 0


cdef long long scan_length(bytes value) except -1:
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value), at
    cdef long long length = 0
    if size == 0:
        raise ProtocolError(400, "invalid Content-Length")
    for at in range(size):
        if p[at] < c"0" or p[at] > c"9":
            raise ProtocolError(400, "invalid Content-Length")
        if at >= 18:
            raise ProtocolError(413, "the body is larger than this server accepts")
        length = length * 10 + (p[at] - c"0")
    return length


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


cdef bytes scan_target(RequestHead head, const unsigned char *p, const unsigned char *end):
    """RFC 9112 3.2: `/path?query`, `http://host/path?query`, or `*` for OPTIONS."""
    cdef bytes authority = None
    cdef const unsigned char *start = p
    cdef const unsigned char *question
    if head.method == "CONNECT":
        raise ProtocolError(501, "this server is no proxy")
    if p[0] != c"/":
        if p[0] == c"*" and end - p == 1 and head.method == "OPTIONS":
            head.path = "*"
            head.raw_path = b"*"
            head.query_string = b""
            return None
        if end - p > 7 and same_letters(p, b"http", 4) and memcmp(p + 4, b"://", 3) == 0:
            p += 7
        elif end - p > 8 and same_letters(p, b"https", 5) and memcmp(p + 5, b"://", 3) == 0:
            p += 8
        else:
            raise ProtocolError(400, "invalid request target")
        start = p
        while p < end and p[0] != c"/" and p[0] != c"?":
            p += 1
        authority = PyBytes_FromStringAndSize(<const char *>start, p - start)
        if p == start:
            raise ProtocolError(400, "invalid request target")
        check_host(authority)
        start = p
    question = <const unsigned char *>memchr(start, c"?", end - start)
    if question == NULL:
        head.query_string = b""
        question = end
    else:
        head.query_string = PyBytes_FromStringAndSize(<const char *>question + 1, end - question - 1)
    if question == start:
        head.raw_path = b"/"
        head.path = "/"
    else:
        head.raw_path = PyBytes_FromStringAndSize(<const char *>start, question - start)
        if memchr(start, c"%", question - start) == NULL:
            head.path = PyUnicode_DecodeASCII(<const char *>start, question - start, NULL)
        else:
            head.path = unquote(start, question - start)
    return authority


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

    @property
    def between_messages(self):
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
        self.searched = self.line_start = self.header_start = 0

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
        self.scan_headers(head, start + self.header_start, start + end - 2)
        if authority is not None:
            # RFC 9112 3.2.2: with an absolute target, what Host says is replaced.
            head.headers = [(name, value) for name, value in head.headers if name is not HOST]
            head.headers.insert(0, (HOST, authority))
        self.consume(end)
        self.empty_line_skipped = False
        return head

    cdef int scan_headers(self, RequestHead head, const unsigned char *p, const unsigned char *end) except -1:
        """Read the lines from `p` to `end`, and what they say about the body and the connection."""
        cdef list headers = []
        cdef Py_ssize_t count = 0
        cdef bint http_10 = head.http_version is HTTP_10
        cdef bint host = False, chunked = False, close = False, keep_alive = False
        cdef long long length = -1
        cdef object name
        cdef bytes value
        while p < end:
            p = scan_header(p, headers)
            count += 1
            if count > self.max_header_count:
                raise ProtocolError(431, "too many headers")
            name = (<tuple>headers[count - 1])[0]
            if name is HOST:
                if host:
                    raise ProtocolError(400, "more than one Host")
                host = True
                check_host(<bytes>(<tuple>headers[count - 1])[1])
            elif name is CONTENT_LENGTH:
                if length >= 0:
                    raise ProtocolError(400, "more than one Content-Length")
                length = scan_length(<bytes>(<tuple>headers[count - 1])[1])
            elif name is TRANSFER_ENCODING:
                value = (<tuple>headers[count - 1])[1]
                if chunked or http_10:
                    raise ProtocolError(400, "invalid Transfer-Encoding")
                if value.lower() != b"chunked":
                    raise ProtocolError(501, "the only Transfer-Encoding known here is chunked")
                chunked = True
            elif name is CONNECTION:
                value = (<tuple>headers[count - 1])[1]
                close = close or has_token(value, b"close")
                keep_alive = keep_alive or has_token(value, b"keep-alive")
            elif name is EXPECT:
                value = (<tuple>headers[count - 1])[1]
                if value.lower() != b"100-continue":
                    raise ProtocolError(417, "the only expectation known here is 100-continue")
                head.expects_continue = not http_10
            elif name is UPGRADE:
                # RFC 9110 7.8: an HTTP/1.0 request has no say in it.
                head.upgrade = not http_10
        if not host and not http_10:
            raise ProtocolError(400, "no Host")
        if chunked and length >= 0:
            # RFC 9112 6.3: both together are an attempt at request smuggling.
            raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
        if length > self.max_body_size:
            raise ProtocolError(413, "the body is larger than this server accepts")
        if self.trailers:
            self.trailers = []
        head.headers = headers
        head.content_length = length
        head.keep_alive = not close and (keep_alive or not http_10)
        head.has_body = chunked or length > 0
        if chunked:
            self.state = CHUNK_SIZE
            self.body_size = self.extension_bytes = 0
        elif length > 0:
            self.state = BODY
            self.remaining = length
        else:
            head.expects_continue = False
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
        cdef Py_ssize_t end = self.find_end(False)
        if end < 0:
            return None
        p = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        last = p + end - 2
        while p < last:
            p = scan_header(p, self.trailers)
            if len(self.trailers) > self.max_trailer_count:
                raise ProtocolError(431, "too many trailers")
        self.consume(end)
        self.state = HEAD
        return END_OF_BODY
