cdef class TrackedSend:
    cdef readonly object send
    cdef readonly bint response_started


cpdef tracked(send)
