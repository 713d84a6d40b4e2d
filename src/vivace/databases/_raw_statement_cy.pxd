cimport cython


@cython.final
cdef class RawStatement:
    cdef readonly object plan
    cdef readonly tuple names
    cdef readonly str verb
    cdef readonly object text
    cdef frozenset _known
    cdef object _pick

    cpdef tuple arguments(self, values)
    @cython.locals(arguments=tuple)
    cpdef object encoded(self, values, encoder)
    cpdef list encoded_rows(self, rows, encoder)
