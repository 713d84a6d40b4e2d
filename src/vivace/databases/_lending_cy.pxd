cdef class Lending:
    cdef object _is_closed
    cdef object _needs_cleaning
    cdef readonly double _check_after
    cdef public list _free
    cdef public object _waiters
    cdef public bint _is_closing
    cdef public Py_ssize_t _acquired

    cpdef _put_back(self, lease)
    cpdef _hand_over(self, lease)
    cpdef _hold(self, lease)
