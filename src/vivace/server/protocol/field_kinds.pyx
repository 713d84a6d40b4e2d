# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a header field means to an HTTP/2 request, decided once when it enters a table (RFC 9113 8.2 and 8.3)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp

from vivace.server.protocol.characters cimport IN_VALUE, LOWER_TOKEN


cdef inline bint equals(const char *name, Py_ssize_t size, const char *other, Py_ssize_t other_size) noexcept:
    return size == other_size and memcmp(name, other, size) == 0


cdef bint is_valid(const unsigned char *name, Py_ssize_t size, const unsigned char *value, Py_ssize_t length) noexcept:
    """RFC 9113 8.2.1: a lower-case token; no control characters in the value, no blanks around it."""
    cdef Py_ssize_t at
    if size == 0:
        return False
    for at in range(size):
        if LOWER_TOKEN[name[at]] != name[at] or name[at] == 0:
            return False
    for at in range(length):
        if not IN_VALUE[value[at]]:
            return False
    return length == 0 or (value[0] != c" " and value[0] != c"\t" and
                           value[length - 1] != c" " and value[length - 1] != c"\t")


cdef FieldKind field_kind(bytes name, bytes value) noexcept:
    cdef const char *p = PyBytes_AS_STRING(name)
    cdef const char *v = PyBytes_AS_STRING(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name), length = PyBytes_GET_SIZE(value)
    if size > 0 and p[0] == c":":
        if not is_valid(<const unsigned char *>p + 1, size - 1, <const unsigned char *>v, length):
            return MALFORMED
        if equals(p, size, b":method", 7):
            return METHOD
        if equals(p, size, b":path", 5):
            return PATH
        if equals(p, size, b":scheme", 7):
            return SCHEME
        if equals(p, size, b":authority", 10):
            return AUTHORITY
        if equals(p, size, b":protocol", 9):
            return PROTOCOL
        return MALFORMED
    if not is_valid(<const unsigned char *>p, size, <const unsigned char *>v, length):
        return MALFORMED
    if size == 2:
        if equals(p, size, b"te", 2) and not equals(v, length, b"trailers", 8):
            return MALFORMED
    elif size == 4:
        if equals(p, size, b"host", 4):
            return HOST
    elif size == 6:
        if equals(p, size, b"cookie", 6):
            return COOKIE
        if equals(p, size, b"expect", 6):
            return EXPECT
    elif size == 7:
        if equals(p, size, b"upgrade", 7):
            return MALFORMED
    elif size == 8:
        if equals(p, size, b"priority", 8):
            return PRIORITY
    elif size == 9:
        if equals(p, size, b"forwarded", 9):
            return FORWARDED
    elif size == 10:
        # RFC 9113 8.2.2: what concerns one connection has no place in HTTP/2.
        if equals(p, size, b"connection", 10) or equals(p, size, b"keep-alive", 10):
            return MALFORMED
    elif size == 14:
        if equals(p, size, b"content-length", 14):
            return CONTENT_LENGTH
    elif size == 16:
        if equals(p, size, b"proxy-connection", 16):
            return MALFORMED
        if equals(p, size, b"x-forwarded-host", 16) or equals(p, size, b"x-forwarded-port", 16):
            return FORWARDED
    elif size == 15:
        if equals(p, size, b"x-forwarded-for", 15):
            return FORWARDED
    elif size == 17:
        if equals(p, size, b"transfer-encoding", 17):
            return MALFORMED
        if equals(p, size, b"x-forwarded-proto", 17):
            return FORWARDED
    elif size == 18:
        if equals(p, size, b"x-forwarded-prefix", 18):
            return FORWARDED
    return ORDINARY
