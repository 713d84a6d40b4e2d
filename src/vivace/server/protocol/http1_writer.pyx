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

from vivace.server.protocol.field_lines cimport has_token
from vivace.server.protocol.response_fields cimport (
    CONNECTION, CONTENT_LENGTH, DATE, ORDINARY, SERVER, TRANSFER_ENCODING, UPGRADE, Meaning, as_bytes, as_fields,
    check_field, has_name, meaning_of, read_length,
)

from vivace.server.protocol.trailers import NOT_IN_TRAILERS as _NOT_IN_TRAILERS

cdef frozenset NOT_IN_TRAILERS = _NOT_IN_TRAILERS

cdef enum:
    # Below this, copying a body behind its head costs less than a second buffer in the write call.
    JOINED_BODY = 32768

cdef list STATUS_LINES = [None] * 1000

cdef void fill_status_lines():
    cdef int status
    for status in range(100, 1000):
        STATUS_LINES[status] = b"HTTP/1.1 %d \r\n" % status
    for known in HTTPStatus:
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

# ---- the buffer that heads are rendered in, one for the process
#
# Nothing may run in between that could use it too: no Python code, so nothing of the application's (its headers may be a
# generator), and nothing that collects garbage or gives the GIL to another thread with an event loop of its own.

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


cdef Py_ssize_t append_text(Py_ssize_t length, const char *text) noexcept:
    """The same for a short text, which the caller knows to fit."""
    cdef Py_ssize_t size = strlen(text)
    memcpy(room + length, text, size)
    return length + size


cdef Py_ssize_t append_field(Py_ssize_t length, tuple field) except -1:
    """The same for the line of a field. ValueError for one that must not be sent."""
    cdef bytes name = <bytes>field[0], value = <bytes>field[1]
    cdef Py_ssize_t name_size = PyBytes_GET_SIZE(name), value_size = PyBytes_GET_SIZE(value)
    cdef char *out
    check_field(name, value)
    make_room(length + name_size + value_size + 4)
    out = room + length
    memcpy(out, PyBytes_AS_STRING(name), name_size)
    out += name_size
    memcpy(out, b": ", 2)
    memcpy(out + 2, PyBytes_AS_STRING(value), value_size)
    memcpy(out + 2 + value_size, b"\r\n", 2)
    return length + name_size + value_size + 4


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

    What has to be written is returned; `body` returns a tuple of bytes when the body is too large to be worth copying.
    Nothing of a head is returned before the first `body`, so until then (`begun` is False) it can be started anew.
    RuntimeError for what comes out of turn.

    `headers` are those of every response that has none of that name, checked before: lower-case, nothing about framing.
    """

    def __cinit__(self, server="vivace", bint date=True, headers=()):
        self.server_line = b"" if server is None else f"server: {server}\r\n".encode("latin-1")
        self.writes_date = date
        self.defaults = [(name, b"%b: %b\r\n" % (name, value)) for name, value in headers] or None
        self.complete = True

    cpdef begin(self, str method, str http_version, bint keep_alive):
        """Make ready for the response to a request."""
        # A comparison of texts costs as much as all the rest of this.
        self.is_head = len(method) == 4 and method == "HEAD"
        self.is_http_10 = len(http_version) == 3 and http_version[2] == "0"
        self.keep_alive = keep_alive
        self.head = None
        self.begun = self.complete = False

    @property
    def bodiless(self):
        """Whether the response that was started has no body on the wire, whatever the application gives it."""
        return self.forbids_body()

    cdef bint forbids_body(self) noexcept:
        # RFC 9112 6.3: a response to HEAD, a 204 and a 304 have no body whatever their headers say.
        return self.is_head or self.status == 204 or self.status == 304

    cdef bint sends_trailers(self) noexcept:
        return self.with_trailers and not self.is_http_10 and not self.forbids_body()

    cpdef start(self, int status, headers, bint trailers=False):
        """Check and render the head. ValueError or TypeError for a status or header that must not be sent.

        With `trailers`, `trailers()` may end the response; the body is chunked for that, even if it comes at once.
        """
        cdef list fields = as_fields(headers)
        cdef bytes date = current_date_line() if self.writes_date else b""
        cdef bytes server = self.server_line
        cdef Py_ssize_t length, end
        cdef Meaning meaning
        if status < 200 or status > 999:
            raise ValueError(f"the status of a response must be from 200 to 999, got {status}")
        if self.begun or self.complete:
            raise RuntimeError("no request waits for the start of a response")
        self.status = status
        self.expected = -1
        self.sent = 0
        self.chunked = self.upgrades = False
        self.with_trailers = trailers
        length = append(0, STATUS_LINES[status])
        for field in fields:
            end = append_field(length, <tuple>field)
            meaning = meaning_of(<bytes>(<tuple>field)[0])
            if meaning != ORDINARY:
                if meaning == TRANSFER_ENCODING:
                    continue
                if meaning == CONNECTION:
                    if has_token(<bytes>(<tuple>field)[1], b"close", 5):
                        self.keep_alive = False
                    continue
                if meaning == CONTENT_LENGTH:
                    if not self.announce(<bytes>(<tuple>field)[1]):
                        continue
                elif meaning == DATE:
                    date = b""
                elif meaning == SERVER:
                    server = b""
                elif meaning == UPGRADE:
                    self.upgrades = True
            length = end
        if self.defaults is not None:
            length = self.append_defaults(length, fields)
        length = append(length, server)
        length = append(length, date)
        self.head = PyBytes_FromStringAndSize(room, length)

    cdef Py_ssize_t append_defaults(self, Py_ssize_t length, list fields) except -1:
        for default in self.defaults:
            if not has_name(fields, <bytes>(<tuple>default)[0]):
                length = append(length, <bytes>(<tuple>default)[1])
        return length

    cdef int announce(self, bytes length) except -1:
        """Take note of a content-length; returns whether it is to be sent."""
        cdef bint first = self.expected < 0
        cdef long long expected = read_length(length)
        if not first and self.expected != expected:
            raise ValueError("two content-length headers that differ")
        # RFC 9110 8.6: a 204 has no Content-Length. RFC 9112 6.2: nor has what is chunked.
        if self.status == 204:
            return False
        self.expected = expected
        return first and not self.sends_trailers()

    cpdef body(self, data, bint more):
        """What to write for a piece of body; `more` says whether another follows, or trailers.

        RuntimeError when the body is longer or, at its end, shorter than the content-length that was announced.
        """
        cdef bytes piece = data if type(data) is bytes else as_bytes(data, "a response body")
        cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
        cdef Py_ssize_t length = 0
        cdef const char *suffix = b""
        self.check_pending()
        if self.forbids_body():
            if self.head is not None:
                length = self.write_head(size, more)
            size = 0
        else:
            self.count(size, more)
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
        self.complete = not more
        return join(length, piece, size, suffix)

    cdef int check_pending(self) except -1:
        if self.complete or (self.head is None and not self.begun):
            raise RuntimeError("no response is started and not complete")
        return 0

    cdef int count(self, Py_ssize_t size, bint more) except -1:
        """Hold the body against its content-length."""
        self.sent += size
        if self.expected >= 0 and self.sent > self.expected:
            raise RuntimeError(f"the response body is longer than its content-length of {self.expected}")
        if not more and self.sent < self.expected:
            raise RuntimeError(
                f"the response body ended after {self.sent} bytes; its content-length is {self.expected}"
            )
        return 0

    cdef Py_ssize_t write_head(self, long long size, bint more) except -1:
        """Put the head and its end, which the first piece of body decides, into the room; returns their length."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(self.head)
        cdef bint bodiless = self.forbids_body()
        make_room(length + 128)
        memcpy(room, PyBytes_AS_STRING(self.head), length)
        self.head = None
        self.begun = True
        self.chunked = not bodiless and not self.is_http_10 and (self.with_trailers or (self.expected < 0 and more))
        if self.chunked:
            length = append_text(length, b"transfer-encoding: chunked\r\n")
        elif self.expected < 0 and more:
            # Only its connection's end can tell an HTTP/1.0 client where the body ends.
            self.keep_alive = self.keep_alive and bodiless
        elif self.expected < 0 and self.status != 204 and self.status != 304 and not (self.is_head and size == 0):
            length = append_text(length, b"content-length: ")
            length += write_number(room + length, size, 10)
            length = append_text(length, b"\r\n")
        if self.upgrades:
            # RFC 9110 7.8: who sends Upgrade names it in Connection.
            length = append_text(length, b"connection: upgrade" if self.keep_alive else b"connection: upgrade, close")
            length = append_text(length, b"\r\n")
        elif not self.keep_alive:
            length = append_text(length, b"connection: close\r\n")
        elif self.is_http_10:
            length = append_text(length, b"connection: keep-alive\r\n")
        return append_text(length, b"\r\n")

    cpdef bytes trailers(self, headers):
        """What to write to end the response behind its body, which had `more`, with these trailers.

        No more than the end for an HTTP/1.0 client and where there is no body. ValueError or TypeError for a field
        that must not be sent, or not behind a body. RuntimeError when `start` was not told of trailers.
        """
        cdef list fields = as_fields(headers)
        cdef Py_ssize_t length
        cdef bytes end = b""
        self.check_pending()
        if not self.with_trailers:
            raise RuntimeError("start() was not told that trailers follow")
        if not self.forbids_body():
            self.count(0, False)
        for field in fields:
            if (<tuple>field)[0].lower() in NOT_IN_TRAILERS:
                raise ValueError(f"{(<tuple>field)[0]!r} cannot be a trailer: it is needed before the body")
        length = append(0, b"0\r\n")
        for field in fields:
            length = append_field(length, <tuple>field)
        length = append(length, b"\r\n")
        if self.sends_trailers():
            end = room[:length]
        length = 0 if self.head is None else self.write_head(0, False)
        self.complete = True
        return room[:length] + end

    cpdef bytes file(self, long long size):
        """The head of a response whose body of `size` bytes somebody else writes behind it, unless it is `bodiless`.

        The response counts as complete. RuntimeError when another content-length was announced or trailers were.
        """
        self.check_pending()
        if self.begun:
            raise RuntimeError("file() after the body has begun")
        if self.with_trailers:
            raise RuntimeError("file() cannot be followed by trailers, which start() was told of")
        if size < 0:
            raise ValueError(f"the size of a file must not be negative, got {size}")
        if 0 <= self.expected != size and not self.forbids_body():
            raise RuntimeError(f"the file has {size} bytes; the content-length of its response is {self.expected}")
        cdef Py_ssize_t length = self.write_head(size, False)
        self.complete = True
        return room[:length]

    cpdef bytes inform(self, int status, headers):
        """An informational response such as 100 Continue or 103 Early Hints (RFC 9110 15.2), before the final one.

        Empty for an HTTP/1.0 client, which knows none. ValueError or TypeError for what must not be sent.
        """
        cdef list fields = as_fields(headers)
        cdef Py_ssize_t length
        if status < 100 or status > 199 or status == 101:
            raise ValueError(f"an informational status is from 100 to 199 and not 101, got {status}")
        if self.begun or self.complete:
            raise RuntimeError("an informational response comes before the final one")
        length = append(0, STATUS_LINES[status])
        for field in fields:
            length = append_field(length, <tuple>field)
            if meaning_of(<bytes>(<tuple>field)[0]) in (CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE):
                # RFC 9110 8.6, RFC 9112 6.1: it has no body, and the connection is the final response's.
                raise ValueError(f"an informational response cannot have the header {(<tuple>field)[0]!r}")
        length = append(length, b"\r\n")
        return b"" if self.is_http_10 else room[:length]

    cpdef bytes error(self, int status, str reason, headers=()):
        """A whole response that says in plain text what was wrong, has these headers too, and ends the connection."""
        self.keep_alive = False
        self.start(status, [(b"content-type", b"text/plain; charset=utf-8"), *headers])
        return self.body(reason.encode(), False)
