cimport cython

from vivace.server._cycle_cy cimport Cycle, http_scope
from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server._transport_cy cimport ClientTransport
from vivace.server._websocket_cy cimport WebSocketCycle, websocket_scope
from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.http2_output cimport Http2Stream
from vivace.server.protocol.http2_session cimport Http2Session


cdef class Http2Connection:
    cdef Service service
    cdef Http2Session session
    cdef ClientTransport transport
    cdef dict scope_template

    # turns: in the midst of reading; the rest is to be read, or written, in the next turn
    cdef bint reading
    cdef bint read_due
    cdef bint flush_due
    cdef list paused_exchanges

    # no more requests after those that are open
    cdef bint leaving

    # what we wait for, and how long
    cdef double settings_deadline
    cdef double frame_deadline
    cdef long long frame_mark
    cdef double idle_deadline
    cdef long long idle_mark
    cdef double write_deadline
    cdef long long sent_before

    @cython.locals(begun=int)
    cdef take_events(self)
    @cython.locals(stream=Http2Stream, exchange=Http2Exchange)
    cdef bint handle(self, event) except -1
    @cython.locals(exchange=Http2Exchange)
    cdef begin_request(self, Http2Stream stream, RequestHead head)
    cdef begin_websocket(self, Http2Exchange exchange, RequestHead head)
    cdef refuse(self, Http2Stream stream, error)
    cdef log_refusal(self, error)
    cpdef read_events(self)
    cdef pause_if_behind(self)
    cdef written(self)
    cpdef flush(self)
    @cython.locals(exchange=Http2Exchange)
    cdef wake_writers(self)
    cdef fail(self, error)
    cdef close(self, code, str reason)
    @cython.locals(stream=Http2Stream, exchange=Http2Exchange)
    cdef end_exchanges(self)
    cdef list exchanges(self)
    cdef check_frame(self, double now)
    cdef check_idle(self, double now)
    cdef check_window(self, double now)


cdef class Http2Exchange(Stream):
    cdef Http2Connection connection
    cdef Http2Stream stream
    cdef Cycle cycle
    cdef object writable

    # the request's body: when the next piece, enough of them, and all of it must be there
    cdef bint owes_continue
    cdef double body_deadline
    cdef double rate_deadline
    cdef double request_deadline
    cdef Py_ssize_t rate_bytes

    # the response: when the client must have given it window
    cdef double write_deadline
    cdef long long sent_before

    # an accepted WebSocket, and what came for it while it was paused
    cdef bint accepted
    cdef bint data_paused
    cdef bint data_ended
    cdef object held

    cdef feed(self, bytes data)
    cdef feed_end(self)
    cdef feed_held(self)
    cdef pause_if_full(self)
    cdef bint resume_if_drained(self) except -1
    cdef gone(self)
    cdef detach(self)
    cdef wake(self)
    cdef complete(self)
    cdef tick(self, double now)
    cdef check_body(self, double now)
    cdef check_window(self, double now)
