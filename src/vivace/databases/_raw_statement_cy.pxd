cimport cython


@cython.final
cdef class RawStatement:
    cdef readonly object plan
    cdef readonly tuple names
    cdef readonly str verb
    cdef readonly object text
    cdef frozenset _known

    cpdef tuple arguments(self, values)
    @cython.locals(arguments=tuple)
    cpdef object encoded(self, values, encoder)
