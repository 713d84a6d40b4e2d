from vivace.server._body_pace_cy cimport BodyPace
from vivace.server._cycle_cy cimport Cycle, http_scope, identify_refusal, log_refusal, new_cycle
from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server._transport_cy cimport ClientTransport
from vivace.server.counters cimport Counters
from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.http1_scanner cimport Http1Scanner
from vivace.server.protocol.http1_writer cimport Http1Writer


cdef class Http1Connection(Stream):
    cdef object __weakref__
    cdef Service service
    cdef ClientTransport transport
    # the ProxyHeader that was in front of the connection, set before it begins
    cdef public object proxied
    cdef dict scope_template
    # the beginning of what may be an HTTP/2 connection; None once that is decided
    cdef bytes preface
    # both None once a WebSocket is accepted
    cdef Http1Scanner scanner
    cdef Http1Writer writer

    # the request being received and answered: None between requests and once it is answered
    cdef Cycle cycle
    cdef bint in_body
    cdef bint unstarted
    cdef bint owes_continue
    cdef bint client_closes
    cdef Py_ssize_t discarded
    cdef bint reading
    cdef bint scheduled
    cdef bint accepted
    cdef object writable

    # what the client must do by when
    cdef double deadline
    cdef double idle_until
    cdef bint head_started
    # there is no room for it: one 503, and it is closed
    cdef bint crowded
    cdef BodyPace pace

    cdef bytes without_preface(self, bytes data)
    cpdef read_events(self)
    cdef read_events_soon(self)
    cdef bint take_events(self) except -1
    cdef wait_for_more(self)
    cdef wait_for_request(self)
    cdef begin_request(self, RequestHead head)
    cdef start_cycle(self)
    cdef write_first(self, bytes data)
    cdef body_piece(self, bytes data)
    cdef end_of_body(self)
    cdef refuse(self, error)
    cdef response_complete(self)
    cdef next_request(self)
    cdef end(self, bint linger)
    cdef pause_reading(self)
    cdef set_deadline(self, double seconds)
    cdef wait_for_body(self)
    cdef forget_body(self)
    cdef read_expired(self)
    cdef bint is_last_request(self) except -1
    cpdef drain(self)
    cdef bint is_idle(self) except -1
