cimport cython

cdef dict _lengths

cdef tuple content_length(Py_ssize_t size)

@cython.locals(raw=list, has_length=bint, has_type=bint)
cpdef list first_headers(headers, body, status_code, media_type, charset)
