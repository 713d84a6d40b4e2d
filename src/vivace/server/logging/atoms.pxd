cimport cython
from vivace.server.logging.access_facts cimport AccessFacts
from vivace.server.logging.line_buffer cimport LineBuffer
from vivace.server.logging.line_forms cimport LineForm, Stamp


@cython.final
cdef class AtomForm(LineForm):
    cdef list pieces
    cdef Stamp stamp

    cdef int write_atom(self, LineBuffer out, int kind, bytes name, AccessFacts facts) except -1
    cdef int write_request(self, LineBuffer out, int kind, bytes name, AccessFacts facts) except -1


@cython.final
cdef class Piece:
    cdef int kind
    cdef bytes text
