cimport cython

from vivace.server._cycle_cy cimport Cycle, http_scope
from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server._waiter_cy cimport Waiter
from vivace.server.awaited cimport Awaited
from vivace.server.counters cimport Counters, clock
from vivace.server.logging.access_log cimport AccessLog
from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol._websocket_protocol_cy cimport WebSocketProtocol

@cython.locals(scope=dict)
cpdef dict websocket_scope(dict template, RequestHead head, handshake, Service service)


cdef class Receiving(Awaited):
    cdef WebSocketCycle cycle

    @cython.locals(cycle=WebSocketCycle, waiter=Waiter)
    cpdef advance(self)


cdef class WebSocketSend:
    cdef WebSocketCycle cycle


cdef class WebSocketCycle(Cycle):
    cdef object handshake
    cdef WebSocketProtocol protocol
    cdef bint accepted
    cdef int state

    # what came and is not received yet: messages, and bytes that are not even parsed
    cdef object next_data
    cdef list data_behind
    cdef Py_ssize_t queue_limit
    cdef object unread
    cdef bint suspended
    cdef bint data_paused
    cdef bint connect_reported
    cdef Waiter waiter
    cdef Waiter spare_waiter

    # the end: what the application is told, and whether it said so itself
    cdef int close_code
    cdef str close_reason
    cdef bint closed_by_application

    # by the service's clock: how long we wait for what comes next, when the client was last heard, how long it may be
    # quiet before we ask, and when we did, or 0
    cdef double deadline
    cdef double heard
    cdef double patience
    cdef double asked
    cdef object owed_pong

    @cython.locals(send=WebSocketSend)
    cpdef begin(self)
    @cython.locals(receiving=Receiving)
    cpdef receive(self)
    cpdef send(self, message)
    cdef bint try_send(self, data) except -1
    @cython.locals(last=Waiter, waiter=Waiter)
    cdef Waiter wait(self)
    cdef send_fields(self, dict fields)
    cdef deny(self, dict fields)
    cdef accept(self, dict fields)
    cdef close(self, dict fields)
    cdef begin_closing(self, code, str reason)
    cdef finish(self)
    cdef set_close(self, int code, str reason)
    cdef write(self, frame)
    cdef put(self, data)
    cdef take(self)
    cdef Py_ssize_t waiting(self)
    cdef take_message(self)
    cdef read_on(self)
    cdef read(self)
    cdef bint has_room(self)
    cdef answer_ping(self, ping)
    cdef closed_by_client(self, close)
    cdef lost(self)
    cdef pause(self)
    cdef open_expired(self)
    cdef keep_alive(self, double now)

    cpdef turn_came(self)
    cpdef turn_away(self, bytes reason)
    cdef next_message(self)
    cdef application_returned(self)
    cdef response_complete(self)
    cdef out_of_turn(self, str kind)
    @cython.locals(waiter=Waiter)
    cdef wake(self)
    @cython.locals(waiter=Waiter)
    cdef wake_now(self)
    cdef answer_failure(self, int status)
    cdef log_failure(self, str what, error)
    @cython.locals(log=AccessLog)
    cdef write_access_line(self, double seconds)
    cdef log_access(self)
