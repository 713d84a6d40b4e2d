# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A server's WebSocket frames into bytes (RFC 6455 5): unmasked, each message one frame, the header right before it."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_AsUTF8String
from libc.string cimport memcpy

from vivace.server.protocol.websocket_reader cimport BINARY, CLOSE, PING, PONG, TEXT

cdef enum:
    # Below this, copying a payload behind its header costs less than a second buffer in the write call.
    JOINED_PAYLOAD = 32768
    FINAL = 0x80
    COMPRESSED = 0x40


cdef extern from "Python.h":
    Py_ssize_t PyUnicode_GET_LENGTH(object text)


cdef Py_ssize_t write_header(char *out, int first, Py_ssize_t size) noexcept:
    """Write a frame's header, at most 10 bytes, at `out`; returns its size."""
    cdef int at
    out[0] = <char>first
    if size < 126:
        out[1] = <char>size
        return 2
    if size < 65536:
        out[1] = 126
        out[2] = <char>(size >> 8)
        out[3] = <char>size
        return 4
    out[1] = 127
    for at in range(8):
        out[2 + at] = <char>(<unsigned long long>size >> (56 - 8 * at))
    return 10


cdef bytes joined(int first, const char *payload, Py_ssize_t size):
    """A frame in one object."""
    cdef char[10] header
    cdef Py_ssize_t header_size = write_header(header, first, size)
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, header_size + size)
    cdef char *out = PyBytes_AS_STRING(frame)
    memcpy(out, header, header_size)
    memcpy(out + header_size, payload, size)
    return frame


cdef bytes control(int opcode, bytes payload, str what):
    if PyBytes_GET_SIZE(payload) > 125:
        raise ValueError(f"{what} has room for 125 bytes, got {len(payload)}")
    return joined(FINAL | opcode, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))


cpdef bint is_close_code(long long code) noexcept:
    """Whether a close frame may hold `code` (RFC 6455 7.4 and the IANA registry of close codes)."""
    if code < 1000 or code > 4999:
        return False
    return code >= 3000 or code <= 1003 or (code >= 1007 and code <= 1014)


cdef class WebSocketWriter:
    """The frames of one connection; what a method returns is to be written next, as `deflater` counts on that order.

    A message is returned as bytes or, when it is too large to be worth copying, as its header and its payload: that is
    the object that was given if that was `bytes`. A `bytearray` or `memoryview` is always copied, so it may change.
    """

    def __cinit__(self, deflater=None):
        self.deflater = deflater
        if deflater is not None:
            self.minimum_size = deflater.parameters.minimum_size

    cpdef text(self, data):
        """A text message. UnicodeEncodeError when it holds half a surrogate pair."""
        cdef const char *payload
        cdef Py_ssize_t size
        if not isinstance(data, str):
            raise TypeError(f"a text message must be str, got {data!r}")
        if PyUnicode_GET_LENGTH(data) <= JOINED_PAYLOAD and self.deflater is None:
            payload = PyUnicode_AsUTF8AndSize(data, &size)
            return joined(FINAL | TEXT, payload, size)
        return self.message(TEXT, PyUnicode_AsUTF8String(data))

    cpdef binary(self, data):
        """A binary message."""
        if type(data) is bytes:
            return self.message(BINARY, data)
        if isinstance(data, (bytes, bytearray, memoryview)):
            return self.message(BINARY, bytes(data))
        raise TypeError(f"a binary message must be bytes, got {data!r}")

    cdef message(self, int opcode, bytes data):
        cdef int first = FINAL | opcode
        cdef char[10] header
        cdef Py_ssize_t size
        if self.deflater is not None and PyBytes_GET_SIZE(data) >= self.minimum_size:
            compressed = self.deflater.deflate(data)
            if compressed is not None:
                data = compressed
                first |= COMPRESSED
        size = PyBytes_GET_SIZE(data)
        if size <= JOINED_PAYLOAD:
            return joined(first, PyBytes_AS_STRING(data), size)
        return (PyBytes_FromStringAndSize(header, write_header(header, first, size)), data)

    cpdef bytes ping(self, bytes payload):
        """ValueError when the payload is longer than 125 bytes."""
        return control(PING, payload, "a ping")

    cpdef bytes pong(self, bytes payload):
        """ValueError when the payload is longer than 125 bytes."""
        return control(PONG, payload, "a pong")

    cpdef bytes close(self, code, str reason):
        """A close frame; an empty one when `code` is None.

        ValueError for a code that must not be sent and for a reason longer than 123 bytes of UTF-8.
        """
        cdef bytes encoded = PyUnicode_AsUTF8String(reason)
        if code is None:
            if encoded:
                raise ValueError("a close frame without a code has no reason")
            return control(CLOSE, b"", "a close frame")
        if not is_close_code(code):
            raise ValueError(
                f"{code} is no close code to send; there are 1000 to 1003, 1007 to 1014, and 3000 to 4999 for applications"
            )
        if PyBytes_GET_SIZE(encoded) > 123:
            raise ValueError(f"the reason of a close has room for 123 bytes of UTF-8, got {len(encoded)}")
        return control(CLOSE, code.to_bytes(2, "big") + encoded, "a close frame")
