cimport cython


cpdef object encoded(int kind, object value)

@cython.locals(width=Py_ssize_t, position=Py_ssize_t, size=Py_ssize_t, kind=int, values=list)
cpdef tuple row_of(bytes kinds, bytes data, Py_ssize_t at, Py_ssize_t end)

@cython.locals(number=int)
cdef object _value(int kind, bytes data, Py_ssize_t at, Py_ssize_t size)

@cython.locals(number=cython.longlong)
cdef long long _int32(bytes data, Py_ssize_t at)

@cython.locals(high=cython.longlong)
cdef long long _int64(bytes data, Py_ssize_t at)
