cdef class Http1Writer:
    cdef bytes server_line
    cdef bint writes_date
    # headers of every response that has none of that name: name and line of each; None for no such headers
    cdef list defaults

    # the request
    cdef bint is_head
    cdef bint is_http_10

    # the current response: its head until it is written, what it announced and what came of it
    cdef bytes head
    cdef int status
    cdef bint upgrades
    cdef bint with_trailers
    cdef bint chunked
    cdef long long expected
    cdef long long sent
    cdef readonly bint begun
    cdef readonly bint complete
    cdef public bint keep_alive

    cpdef begin(self, str method, str http_version, bint keep_alive)
    cpdef start(self, int status, headers, bint trailers=*)
    cpdef body(self, data, bint more)
    cpdef bytes trailers(self, headers)
    cpdef bytes file(self, long long size)
    cpdef bytes inform(self, int status, headers)
    cpdef bytes error(self, int status, str reason, headers=*)

    cdef bint forbids_body(self) noexcept
    cdef bint sends_trailers(self) noexcept
    cdef int check_pending(self) except -1
    cdef int announce(self, bytes length) except -1
    cdef int count(self, Py_ssize_t size, bint more) except -1
    cdef Py_ssize_t append_defaults(self, Py_ssize_t length, list fields) except -1
    cdef Py_ssize_t write_head(self, long long size, bint more) except -1
