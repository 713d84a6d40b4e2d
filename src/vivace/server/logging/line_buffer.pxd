from libc.stdint cimport int64_t


cdef class LineBuffer:
    cdef char *room
    cdef Py_ssize_t room_size
    cdef readonly Py_ssize_t length

    cdef int reserve(self, Py_ssize_t more) except -1
    cdef int add(self, const char *text, Py_ssize_t size) except -1
    cdef int add_bytes(self, bytes text) except -1
    cdef int add_number(self, int64_t number) except -1
    cdef int add_decimal(self, int64_t number, int places) except -1
    cdef int add_escaped(self, const char *text, Py_ssize_t size) except -1
    cdef int add_escaped_bytes(self, bytes text) except -1
    cdef int add_escaped_text(self, str text) except -1
    cdef int add_json_beyond_ascii(self, bytes text) except -1
    cdef int add_json(self, const char *text, Py_ssize_t size) except -1
    cdef int add_json_bytes(self, bytes text) except -1
    cdef int add_json_text(self, str text) except -1
    cpdef put(self, bytes text)
    cpdef bytes take(self)
