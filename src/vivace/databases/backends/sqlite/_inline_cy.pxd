from vivace.databases.backends.sqlite._turns_cy cimport Turns


cdef class InlineReader:
    cdef object _loop
    cdef object _connection
    cdef object _cursor
    cdef object _anchor
    cdef Py_ssize_t _reads
    cdef double _deadline
    cdef bint _is_long
    cdef public Turns turns

    cpdef attempt(self, operation, plan, args)
    cdef _read(self, operation, plan, args)
    cdef _spend(self, plan, double spent)
    cpdef _new_turn(self)
