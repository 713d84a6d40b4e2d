cimport cython

from vivace.server._admission_cy cimport Admission
from vivace.server._service_cy cimport Service
from vivace.server._stream_cy cimport Stream
from vivace.server.counters cimport Counters, clock
from vivace.server.logging.access_log cimport AccessLog
from vivace.server.logging.request_ids cimport RequestIds
from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.request_task cimport Work, is_done, perform

@cython.locals(scope=dict, extensions=dict)
cpdef dict http_scope(dict template, RequestHead head, Service service)


cdef class Done:
    pass


cdef class Send:
    cdef Cycle cycle


cdef class Cycle(Work):
    cdef Service service
    cdef Stream stream
    cdef public dict scope
    cdef RequestHead head
    cdef object task

    # it waits for its turn, or has a place among those that the application works on
    cdef bint queued
    cdef bint admitted

    # the request's body
    cdef list pieces
    cdef readonly Py_ssize_t buffered
    cdef bint body_complete
    cdef bint body_reported
    cdef list request_trailers
    cdef object changed

    # the response, and whether anybody is there to take it
    cdef int phase
    cdef bint has_trailers
    cdef list trailers
    cdef bint peer_closed
    cdef bint given_notice
    cdef public bint disconnected

    # for the logs; the id is None unless requests have some, and headers are kept only for a log that tells them
    cdef readonly bytes request_id
    cdef list response_headers
    cdef int status
    cdef long long sent
    cdef double started

    cdef prepare(self, Service service, Stream stream, dict scope, bint has_body)
    cpdef start(self)
    cdef wait_for_turn(self)
    cpdef turn_came(self)
    cpdef turn_away(self, bytes reason)
    cdef leave_queue(self)
    cdef give_place_up(self)
    cpdef bint waits_for_turn(self)
    cdef launch(self)
    cpdef begin(self)
    cpdef bint ended(self, error) except -1
    cpdef feed(self, bytes data)
    cpdef feed_end(self, trailers)
    cpdef disconnect(self)
    cpdef refused(self, int status, Py_ssize_t size)
    cpdef half_close(self)
    cpdef give_notice(self)
    cpdef resume_writing(self)
    cpdef tick(self, double now)
    cpdef drain(self)
    cdef next_message(self)
    cdef application_returned(self)
    cpdef send(self, message)
    cdef respond(self, status, headers, body)
    cdef bint try_send(self, data) except -1
    @cython.locals(fields=dict)
    cdef start_response(self, message)
    cdef begin_only_response(self, status, headers, bint trailers)
    @cython.locals(fields=dict)
    cdef send_body(self, message)
    cdef finish_body(self, data, bint more)
    cdef send_trailers(self, message)
    cdef send_early_hint(self, links)
    cdef out_of_turn(self, str kind)
    cdef response_complete(self)
    cdef wake(self)
    cdef answer_failure(self, int status)
    cdef log_failure(self, str what, error)
    @cython.locals(ids=RequestIds)
    cdef identify(self)
    @cython.locals(log=AccessLog)
    cdef begin_response(self, int status, headers, bint trailers)
    @cython.locals(ids=RequestIds)
    cdef identified(self, headers)
    cdef client_left(self)
    cdef log_client_left(self)
    @cython.locals(log=AccessLog, head=RequestHead, method=str, request_id=bytes, headers=list, encrypted=bint)
    cdef write_access_line(self, double seconds)
    cdef log_access(self)


@cython.locals(send=Send)
cdef Send new_send(Cycle cycle)


@cython.locals(ids=RequestIds)
cpdef identify_refusal(Service service, Cycle cycle, error)


@cython.locals(log=AccessLog)
cpdef log_refusal(Service service, dict template, error, str http_version, Py_ssize_t size)


@cython.locals(cycle=Cycle)
cpdef Cycle new_cycle(Service service, Stream stream, dict scope, RequestHead head)
