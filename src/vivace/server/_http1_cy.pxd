from vivace.server._cycle_cy cimport Cycle, http_scope
from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.http1_scanner cimport Http1Scanner
from vivace.server.protocol.http1_writer cimport Http1Writer


cdef class Http1Connection(Stream):
    cdef Service service
    cdef Http1Scanner scanner
    cdef Http1Writer writer
    cdef object transport
    cdef dict scope_template

    # the request being received and answered: None between requests and once it is answered
    cdef Cycle cycle
    cdef bint in_body
    cdef bint owes_continue
    cdef bint client_closes
    cdef Py_ssize_t discarded

    # the socket
    cdef bint read_paused
    cdef bint eof_seen
    cdef bint ending
    cdef bint lingering
    cdef object writable
    cdef double deadline
    cdef double write_deadline
    cdef Py_ssize_t unsent
    cdef bint head_started

    cdef read_events(self)
    cdef begin_request(self, RequestHead head)
    cdef body_piece(self, bytes data)
    cdef end_of_body(self)
    cdef refuse(self, error)
    cdef response_complete(self)
    cdef next_request(self)
    cdef end(self, bint linger)
    cdef write(self, data)
    cdef pause_reading(self)
    cdef resume_reading(self)
    cdef set_deadline(self, double seconds)
    cdef expect_progress(self, double seconds)
    cdef write_expired(self)
    cdef read_expired(self)
