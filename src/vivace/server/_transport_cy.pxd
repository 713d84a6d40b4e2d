cimport cython

from vivace.server._service_cy cimport Service
from vivace.server.counters cimport Counters


cdef class ClientTransport:
    cdef Service service
    cdef readonly object transport
    cdef readonly bint encrypted
    cdef readonly bint paused
    cdef readonly bint read_paused
    cdef public bint eof_seen
    cdef public bint ending
    cdef bint lingering
    cdef double lingers_until

    # what is held to be written together
    cdef bint corked
    cdef bytes held
    cdef list held_behind
    cdef Py_ssize_t held_size

    # bytes written in all, how many of them the client had taken when we last looked, and when we look again
    cdef long long written
    cdef long long taken_before
    cdef object transfer
    cdef double deadline

    cpdef write(self, data)
    @cython.locals(size=cython.Py_ssize_t)
    cdef write_piece(self, bytes data)
    cpdef cork(self)
    cpdef uncork(self)
    cpdef Py_ssize_t unsent(self) except -1
    cpdef pause_until_flushed(self)
    cpdef pause_reading(self)
    cpdef resume_reading(self)
    cpdef writing_paused(self)
    cpdef writing_resumed(self)
    cpdef expect_progress(self, double seconds)
    cpdef tick(self, double now)
    cpdef end(self, bint linger)
    cpdef close_if_flushed(self, double time)
    cpdef bint has_unread(self) except -1
    cdef leave(self)
    cpdef abort(self)
    cpdef lost(self)
    cpdef take_away(self)
