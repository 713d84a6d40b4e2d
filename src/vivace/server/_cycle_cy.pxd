cimport cython

from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server.protocol._request_head_cy cimport RequestHead

@cython.locals(scope=dict)
cpdef dict http_scope(dict template, RequestHead head, Service service)


cdef class Done:
    pass


cdef class Cycle:
    cdef Service service
    cdef Stream stream
    cdef public dict scope
    cdef object task

    # the request's body
    cdef list pieces
    cdef readonly Py_ssize_t buffered
    cdef bint body_complete
    cdef bint body_reported
    cdef object changed

    # the response, and whether anybody is there to take it
    cdef int phase
    cdef bint peer_closed
    cdef public bint disconnected

    # for the access log
    cdef int status
    cdef long long sent
    cdef double started

    cpdef start(self)
    cpdef feed(self, bytes data)
    cpdef feed_end(self)
    cpdef disconnect(self)
    cpdef half_close(self)
    cdef next_message(self)
    @cython.locals(fields=dict)
    cdef start_response(self, message)
    @cython.locals(fields=dict)
    cdef send_body(self, message)
    cdef finish_body(self, data, bint more)
    cdef wake(self)
    cdef answer_failure(self)
    cdef log_failure(self, str what, error)
    cdef log_access(self)
