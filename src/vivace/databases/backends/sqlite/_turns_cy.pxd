cdef class Turns:
    cdef object _loop
    cdef object _new_turn
    cdef object _line
    cdef bint _is_scheduled
    cdef object _used_up_by
    cdef public double allowance
    cdef public double left
    cdef public Py_ssize_t number

    cpdef use(self)
    cpdef used_up(self)
    cpdef bint renewed(self) except -1
    cpdef _begin(self)
