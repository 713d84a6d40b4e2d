from libc.stdint cimport uint32_t

from vivace.server.protocol.http2_budget cimport Budget
from vivace.server.protocol.http2_output cimport Http2Output, Http2Stream


# How a stream came to its end, which decides what more frames on it mean (RFC 9113 5.1).
cdef enum Ending:
    FORGOTTEN
    COMPLETE
    RESET_BY_CLIENT
    RESET_BY_US


cdef enum:
    # How many closed streams we tell from ones that never were.
    REMEMBERED_STREAMS = 256


cdef failed(code, str reason)


cdef class Http2Streams(Http2Output):
    # limits
    cdef Py_ssize_t max_header_count
    cdef long long max_body_size
    cdef long long stream_window
    cdef long long connection_window
    cdef Budget resets

    cdef readonly object failure
    cdef object events

    # None, or gives a refused request its id: `identify_refusal(error)` puts it into the error's headers
    cdef public object request_ids

    # open streams; the ends of the last that closed, as number and ending; priorities of streams to come
    cdef readonly dict streams
    cdef uint32_t closed[REMEMBERED_STREAMS]
    cdef uint32_t closed_count
    cdef dict early_priorities
    cdef readonly uint32_t last_stream

    # windows
    cdef long long initial_send_window
    cdef readonly long long receive_window
    cdef long long uncredited

    # no more streams are wanted; no more will be taken
    cdef bint draining
    cdef bint drained

    cpdef consumed(self, Http2Stream stream, Py_ssize_t size)
    cpdef refuse_request(self, Http2Stream stream, error)
    cpdef reset(self, Http2Stream stream, uint32_t code)

    cdef bint is_idle(self, uint32_t stream_id) noexcept
    cdef int open_stream(self, uint32_t stream_id, list fields, const unsigned char *kinds, bint ended) except -1
    cdef int end_with_trailers(self, Http2Stream stream, list fields, const unsigned char *kinds,
                               bint ended) except -1
    cdef int credit(self, long long size) except -1
    cdef int change_windows(self, long long size) except -1
    cdef int end_request(self, Http2Stream stream) except -1
    cdef int end_requests(self) except -1
    cdef int refuse(self, Http2Stream stream, error, bint without_body) except -1
    cdef int answer_error(self, Http2Stream stream, error, bint without_body) except -1
    cdef int fail_stream(self, Http2Stream stream, uint32_t stream_id, error) except -1
    cdef int close_stream(self, Http2Stream stream, Ending how) except -1
    cdef int remember_closed(self, uint32_t stream_id, Ending how) noexcept
    cdef Ending ending_of(self, uint32_t stream_id) noexcept
