cimport cython
from libc.stdint cimport int64_t

from vivace.server.logging.line_buffer cimport LineBuffer
from vivace.server.protocol._request_head_cy cimport RequestHead


cdef class ClientTexts:
    cdef list clients
    cdef list texts

    cdef bytes text_of(self, client)
    cdef int write(self, LineBuffer out, client) except -1


@cython.final
cdef class AccessFacts:
    # the request: its ASGI scope, and the method, which a WebSocket's scope has not
    cdef readonly dict scope
    cdef readonly str method
    cdef bytes raw_path
    cdef bytes query_string
    cdef str http_version
    cdef list headers
    cdef readonly bytes request_id
    cdef bint encrypted

    # the response, and a WebSocket's end: 0 for what is none
    cdef readonly int status
    cdef readonly int64_t size
    cdef readonly int64_t microseconds
    cdef readonly list response_headers
    cdef readonly int close_code
    cdef ClientTexts clients

    cdef set(
        self, dict scope, str method, int status, int64_t size, double seconds, bytes request_id,
        list response_headers, int close_code, bint encrypted
    )
    cdef take_from_head(self, RequestHead head)
    cdef take_from_scope(self)
    cdef forget(self)
    cdef bytes request_header(self, bytes name)
    cdef bytes response_header(self, bytes name)
    cdef bytes tls_version(self)
    cdef int add_target(self, LineBuffer out) except -1
    cdef int add_client(self, LineBuffer out) except -1
