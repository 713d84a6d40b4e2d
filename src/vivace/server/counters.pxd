cpdef double clock() noexcept
cdef double wall_clock() noexcept


cdef class Histogram:
    cdef Py_ssize_t size
    cdef double[32] bounds
    cdef long long[33] counts
    cdef double total

    cpdef int observe(self, double value) except -1


cdef class Counters:
    # responses by protocol and status, and all of them
    cdef long long[3][1000] statuses
    cdef readonly long long requests

    # seconds: what responses took, by protocol, what requests waited for their turn, and how late the event loop was
    cdef readonly Histogram http1_durations
    cdef readonly Histogram http2_durations
    cdef readonly Histogram waits
    cdef readonly Histogram loop_lags

    cdef public long long abandoned
    cdef public long long bytes_received
    cdef public long long bytes_sent
    cdef public long long messages_received
    cdef public long long messages_sent
    cdef public long long open_websockets

    # by protocol and whether there is TLS: now, and in all
    cdef long long[3][2] open_now
    cdef long long[3][2] opened

    # what nobody worked on, by reason
    cdef readonly dict refused

    cpdef int answered(self, int wire, int status) except -1
    cpdef int took(self, int wire, double seconds) except -1
    cpdef int connection_opened(self, int wire, bint encrypted) except -1
    cpdef int connection_closed(self, int wire, bint encrypted) except -1
    cpdef int refuse(self, str reason) except -1
