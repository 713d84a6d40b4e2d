from libc.stdint cimport int64_t, uint64_t

from vivace.server.logging.access_facts cimport AccessFacts
from vivace.server.logging.line_buffer cimport LineBuffer
from vivace.server.logging.line_forms cimport LineForm
from vivace.server.protocol._request_head_cy cimport RequestHead


cdef class AccessLog:
    cdef LineForm form
    cdef readonly bint wants_response_headers
    cdef readonly bint is_formatted
    cdef object loop
    cdef AccessFacts facts
    cdef LineBuffer line

    # where lines go until they are written; None: to the logging module
    cdef object output
    cdef LineBuffer pending
    cdef bint is_due

    # sampling: a line is written when `ticket` is not above the part
    cdef bint is_sampled
    cdef uint64_t part
    cdef uint64_t ticket

    cpdef response(
        self, dict scope, str method, int status, int64_t size, double seconds, bytes request_id=*,
        list response_headers=*, int close_code=*, RequestHead head=*, bint encrypted=*
    )
    cdef bint is_left_out(self, int status, int close_code) noexcept
    cdef write(self)
    cdef write_line(self)
    cdef compose(self)
