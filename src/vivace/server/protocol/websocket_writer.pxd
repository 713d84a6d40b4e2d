cpdef bint is_close_code(long long code) noexcept


cdef class WebSocketWriter:
    cdef object deflater
    cdef Py_ssize_t minimum_size

    cpdef text(self, data)
    cpdef binary(self, data)
    cpdef bytes ping(self, bytes payload)
    cpdef bytes pong(self, bytes payload)
    cpdef bytes close(self, code, str reason)

    cdef message(self, int opcode, bytes data)
