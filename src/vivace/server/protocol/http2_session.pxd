from libc.stdint cimport uint32_t

from vivace.server.protocol.hpack_decoder cimport HpackDecoder
from vivace.server.protocol.http2_output cimport Http2Output, Http2Stream


cdef class Http2Session(Http2Output):
    # limits
    cdef Py_ssize_t max_streams
    cdef long long max_body_size
    cdef long long stream_window
    cdef long long connection_window
    cdef Py_ssize_t max_continuations
    cdef Py_ssize_t max_header_block
    cdef Py_ssize_t reset_budget
    cdef Py_ssize_t control_budget

    # what is left of the budgets, and when they were last filled up
    cdef object clock
    cdef double resets_left
    cdef double control_left
    cdef double resets_time
    cdef double control_time

    # unread bytes: buffer[position:]
    cdef bytes buffer
    cdef Py_ssize_t position
    cdef bint preface_seen
    cdef readonly bint settings_seen
    cdef readonly bint settings_acknowledged
    cdef readonly long long frames_read
    cdef readonly object failure
    cdef object events

    # a header block that goes on in CONTINUATION frames
    cdef HpackDecoder decoder
    cdef bytearray block
    cdef readonly uint32_t block_stream
    cdef int block_flags
    cdef bint block_depends_on_itself
    cdef Py_ssize_t continuations

    # streams
    cdef readonly dict streams
    cdef dict closed_streams
    cdef dict early_priorities
    cdef readonly uint32_t last_stream
    cdef long long initial_send_window
    cdef readonly long long receive_window
    cdef long long uncredited
    cdef bint draining
    cdef bint drained
    cdef bint eof

    cpdef feed(self, bytes data)
    cpdef feed_eof(self)
    cpdef next_event(self)
    cpdef consumed(self, Http2Stream stream, Py_ssize_t size)
    cpdef refuse_request(self, Http2Stream stream, error)
    cpdef reset(self, Http2Stream stream, uint32_t code)
    cpdef drain(self)
    cpdef close(self, uint32_t code=*, reason=*)

    cdef bint read_preface(self) except -1
    cdef bint read_frame(self) except -1
    cdef int dispatch(self, int kind, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int spend_control(self) except -1
    cdef int spend_reset(self) except -1
    cdef int read_data(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_headers(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_continuation(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_block(self, int flags, uint32_t stream_id, bint on_itself,
                        const unsigned char *p, Py_ssize_t size) except -1
    cdef int open_stream(self, uint32_t stream_id, list fields, bint ended) except -1
    cdef int read_trailers(self, Http2Stream stream, list fields, bint ended) except -1
    cdef int read_priority(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_priority_update(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_reset(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_settings(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int change_windows(self, long long size) except -1
    cdef int read_ping(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_goaway(self, uint32_t stream_id, Py_ssize_t size) except -1
    cdef int read_window_update(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int write_goaway(self, uint32_t last_stream, uint32_t code, bytes reason) except -1
    cdef int credit(self, long long size) except -1
    cdef int end_request(self, Http2Stream stream) except -1
    cdef int end_requests(self) except -1
    cdef int refuse(self, Http2Stream stream, error, bint without_body) except -1
    cdef int answer_error(self, Http2Stream stream, error, bint without_body) except -1
    cdef int fail_stream(self, Http2Stream stream, uint32_t stream_id, error) except -1
    cdef int close_stream(self, Http2Stream stream, int how) except -1
    cdef int remember_closed(self, uint32_t stream_id, int how) except -1
    cdef bint is_idle(self, uint32_t stream_id) noexcept
