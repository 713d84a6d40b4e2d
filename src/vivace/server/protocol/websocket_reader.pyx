# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A client's WebSocket frames out of bytes, and messages out of frames (RFC 6455 5), strictly.

What is wrong is refused as early as it can be seen: a header by its first bytes, a size before its payload, text at its
first byte that is not UTF-8, a compressed message at the byte that makes it too large.

Fed bytes are borrowed until they are consumed, and payload is consumed as it comes, so no more than a frame's header
or a control frame is ever kept from them. Messages are objects of their own.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE, _PyBytes_Resize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from vivace.server.protocol.errors import WebSocketError

cdef enum:
    # Text up to this size is decoded from a place of its own, without an object in between.
    SCRATCH = 32768
    SMALLEST_ROOM = 256
    PROTOCOL_ERROR = 1002
    INVALID_DATA = 1007
    MESSAGE_TOO_BIG = 1009

cdef uint64_t HIGH_BITS = 0x8080808080808080

# One for the process, as decoding is never interrupted.
cdef unsigned char[SCRATCH] scratch


cdef uint64_t unmask(unsigned char *out, const unsigned char *data, Py_ssize_t size, uint32_t mask) noexcept nogil:
    """Unmask `size` bytes (RFC 6455 5.3), eight at a time; returns all of them or-ed, whose high bits tell ASCII."""
    cdef uint64_t wide = (<uint64_t>mask << 32) | mask
    cdef uint64_t word, seen = 0
    cdef Py_ssize_t at, words = size >> 3
    for at in range(words):
        memcpy(&word, data + 8 * at, 8)
        word ^= wide
        seen |= word
        memcpy(out + 8 * at, &word, 8)
    if size & 7:
        word = 0
        memcpy(&word, data + 8 * words, size & 7)
        word ^= wide
        memcpy(out + 8 * words, &word, size & 7)
        # What lies behind the payload's end does not count, at whichever end of the word this machine puts it.
        wide = 0
        memcpy(&wide, out + 8 * words, size & 7)
        seen |= wide
    return seen


cdef inline uint32_t turn(uint32_t mask, long long size) noexcept:
    """The mask for what follows `size` bytes of payload."""
    cdef unsigned char[8] twice
    memcpy(twice, &mask, 4)
    memcpy(twice + 4, &mask, 4)
    memcpy(&mask, twice + (size & 3), 4)
    return mask


cdef int fail(int code, str reason) except -1:
    raise WebSocketError(code, reason)


cdef str decode(const char *text, Py_ssize_t size):
    try:
        return PyUnicode_DecodeUTF8(text, size, NULL)
    except UnicodeDecodeError:
        raise WebSocketError(INVALID_DATA, "a text is not UTF-8") from None


cdef class WebSocketReader:
    """`feed` bytes, then `next_event` until None.

    An event is a message, as `str` or `bytes`, or a control frame, as a pair of its opcode and payload: 8 close, 9
    ping, 10 pong. What a close frame says is not looked at, and nothing stops the frames behind it. `inflater` reads
    compressed messages; without one they are refused.

    Raises WebSocketError on anything that RFC 6455 or `limits` forbid, and again on every later call.
    """

    def __cinit__(self, limits, inflater=None):
        self.max_message_size = limits.max_websocket_message_size
        self.max_frame_size = limits.max_websocket_frame_size
        self.inflater = inflater
        self.buffer = b""
        self.remaining = -1

    def __dealloc__(self):
        Py_XDECREF(self.payload)

    @property
    def buffered(self):
        """How many fed bytes no event has reported yet, and no message being assembled holds."""
        return PyBytes_GET_SIZE(self.buffer) - self.position

    cpdef feed(self, bytes data):
        if self.failed:
            return
        if PyBytes_GET_SIZE(self.buffer) == self.position:
            self.buffer = data
        else:
            self.buffer = self.buffer[self.position :] + data
        self.position = 0

    cpdef next_event(self):
        if self.failed:
            fail(PROTOCOL_ERROR, "the connection broke the protocol before")
        try:
            while True:
                if self.remaining < 0:
                    event = self.read_frame()
                    if event is not None or self.remaining < 0:
                        return event
                event = self.read_payload()
                if event is not None or self.remaining > 0:
                    return event
        except BaseException:
            self.failed = True
            self.forget_message()
            self.buffer = b""
            self.position = 0
            raise

    cdef read_frame(self):
        """Read a header (RFC 6455 5.2) and, where all of it is there, a control frame or a message of one frame.

        Returns None and leaves `remaining` below 0 when bytes are missing; with `remaining` set, the payload follows.
        """
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        cdef Py_ssize_t available = PyBytes_GET_SIZE(self.buffer) - self.position
        cdef Py_ssize_t header = 6
        cdef long long size
        cdef int opcode, at
        cdef uint32_t mask
        if available < 2:
            return None
        opcode = start[0] & 15
        size = start[1] & 127
        self.check_start(start[0], start[1])
        if size == 126:
            if available < 4:
                return None
            size = (start[2] << 8) | start[3]
            header = 8
            if size < 126:
                fail(PROTOCOL_ERROR, "a length is not in its shortest form")
        elif size == 127:
            if available < 10:
                return None
            if start[2] & 128:
                fail(PROTOCOL_ERROR, "a length of 64 bits has its highest bit set")
            size = 0
            for at in range(2, 10):
                size = (size << 8) | start[at]
            header = 14
            if size < 65536:
                fail(PROTOCOL_ERROR, "a length is not in its shortest form")
        if opcode < CLOSE:
            self.check_size(opcode, start[0] & 64, size)
        if available < header:
            return None
        memcpy(&mask, start + header - 4, 4)
        if opcode >= CLOSE:
            if available - header < size:
                return None
            self.position += header
            return self.read_control(opcode, size, mask)
        self.position += header
        if opcode != CONTINUATION:
            self.opcode = opcode
            self.compressed = start[0] & 64
            if start[0] & 128 and available - header >= size and (opcode == BINARY or size <= SCRATCH):
                return self.read_whole_message(size, mask)
        self.final = start[0] & 128
        self.wire_size += size
        self.remaining = size
        self.mask = mask
        return None

    cdef int check_start(self, int first, int second) except -1:
        """What the first two bytes of a frame may say, where we are."""
        cdef int opcode = first & 15
        if first & 0x30:
            fail(PROTOCOL_ERROR, "a reserved bit is set")
        if opcode > PONG or (opcode > BINARY and opcode < CLOSE):
            fail(PROTOCOL_ERROR, "an opcode is reserved")
        # RFC 7692 6: only the first frame of a message says that it is compressed.
        if first & 64 and (self.inflater is None or opcode == CONTINUATION or opcode >= CLOSE):
            fail(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & 128:
            fail(PROTOCOL_ERROR, "a client's frames must be masked")
        if opcode >= CLOSE:
            if not first & 128:
                fail(PROTOCOL_ERROR, "a control frame is fragmented")
            if second & 127 > 125:
                fail(PROTOCOL_ERROR, "a control frame is larger than 125 bytes")
        elif opcode == CONTINUATION:
            if self.opcode == 0:
                fail(PROTOCOL_ERROR, "a continuation without a message to continue")
        elif self.opcode != 0:
            fail(PROTOCOL_ERROR, "a message begins inside another one")
        return 0

    cdef int check_size(self, int opcode, bint compressed, long long size) except -1:
        cdef long long limit = self.max_message_size
        if opcode == CONTINUATION:
            compressed = self.compressed
        if compressed:
            # What cannot be compressed grows a little.
            limit += limit // 8 + 1024
        if size > self.max_frame_size:
            fail(MESSAGE_TOO_BIG, "the frame is too large")
        if size > limit - self.wire_size:
            fail(MESSAGE_TOO_BIG, "the message is too large")
        return 0

    cdef read_control(self, int opcode, Py_ssize_t size, uint32_t mask):
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        cdef bytes payload = PyBytes_FromStringAndSize(NULL, size)
        unmask(<unsigned char *>PyBytes_AS_STRING(payload), start, size, mask)
        self.position += size
        return (opcode, payload)

    cdef read_whole_message(self, Py_ssize_t size, uint32_t mask):
        """The message that one frame is, all of it there: straight into the event."""
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        cdef bint is_text = self.opcode == TEXT
        cdef bytes payload
        self.opcode = 0
        self.position += size
        if is_text and not self.compressed:
            unmask(scratch, start, size, mask)
            return decode(<const char *>scratch, size)
        payload = PyBytes_FromStringAndSize(NULL, size)
        unmask(<unsigned char *>PyBytes_AS_STRING(payload), start, size, mask)
        if self.compressed:
            payload = self.inflater.inflate(payload, self.max_message_size, True)
            if is_text:
                return decode(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
        return payload

    cdef read_payload(self):
        """Take what is there of a data frame's payload; the message, when that was its last."""
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(self.buffer) + self.position
        cdef Py_ssize_t available = PyBytes_GET_SIZE(self.buffer) - self.position
        cdef unsigned char *out
        cdef bytes piece
        cdef uint64_t seen
        if available > self.remaining:
            available = self.remaining
        elif available == 0 and self.remaining > 0:
            return None
        self.position += available
        if self.compressed:
            piece = PyBytes_FromStringAndSize(NULL, available)
            unmask(<unsigned char *>PyBytes_AS_STRING(piece), start, available, self.mask)
            self.take_compressed(piece, self.final and available == self.remaining)
        elif available > 0:
            out = self.make_room(available, self.size + self.remaining if self.final else self.max_message_size)
            seen = unmask(out, start, available, self.mask)
            self.size += available
            if self.opcode == TEXT and (self.utf8_missing or seen & HIGH_BITS):
                self.check_text(out, available)
        self.mask = turn(self.mask, available)
        self.remaining -= available
        if self.remaining > 0:
            return None
        self.remaining = -1
        return self.finish_message() if self.final else None

    cdef int take_compressed(self, bytes piece, bint last) except -1:
        cdef bytes inflated = self.inflater.inflate(piece, self.max_message_size - self.size, last)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(inflated)
        cdef unsigned char *out
        if size > 0:
            out = self.make_room(size, self.max_message_size)
            memcpy(out, PyBytes_AS_STRING(inflated), size)
            self.size += size
            if self.opcode == TEXT:
                self.check_text(out, size)
        return 0

    cdef finish_message(self):
        """The message that was assembled, without copying it if it is binary."""
        event = b""
        if self.utf8_missing:
            fail(INVALID_DATA, "a text ends inside a character")
        if self.payload != NULL:
            if self.opcode == TEXT:
                event = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(<object>self.payload), self.size, NULL)
            else:
                _PyBytes_Resize(&self.payload, self.size)
                event = <object>self.payload
        elif self.opcode == TEXT:
            event = ""
        self.forget_message()
        return event

    cdef void forget_message(self) noexcept:
        Py_XDECREF(self.payload)
        self.payload = NULL
        self.size = self.capacity = 0
        self.wire_size = 0
        self.opcode = 0
        self.utf8_missing = 0
        self.remaining = -1

    cdef unsigned char *make_room(self, Py_ssize_t size, long long expected) except NULL:
        """Where the next `size` bytes of payload go. The room grows as payload comes, at most to `expected`."""
        cdef long long wanted
        if self.size + size > self.capacity:
            wanted = max(min(2 * self.capacity, expected), self.size + size, SMALLEST_ROOM)
            if self.payload == NULL:
                fresh = PyBytes_FromStringAndSize(NULL, wanted)
                Py_INCREF(fresh)
                self.payload = <PyObject *>fresh
            else:
                _PyBytes_Resize(&self.payload, wanted)
            self.capacity = wanted
        return <unsigned char *>PyBytes_AS_STRING(<object>self.payload) + self.size

    cdef int check_text(self, const unsigned char *start, Py_ssize_t size) except -1:
        """Go on with the UTF-8 of a text (RFC 3629 4: no overlong forms, no surrogates, nothing past U+10FFFF)."""
        cdef const unsigned char *end = start + size
        cdef int missing = self.utf8_missing
        cdef unsigned char lowest = self.utf8_lowest, highest = self.utf8_highest, c
        cdef uint64_t word
        while start < end:
            if missing == 0 and end - start >= 8:
                memcpy(&word, start, 8)
                if not word & HIGH_BITS:
                    start += 8
                    continue
            c = start[0]
            start += 1
            if missing > 0:
                if c < lowest or c > highest:
                    fail(INVALID_DATA, "a text is not UTF-8")
                missing -= 1
                lowest = 0x80
                highest = 0xBF
            elif c >= 0x80:
                if c < 0xC2 or c > 0xF4:
                    fail(INVALID_DATA, "a text is not UTF-8")
                missing = 1 if c < 0xE0 else 2 if c < 0xF0 else 3
                lowest = 0xA0 if c == 0xE0 else 0x90 if c == 0xF0 else 0x80
                highest = 0x9F if c == 0xED else 0x8F if c == 0xF4 else 0xBF
        self.utf8_missing = missing
        self.utf8_lowest = lowest
        self.utf8_highest = highest
        return 0
