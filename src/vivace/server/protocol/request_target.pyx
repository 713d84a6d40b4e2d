# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a request asks for and of whom: methods, targets (RFC 9112 3.2) and hosts (RFC 9110 7.2)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_1BYTE_DATA, PyUnicode_DecodeUTF8, PyUnicode_New
from libc.string cimport memchr, memcmp, memcpy

from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.characters cimport HEX_VALUE, IN_HOST, same_letters

from vivace.server.protocol.errors import ProtocolError

cdef str CONNECT = "CONNECT"
cdef str OPTIONS = "OPTIONS"


cdef str decode_ascii(const unsigned char *start, Py_ssize_t size):
    """Text of bytes that are known to be ASCII."""
    cdef str text = PyUnicode_New(size, 127)
    memcpy(PyUnicode_1BYTE_DATA(text), start, size)
    return text


cdef str scan_method(const unsigned char *start, Py_ssize_t size):
    """The method of that name, which is a token."""
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
    elif size == 7:
        if memcmp(start, b"OPTIONS", 7) == 0:
            return OPTIONS
        if memcmp(start, b"CONNECT", 7) == 0:
            return CONNECT
    return decode_ascii(start, size)


cdef bytes scan_target(RequestHead head, const unsigned char *p, const unsigned char *end):
    """Fill in the path and query of `/path?query`, `http://host/path?query`, or `*` for OPTIONS.

    Returns the authority of an absolute target, or None.
    """
    cdef bytes authority = None
    cdef const unsigned char *start
    cdef const unsigned char *question
    if head.method is CONNECT:
        raise ProtocolError(501, "this server is no proxy")
    if p[0] != c"/":
        if p[0] == c"*" and end - p == 1 and head.method is OPTIONS:
            head.path = "*"
            head.raw_path = b"*"
            head.query_string = b""
            return None
        start = skip_scheme(p, end)
        p = start
        while p < end and p[0] != c"/" and p[0] != c"?":
            p += 1
        authority = PyBytes_FromStringAndSize(<const char *>start, p - start)
        if p == start:
            raise ProtocolError(400, "invalid request target")
        check_host(authority)
    question = <const unsigned char *>memchr(p, c"?", end - p)
    if question == NULL:
        head.query_string = b""
        question = end
    else:
        head.query_string = PyBytes_FromStringAndSize(<const char *>question + 1, end - question - 1)
    if question == p:
        head.raw_path = b"/"
        head.path = "/"
    else:
        head.raw_path = PyBytes_FromStringAndSize(<const char *>p, question - p)
        if memchr(p, c"%", question - p) == NULL:
            head.path = decode_ascii(p, question - p)
        else:
            head.path = unquote(p, question - p)
    return authority


cdef const unsigned char *skip_scheme(const unsigned char *p, const unsigned char *end) except NULL:
    if end - p > 7 and same_letters(p, b"http", 4) and memcmp(p + 4, b"://", 3) == 0:
        return p + 7
    if end - p > 8 and same_letters(p, b"https", 5) and memcmp(p + 5, b"://", 3) == 0:
        return p + 8
    raise ProtocolError(400, "invalid request target")


cdef str unquote(const unsigned char *start, Py_ssize_t size):
    """Percent-decoded UTF-8; a percent sign without two digits stands for itself, as everywhere in Python."""
    cdef bytes decoded = PyBytes_FromStringAndSize(NULL, size)
    cdef unsigned char *out = <unsigned char *>PyBytes_AS_STRING(decoded)
    cdef Py_ssize_t at = 0, length = 0
    while at < size:
        if start[at] == c"%" and at + 2 < size and HEX_VALUE[start[at + 1]] < 16 and HEX_VALUE[start[at + 2]] < 16:
            out[length] = HEX_VALUE[start[at + 1]] * 16 + HEX_VALUE[start[at + 2]]
            if out[length] == 0:
                # RFC 3986 7.3: to whoever takes it for a string's end, the path is another one.
                raise ProtocolError(400, "the path holds a NUL")
            at += 3
        else:
            out[length] = start[at]
            at += 1
        length += 1
    return PyUnicode_DecodeUTF8(<const char *>out, length, b"replace")


cdef int check_host(bytes value) except -1:
    """Raise ProtocolError unless this is a name or an address, with or without a port, or nothing."""
    # The NUL behind every bytes object ends each of the loops.
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef const unsigned char *end = p + PyBytes_GET_SIZE(value)
    if p[0] == c"[":
        p += 1
        while IN_HOST[p[0]] or p[0] == c":":
            p += 1
        if p[0] != c"]":
            raise ProtocolError(400, "invalid Host")
        p += 1
    else:
        while IN_HOST[p[0]]:
            p += 1
    if p[0] == c":":
        p += 1
        while c"0" <= p[0] <= c"9":
            p += 1
    if p != end:
        raise ProtocolError(400, "invalid Host")
    return 0
