cimport cython
from vivace.server.logging.access_facts cimport AccessFacts, ClientTexts
from vivace.server.logging.line_buffer cimport LineBuffer


@cython.final
cdef class Stamp:
    cdef object render
    cdef long long second
    cdef int millisecond
    cdef bytes text

    cdef bytes current(self)


cdef class LineForm:
    cdef readonly bint wants_response_headers

    cdef int write(self, LineBuffer out, AccessFacts facts) except -1


@cython.final
cdef class TextForm(LineForm):
    cdef Stamp stamp
    cdef list statuses


@cython.final
cdef class JsonForm(LineForm):
    cdef Stamp stamp
    cdef ClientTexts clients
    cdef list statuses
    cdef bytes end

    cdef int add_text(self, LineBuffer out, bytes name, bytes value) except -1
