cdef class HpackEncoder:
    # the dynamic table: the oldest entry first, and where each (name, value) and name was inserted, counted from 0
    cdef object entries
    cdef dict by_field
    cdef dict by_name
    cdef Py_ssize_t inserted
    cdef unsigned long changes
    cdef readonly Py_ssize_t table_size
    cdef Py_ssize_t allowed_size

    # table sizes that the next block must announce, or -1
    cdef Py_ssize_t smallest_change
    cdef Py_ssize_t last_change

    cpdef set_table_size(self, Py_ssize_t size)
    cpdef bytes encode(self, headers)

    cdef Py_ssize_t write_size_changes(self, unsigned char *out) noexcept
    cdef Py_ssize_t write_field(self, tuple field, unsigned char *out) except -1
    cdef insert(self, tuple field, Py_ssize_t size)
    cdef evict(self, Py_ssize_t size)


cdef enum:
    # What `write_field` may need beyond the field's own bytes, and `write_size_changes` in all.
    FIELD_ROOM = 16
    CHANGES_ROOM = 16
