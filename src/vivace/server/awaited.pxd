cdef class Awaited:
    cdef public object outcome
    cdef readonly object future
    cdef bint is_over

    cpdef advance(self)
    cdef step(self)
