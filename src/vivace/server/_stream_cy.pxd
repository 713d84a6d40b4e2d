cdef class Stream:
    cdef public bint write_paused
    cdef public bint response_begun

    cpdef start_response(self, int status, headers)
    cpdef send_body(self, data, bint more)
    cpdef want_body(self)
    cpdef abort(self)
