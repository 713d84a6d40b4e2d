from vivace.server.counters cimport Counters


cdef class Admission:
    cdef object loop
    cdef Counters counters
    cdef Py_ssize_t places
    cdef Py_ssize_t taken
    cdef Py_ssize_t longest_queue
    cdef double patience
    # who waits, with the service's time by which its patience ends and the loop's at which it began
    cdef object queue
    cdef bint turn_due
    cdef bint stopped

    cpdef bint enter(self) except -1
    cpdef bint wait(self, request, double now) except -1
    cpdef leave(self, request)
    cpdef release(self)
    cdef call_next_soon(self)
    cpdef call_next(self)
    cpdef tick(self, double now)
    cpdef stop(self)
