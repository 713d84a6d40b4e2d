cimport cython


@cython.final
cdef class Column:
    cdef readonly Py_ssize_t position
    cdef readonly str name
    cdef readonly str key
    cdef readonly str field
    cdef readonly str shown
    cdef readonly object exact
    cdef readonly object convert
    cdef readonly bint nullable
    cdef readonly object process
    cdef readonly bint takes_all

    cdef bint keeps(self, raw) noexcept
    cpdef value(self, raw, Py_ssize_t number)


@cython.final
cdef class RowDecoder:
    cdef readonly list columns
    cdef readonly object make
    cdef readonly bint named

    @cython.locals(made=list, number=Py_ssize_t)
    cpdef list rows(self, rows, Py_ssize_t first=*)
    @cython.locals(values=list, column=Column)
    cpdef row(self, row, Py_ssize_t number=*)
    @cython.locals(fields=dict, column=Column)
    cdef _of_fields(self, row, Py_ssize_t number)
