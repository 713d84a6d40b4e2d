# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The headers that an application gives: what they may be, and which of them HTTP itself reads."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

from vivace.server.protocol.characters cimport LOWER_TOKEN, same_letters, skip_value


cdef bytes as_bytes(value, str what):
    """`value`, unless it is no bytes at all: TypeError then."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{what} must be bytes, got {value!r}")


cdef inline bint is_field(item) noexcept:
    return (
        type(item) is tuple and PyTuple_GET_SIZE(item) == 2
        and type((<tuple>item)[0]) is bytes and type((<tuple>item)[1]) is bytes
    )


cdef list as_fields(headers):
    """Headers in any iterable of pairs as a list of pairs of bytes: the same list, if it is one. Else TypeError."""
    if type(headers) is list:
        for item in <list>headers:
            if not is_field(item):
                break
        else:
            return <list>headers
    return [(as_bytes(name, "a header name"), as_bytes(value, "a header value")) for name, value in headers]


cdef Meaning meaning_of(bytes name) noexcept:
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(name)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    if size == 4:
        return DATE if same_letters(p, b"date", 4) else ORDINARY
    if size == 6:
        return SERVER if same_letters(p, b"server", 6) else ORDINARY
    if size == 7:
        return UPGRADE if same_letters(p, b"upgrade", 7) else ORDINARY
    if size == 10:
        return CONNECTION if same_letters(p, b"connection", 10) else ORDINARY
    if size == 14:
        return CONTENT_LENGTH if same_letters(p, b"content-length", 14) else ORDINARY
    if size == 17:
        return TRANSFER_ENCODING if same_letters(p, b"transfer-encoding", 17) else ORDINARY
    return ORDINARY


cdef bint has_name(list fields, bytes name) noexcept:
    """Whether one of these fields has the name, given in lower case."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    for field in fields:
        if PyBytes_GET_SIZE(<object>PyTuple_GET_ITEM(field, 0)) == size and same_letters(
            <const unsigned char *>PyBytes_AS_STRING(<object>PyTuple_GET_ITEM(field, 0)), PyBytes_AS_STRING(name), size
        ):
            return True
    return False


cdef int add_defaults(list fields, list defaults) except -1:
    """Add those of the default fields whose name is not there."""
    cdef list missing = [field for field in defaults if not has_name(fields, <bytes>(<tuple>field)[0])]
    fields.extend(missing)
    return 0


cdef int check_field(bytes name, bytes value) except -1:
    """ValueError for a name or value that would let something else through, or nothing."""
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef const unsigned char *end = p + PyBytes_GET_SIZE(value)
    if skip_value(p, end) != end:
        raise ValueError(f"the value of the header {name!r} holds a control character: {value!r}")
    p = <const unsigned char *>PyBytes_AS_STRING(name)
    end = p + PyBytes_GET_SIZE(name)
    if p == end:
        raise ValueError("a header name is empty")
    # The NUL behind every bytes object is in no token.
    while LOWER_TOKEN[p[0]]:
        p += 1
    if p != end:
        raise ValueError(f"the header name {name!r} holds a character that names cannot have")
    return 0


cdef long long read_length(bytes value) except -1:
    """The number that a content-length is. ValueError."""
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
