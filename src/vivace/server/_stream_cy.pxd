cdef class Stream:
    cdef public object app
    cdef public int wire
    cdef public bint encrypted
    cdef public bint write_paused
    cdef public bint response_begun

    cpdef start_response(self, int status, headers, bint trailers)
    cpdef send_body(self, data, bint more)
    cpdef send_trailers(self, headers)
    cpdef send_informational(self, int status, headers)
    cpdef want_body(self)
    cpdef consumed(self, Py_ssize_t size)
    cpdef abort(self)

    cpdef accept(self, handshake, subprotocol, headers)
    cpdef send_data(self, data)
    cpdef end_data(self)
    cpdef pause_data(self)
    cpdef resume_data(self)
