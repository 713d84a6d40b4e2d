cimport cython

from vivace.server._cycle_cy cimport Cycle, http_scope, new_cycle
from vivace.server._http2_exchange_cy cimport Http2Exchange, Http2Link, SlowReader
from vivace.server._service_cy cimport Service
from vivace.server._transport_cy cimport ClientTransport
from vivace.server.counters cimport Counters
from vivace.server._websocket_cy cimport WebSocketCycle, websocket_scope
from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.http2_output cimport Http2Stream
from vivace.server.protocol.http2_session cimport Http2Session


cdef class Http2Connection(Http2Link):
    # the ProxyHeader that was in front of the connection, set before it begins
    cdef public object proxied
    cdef dict scope_template

    # others have their turn before the rest is read
    cdef bint read_due

    # what the client must do, and by when; the marks tell whether it is still the same
    cdef double settings_deadline
    cdef double frame_deadline
    cdef long long frame_mark
    cdef double idle_deadline
    cdef long long idle_mark
    cdef SlowReader slow_reader

    # there is no room for it: a 503, and it is closed, by then at the latest
    cdef bint crowded
    cdef double crowded_deadline

    # when the client was last heard, and when we asked it for a sign of life
    cdef double heard
    cdef double asked

    # how long the server, once it stops, waits for a request or the client's answer
    cdef double idle_until

    cpdef read_events(self)
    @cython.locals(begun=int, session=Http2Session)
    cdef take_events(self)
    @cython.locals(stream=Http2Stream, exchange=Http2Exchange)
    cdef bint handle(self, tuple event) except -1
    @cython.locals(exchange=Http2Exchange, service=Service, cycle=Cycle)
    cdef begin_request(self, Http2Stream stream, RequestHead head)
    cdef begin_exchange(self, Http2Exchange exchange, Cycle cycle)
    cdef begin_websocket(self, Http2Exchange exchange, RequestHead head)
    cdef refused(self, Http2Exchange exchange, error)
    @cython.locals(transport=ClientTransport, session=Http2Session)
    cdef pause_if_behind(self)
    @cython.locals(exchange=Http2Exchange)
    cdef half_close(self)
    cdef fail(self, error)
    cdef close(self, code, str reason)
    @cython.locals(stream=Http2Stream, exchange=Http2Exchange)
    cdef end_exchanges(self)
    cdef list exchanges(self)
    @cython.locals(exchange=Http2Exchange)
    cpdef tick(self, double now)
    @cython.locals(exchange=Http2Exchange)
    cpdef drain(self)
    @cython.locals(exchange=Http2Exchange)
    cpdef give_notice(self)
    @cython.locals(session=Http2Session)
    cpdef close_if_idle(self, double time)
    @cython.locals(session=Http2Session)
    cdef check_settings(self, double now)
    @cython.locals(session=Http2Session, mark=cython.longlong)
    cdef check_frame(self, double now)
    @cython.locals(session=Http2Session)
    cdef check_idle(self, double now)
    cdef check_window(self)
    cdef check_life(self, double now)
