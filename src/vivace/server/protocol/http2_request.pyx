# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Header lists into request heads (RFC 9113 8.2 and 8.3), the same heads as HTTP/1.1 gives.

StreamFailed when the request is malformed; ProtocolError when it is well formed and gets an answer that says no.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.characters cimport IN_TARGET, LOWER_TOKEN
from vivace.server.protocol.field_kinds cimport (
    AUTHORITY, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, MALFORMED, METHOD, ORDINARY, PATH, PRIORITY, PROTOCOL,
    SCHEME,
)
from vivace.server.protocol.field_lines cimport scan_length
from vivace.server.protocol.request_target cimport check_host, scan_method, scan_target

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.http2_errors import ErrorCode, StreamFailed


cdef class RequestFields:
    """What a header list says: the head, and what only HTTP/2 says."""


cdef malformed(str reason):
    return StreamFailed(ErrorCode.PROTOCOL_ERROR, reason)


cdef str read_method(bytes method):
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(method)
    cdef Py_ssize_t at
    for at in range(PyBytes_GET_SIZE(method)):
        if LOWER_TOKEN[p[at]] == 0:
            raise malformed("invalid :method")
    if PyBytes_GET_SIZE(method) == 0:
        raise malformed("invalid :method")
    return scan_method(p, PyBytes_GET_SIZE(method))


cdef int read_path(RequestHead head, bytes path) except -1:
    """RFC 9113 8.3.1: a path with its query, or `*` for OPTIONS; never empty."""
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(path)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(path), at
    for at in range(size):
        if not IN_TARGET[p[at]]:
            raise malformed("invalid :path")
    if size == 0 or (p[0] != c"/" and not (size == 1 and p[0] == c"*" and head.method == "OPTIONS")):
        raise malformed("invalid :path")
    scan_target(head, p, p + size)
    return 0


cdef RequestFields read_request(list fields, const unsigned char *kinds, bint ended):
    """The request of this list; `ended` says that no body follows."""
    cdef RequestFields request = RequestFields.__new__(RequestFields)
    cdef RequestHead head = RequestHead.__new__(RequestHead)
    cdef bytes method = None, path = None, authority = None, host = None, value
    cdef list headers = []
    cdef list cookies = None
    cdef Py_ssize_t at, cookie_at = 0
    cdef long long length = -1
    cdef tuple field
    cdef unsigned char kind
    cdef object refusal = None
    for at in range(len(fields)):
        field = <tuple>fields[at]
        kind = kinds[at]
        if kind == ORDINARY:
            headers.append(field)
            continue
        value = <bytes>field[1]
        if kind == MALFORMED:
            raise malformed("a field that HTTP/2 does not allow")
        if kind <= PROTOCOL:
            # RFC 9113 8.3: pseudo-header fields come first and once.
            if headers or cookies is not None:
                raise malformed("a pseudo-header field behind others")
            if kind == METHOD and method is None:
                method = value
            elif kind == PATH and path is None:
                path = value
            elif kind == SCHEME and request.scheme is None:
                request.scheme = value
            elif kind == AUTHORITY and authority is None:
                authority = value
            elif kind == PROTOCOL and request.protocol is None:
                request.protocol = value
            else:
                raise malformed("a pseudo-header field twice")
            continue
        if kind == COOKIE:
            # RFC 9113 8.2.3: cookies may come one a field; elsewhere they are one.
            if cookies is None:
                cookies = []
                cookie_at = len(headers)
                headers.append(field)
            cookies.append(value)
            continue
        headers.append(field)
        if kind == HOST:
            if host is not None:
                raise malformed("more than one host")
            host = value
        elif kind == CONTENT_LENGTH:
            if length >= 0:
                raise malformed("more than one content-length")
            try:
                length = scan_length(value)
            except ProtocolError as error:
                if error.status != 413:
                    raise malformed("invalid content-length")
                refusal = error
        elif kind == EXPECT:
            if value.lower() != b"100-continue":
                refusal = ProtocolError(417, "the only expectation known here is 100-continue")
            head.expects_continue = not ended
        elif kind == PRIORITY:
            request.priority = value
        elif kind == FORWARDED:
            head.forwarded = True
    if cookies is not None and len(cookies) > 1:
        headers[cookie_at] = (b"cookie", b"; ".join(cookies))
    if method is None:
        raise malformed("no :method")
    head.method = read_method(method)
    if head.method == "CONNECT" and request.protocol is None:
        if path is not None or request.scheme is not None or authority is None:
            raise malformed("CONNECT with :path or :scheme, or without :authority")
        raise ProtocolError(501, "this server is no proxy")
    if request.protocol is not None and head.method != "CONNECT":
        raise malformed(":protocol without CONNECT")
    if path is None or request.scheme is None:
        raise malformed("no :path or no :scheme")
    if request.scheme == b"":
        raise malformed("an empty :scheme")
    if authority is None and host is None:
        raise malformed("neither :authority nor host")
    if authority is not None and host is not None and authority.lower() != host.lower():
        raise malformed(":authority and host differ")
    try:
        check_host(authority if authority is not None else host)
    except ProtocolError:
        raise malformed("invalid :authority")
    if request.protocol is not None:
        # RFC 8441 4: the target is as for any other method.
        head.method = "GET"
        read_path(head, path)
        head.method = "CONNECT"
    else:
        read_path(head, path)
    if ended and length > 0:
        raise malformed("content-length without a body")
    if refusal is not None:
        raise refusal
    if host is None:
        headers.insert(0, (b"host", authority))
    head.headers = headers
    head.http_version = "2"
    head.content_length = length
    head.has_body = not ended
    head.keep_alive = True
    request.head = head
    return request


cdef int check_trailers(list fields, const unsigned char *kinds) except -1:
    """RFC 9113 8.1: trailers hold no pseudo-header fields; nor what frames or routes the message."""
    cdef Py_ssize_t at
    for at in range(len(fields)):
        if kinds[at] == MALFORMED or METHOD <= kinds[at] <= HOST or kinds[at] == CONTENT_LENGTH:
            raise malformed("a field that trailers cannot hold")
    return 0
