# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""HTTP/1.1 responses into bytes: the head in one buffer, with a small body right behind it.

Framing is ours: Content-Length when the whole body comes at once, chunks otherwise (an HTTP/1.0 client gets the body up
to the connection's end). What the application says about Transfer-Encoding and Connection is read, not repeated.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Realloc
from libc.string cimport memcpy, strlen
from libc.time cimport time, time_t

from email.utils import formatdate
from http import HTTPStatus

from vivace.server.protocol.http1_scanner cimport IN_VALUE, LOWER_TOKEN

cdef enum:
    # Below this, copying a body behind its head costs less than a second buffer in the write call.
    JOINED_BODY = 32768

cdef list STATUS_LINES = [None] * 1000

cdef void fill_status_lines():
    cdef int status
    for status in range(200, 1000):
        STATUS_LINES[status] = b"HTTP/1.1 %d \r\n" % status
    for known in HTTPStatus:
        if known >= 200:
            STATUS_LINES[known] = f"HTTP/1.1 {known.value} {known.phrase}\r\n".encode("ascii")

fill_status_lines()

# ---- Date, written once a second for everybody

cdef time_t date_second = 0
cdef bytes date_line = b""


cdef bytes current_date_line():
    global date_second, date_line
    cdef time_t now = time(NULL)
    if now != date_second:
        date_second = now
        date_line = f"date: {formatdate(now, usegmt=True)}\r\n".encode("ascii")
    return date_line

# ---- the buffer heads are rendered in: one for the process, as rendering is never interrupted

cdef char *room = NULL
cdef Py_ssize_t room_size = 0


cdef int make_room(Py_ssize_t size) except -1:
    global room, room_size
    cdef Py_ssize_t wanted
    cdef void *larger
    if size > room_size:
        wanted = max(size, 2 * room_size, 4096)
        larger = PyMem_Realloc(room, wanted)
        if larger == NULL:
            raise MemoryError
        room = <char *>larger
        room_size = wanted
    return 0


cdef Py_ssize_t append(Py_ssize_t length, bytes data) except -1:
    """Put `data` behind the first `length` bytes of the room; returns the new length."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    if length + size + 4 > room_size:
        make_room(length + size + 4)
    memcpy(room + length, PyBytes_AS_STRING(data), size)
    return length + size


cdef bint is_name(const unsigned char *name, const char *lowered, Py_ssize_t size) noexcept:
    cdef Py_ssize_t at
    for at in range(size):
        if LOWER_TOKEN[name[at]] != <unsigned char>lowered[at]:
            return False
    return True


cdef bytes as_bytes(value, str what):
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{what} must be bytes, got {value!r}")


cdef long long scan_length(bytes value) except -1:
    cdef const char *p = PyBytes_AS_STRING(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value), at
    cdef long long length = 0
    for at in range(size):
        if p[at] < c"0" or p[at] > c"9" or at >= 18:
            raise ValueError(f"content-length must be a number, got {value!r}")
        length = length * 10 + (p[at] - c"0")
    if size == 0:
        raise ValueError("content-length must be a number, and it is empty")
    return length


cdef Py_ssize_t write_number(char *out, long long number, int base) noexcept:
    """Write `number` in base 10 or 16 at `out`; returns how many digits."""
    cdef char[24] digits
    cdef Py_ssize_t count = 0, at
    while True:
        digits[count] = b"0123456789abcdef"[number % base]
        count += 1
        number //= base
        if number == 0:
            break
    for at in range(count):
        out[at] = digits[count - 1 - at]
    return count


cdef join(Py_ssize_t length, bytes piece, Py_ssize_t size, const char *suffix):
    """The first `length` bytes of the room, `size` of the piece, and the suffix: as one object unless that is large."""
    cdef Py_ssize_t suffix_size = strlen(suffix)
    cdef bytes joined
    cdef char *out
    if size > JOINED_BODY:
        if length == 0 and suffix_size == 0:
            return piece
        return (room[:length], piece, suffix[:suffix_size])
    if length == 0 and suffix_size == 0:
        return piece if size > 0 else b""
    joined = PyBytes_FromStringAndSize(NULL, length + size + suffix_size)
    out = PyBytes_AS_STRING(joined)
    memcpy(out, room, length)
    memcpy(out + length, PyBytes_AS_STRING(piece), size)
    memcpy(out + length + size, suffix, suffix_size)
    return joined


cdef class Http1Writer:
    """The responses of one connection, one after the other: `begin`, `start`, then `body` until `complete`.

    `body` returns what to write: bytes, or a tuple of them when the body is too large to be worth copying.
    Nothing of a head is returned before the first `body`, so until then (`begun` is False) it can be started anew.
    """

    def __cinit__(self, server="vivace", bint date=True):
        self.server_line = b"" if server is None else f"server: {server}\r\n".encode("latin-1")
        self.writes_date = date
        self.complete = True

    cpdef begin(self, str method, str http_version, bint keep_alive):
        """Make ready for the response to a request."""
        self.is_head = method == "HEAD"
        self.is_http_10 = http_version == "1.0"
        self.keep_alive = keep_alive
        self.head = None
        self.begun = self.complete = False

    cdef bint forbids_body(self) noexcept:
        # RFC 9112 6.3: a response to HEAD, a 204 and a 304 have no body whatever their headers say.
        return self.is_head or self.status == 204 or self.status == 304

    cpdef start(self, int status, headers):
        """Check and render the head. ValueError or TypeError for a status or header that must not be sent."""
        cdef const unsigned char *p
        cdef Py_ssize_t at, name_size, value_size, length
        cdef bytes name, value
        cdef bint date = self.writes_date, server = True
        if status < 200 or status > 999:
            raise ValueError(f"the status of a response must be from 200 to 999, got {status}")
        self.status = status
        self.expected = -1
        self.sent = 0
        self.chunked = False
        length = append(0, STATUS_LINES[status])
        for raw_name, raw_value in headers:
            name = raw_name if type(raw_name) is bytes else as_bytes(raw_name, "a header name")
            value = raw_value if type(raw_value) is bytes else as_bytes(raw_value, "a header value")
            name_size = PyBytes_GET_SIZE(name)
            value_size = PyBytes_GET_SIZE(value)
            p = <const unsigned char *>PyBytes_AS_STRING(value)
            for at in range(value_size):
                if not IN_VALUE[p[at]]:
                    raise ValueError(f"the value of the header {name!r} holds a control character: {value!r}")
            p = <const unsigned char *>PyBytes_AS_STRING(name)
            for at in range(name_size):
                if not LOWER_TOKEN[p[at]]:
                    raise ValueError(f"the header name {name!r} holds a character that names cannot have")
            if name_size == 14 and is_name(p, b"content-length", 14):
                if self.expected >= 0 and self.expected != scan_length(value):
                    raise ValueError("two content-length headers that differ")
                if self.expected >= 0 or status == 204:
                    continue
                self.expected = scan_length(value)
            elif name_size == 17 and is_name(p, b"transfer-encoding", 17):
                continue
            elif name_size == 10 and is_name(p, b"connection", 10):
                if b"close" in value.lower():
                    self.keep_alive = False
                continue
            elif name_size == 4 and is_name(p, b"date", 4):
                date = False
            elif name_size == 6 and is_name(p, b"server", 6):
                server = False
            elif name_size == 0:
                raise ValueError("a header name is empty")
            make_room(length + name_size + value_size + 4)
            memcpy(room + length, p, name_size)
            length += name_size
            memcpy(room + length, b": ", 2)
            length = append(length + 2, value)
            memcpy(room + length, b"\r\n", 2)
            length += 2
        if server:
            length = append(length, self.server_line)
        if date:
            length = append(length, current_date_line())
        self.head = PyBytes_FromStringAndSize(room, length)

    cpdef body(self, data, bint more):
        """What to write for a piece of body; `more` says whether another follows.

        RuntimeError when the body is longer or, at its end, shorter than the content-length that was announced.
        """
        cdef bytes piece = data if type(data) is bytes else as_bytes(data, "a response body")
        cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
        cdef Py_ssize_t length = 0
        cdef const char *suffix = b""
        if self.forbids_body():
            if self.head is not None:
                length = self.write_head(size, more)
            size = 0
        else:
            self.sent += size
            if self.expected >= 0 and self.sent > self.expected:
                raise RuntimeError(f"the response body is longer than its content-length of {self.expected}")
            if not more and self.sent < self.expected:
                raise RuntimeError(
                    f"the response body ended after {self.sent} bytes; its content-length is {self.expected}"
                )
            if self.head is not None:
                length = self.write_head(size, more)
            if self.chunked:
                # RFC 9112 7.1: a chunk of size zero would end the body.
                if size > 0:
                    length += write_number(room + length, size, 16)
                    memcpy(room + length, b"\r\n", 2)
                    length += 2
                    suffix = b"\r\n" if more else b"\r\n0\r\n\r\n"
                elif not more:
                    suffix = b"0\r\n\r\n"
        self.begun = True
        self.complete = not more
        return join(length, piece, size, suffix)

    cdef Py_ssize_t write_head(self, Py_ssize_t size, bint more) except -1:
        """Put the head and its end, which the first piece of body decides, into the room; returns their length."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(self.head)
        cdef bint bodiless = self.forbids_body()
        make_room(length + 128)
        memcpy(room, PyBytes_AS_STRING(self.head), length)
        self.head = None
        if self.expected < 0 and not (bodiless and (more or size == 0)):
            if not more and self.status != 204 and self.status != 304:
                memcpy(room + length, b"content-length: ", 16)
                length += 16
                length += write_number(room + length, size, 10)
                memcpy(room + length, b"\r\n", 2)
                length += 2
            elif not bodiless and self.is_http_10:
                self.keep_alive = False
            elif not bodiless:
                self.chunked = True
                memcpy(room + length, b"transfer-encoding: chunked\r\n", 28)
                length += 28
        if not self.keep_alive:
            memcpy(room + length, b"connection: close\r\n", 19)
            length += 19
        elif self.is_http_10:
            memcpy(room + length, b"connection: keep-alive\r\n", 24)
            length += 24
        memcpy(room + length, b"\r\n", 2)
        return length + 2

    cpdef error(self, int status, str reason):
        """A whole response that says what was wrong and ends the connection."""
        self.keep_alive = False
        self.start(status, ((b"content-type", b"text/plain; charset=utf-8"),))
        return self.body(reason.encode(), False)
