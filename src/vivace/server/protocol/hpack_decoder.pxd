cdef class HpackDecoder:
    cdef Py_ssize_t max_list_size
    cdef Py_ssize_t max_count

    # the dynamic table: a ring of (name, value), the newest at `newest`, and what each means to a request
    cdef Py_ssize_t max_table_size
    cdef Py_ssize_t allowed_size
    cdef readonly Py_ssize_t table_size
    cdef Py_ssize_t capacity
    cdef Py_ssize_t newest
    cdef readonly Py_ssize_t table_count
    cdef list ring
    cdef unsigned char *ring_kinds

    # the kinds (field_kinds.FieldKind) of the fields that `decode` last returned
    cdef unsigned char *kinds
    cdef Py_ssize_t kinds_room

    cpdef list decode(self, bytes block)

    cdef list decode_block(self, const unsigned char *p, const unsigned char *end)
    cdef int insert(self, tuple field, unsigned char kind) except -1
    cdef void evict(self, Py_ssize_t size)
    cdef int change_size(self, Py_ssize_t size) except -1
    cdef int make_room(self, Py_ssize_t count) except -1
