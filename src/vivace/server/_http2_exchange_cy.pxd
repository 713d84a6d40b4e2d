cimport cython

from vivace.server._body_pace_cy cimport BodyPace
from vivace.server._cycle_cy cimport Cycle
from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server._transport_cy cimport ClientTransport
from vivace.server.protocol.http2_output cimport Http2Stream
from vivace.server.protocol.http2_session cimport Http2Session


cdef class Http2Link:
    cdef Service service
    cdef object app
    cdef Http2Session session
    cdef ClientTransport transport

    # turns: we are in the midst of reading, and write at its end; or a write is due in the next turn
    cdef bint reading
    cdef bint write_due
    cdef list paused_exchanges

    # no more requests after those that are open
    cdef bint leaving

    @cython.locals(transport=ClientTransport, session=Http2Session)
    cpdef flush(self)
    @cython.locals(session=Http2Session)
    cdef written(self)
    @cython.locals(exchange=Http2Exchange)
    cdef wake_writers(self)
    @cython.locals(session=Http2Session, stream=Http2Stream, exchange=Http2Exchange)
    cdef drop_blocked(self)
    cdef refused(self, Http2Exchange exchange, error)


cdef class SlowReader:
    cdef Service service
    cdef long long taken
    cdef double deadline

    cdef bint gave_up(self, long long taken) except -1


cdef class Http2Exchange(Stream):
    cdef Http2Link link
    cdef Http2Stream stream
    cdef Cycle cycle
    cdef object writable

    # the request's body, until it is complete
    cdef bint owes_continue
    cdef BodyPace pace

    # the response, while the client gives it no window
    cdef SlowReader slow_reader

    # a WebSocket, and what came for it before it was accepted or while it was paused
    cdef bint accepted
    cdef bint data_paused
    cdef bint data_ended
    cdef object unfed

    cdef begin(self, Cycle cycle)
    cdef attach(self, Cycle cycle)
    cdef feed(self, bytes data)
    cdef feed_end(self)
    @cython.locals(cycle=Cycle)
    cdef feed_websocket(self)
    @cython.locals(cycle=Cycle)
    cdef gone(self)
    cdef detach(self)
    cdef complete(self)
    cdef pause_if_full(self)
    cdef bint resume_if_drained(self) except -1
    cdef wake(self)
    cdef tick(self, double now)
    @cython.locals(pace=BodyPace, cycle=Cycle)
    cdef bint body_is_late(self) except -1
    cdef check_window(self)
