cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcpy


@cython.final
cdef class LineBuffer:
    cdef char *room
    cdef Py_ssize_t room_size
    cdef readonly Py_ssize_t length

    cdef inline int reserve(self, Py_ssize_t more) except -1:
        """Make room for so many bytes."""
        return self.grow(more) if self.length + more > self.room_size else 0

    cdef inline int add(self, const char *text, Py_ssize_t size) except -1:
        """Add bytes as they are."""
        self.reserve(size)
        memcpy(self.room + self.length, text, size)
        self.length += size
        return 0

    cdef inline int add_bytes(self, bytes text) except -1:
        """Add bytes as they are."""
        return self.add(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    cdef inline int add_line(self, LineBuffer line) except -1:
        """Add all that another buffer holds, and a line's end."""
        self.reserve(line.length + 1)
        memcpy(self.room + self.length, line.room, line.length)
        self.length += line.length + 1
        self.room[self.length - 1] = c"\n"
        return 0

    cdef int grow(self, Py_ssize_t more) except -1
    cdef int add_number(self, int64_t number) except -1
    cdef int add_decimal(self, int64_t number, int places) except -1
    cdef int add_escaped(self, const char *text, Py_ssize_t size) except -1
    cdef int add_token(self, str token) except -1
    cdef int add_escaped_bytes(self, bytes text) except -1
    cdef int add_escaped_text(self, str text) except -1
    cdef int add_json_beyond_ascii(self, bytes text) except -1
    cdef int add_json(self, const char *text, Py_ssize_t size) except -1
    cdef int add_json_bytes(self, bytes text) except -1
    cdef int add_json_text(self, str text) except -1
    cpdef put(self, bytes text)
    cpdef bytes take(self)
