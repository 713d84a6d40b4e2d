cdef class Http1Writer:
    cdef bytes server_line
    cdef bint writes_date

    # the current response
    cdef bytes head
    cdef int status
    cdef bint is_head
    cdef bint is_http_10
    cdef bint chunked
    cdef long long expected
    cdef long long sent
    cdef readonly bint begun
    cdef readonly bint complete
    cdef public bint keep_alive

    cpdef begin(self, str method, str http_version, bint keep_alive)
    cpdef start(self, int status, headers)
    cpdef body(self, data, bint more)
    cpdef error(self, int status, str reason)

    cdef Py_ssize_t write_head(self, Py_ssize_t size, bint more) except -1
    cdef bint forbids_body(self) noexcept
