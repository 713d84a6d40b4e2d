from vivace.databases.backends.sqlite._turns_cy cimport Turns


cdef class InlineConnection:
    cdef object _loop
    cdef object _connection
    cdef double _deadline
    cdef bint _is_long
    cdef public Turns turns

    cpdef attempt(self, operation, plan, args)
    cdef bint _takes(self, plan) except -1
    cdef _run(self, operation, plan, args)
    cdef _spend(self, plan, double spent)


cdef class InlineReader(InlineConnection):
    cdef object _cursor
    cdef object _anchor
    cdef Py_ssize_t _reads

    cpdef _new_turn(self)


cdef class InlineWriter(InlineConnection):
    cdef Py_ssize_t _writes
    cdef Py_ssize_t _turn
    cdef object _task
