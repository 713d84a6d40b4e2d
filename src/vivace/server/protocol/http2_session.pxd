from libc.stdint cimport uint32_t

from vivace.server.protocol.hpack_decoder cimport HpackDecoder
from vivace.server.protocol.http2_budget cimport Budget
from vivace.server.protocol.http2_streams cimport Http2Streams


cdef class Http2Session(Http2Streams):
    # limits
    cdef Py_ssize_t max_streams
    cdef Py_ssize_t max_continuations
    cdef Py_ssize_t max_header_block

    cdef Budget controls

    # unread bytes: buffer[position:]
    cdef bytes buffer
    cdef Py_ssize_t position
    cdef bint preface_seen
    cdef readonly bint settings_seen
    cdef readonly bint settings_acknowledged
    cdef readonly long long frames_read

    # a header block that goes on in CONTINUATION frames
    cdef HpackDecoder decoder
    cdef bytearray block
    cdef readonly uint32_t block_stream
    cdef int block_flags
    cdef bint block_depends_on_itself
    cdef Py_ssize_t continuations

    cdef bint eof

    cpdef feed(self, bytes data)
    cpdef feed_eof(self)
    cpdef next_event(self)
    cpdef drain(self)
    cpdef ping(self)
    cdef int write_ping(self, bytes payload) except -1
    cpdef close(self, uint32_t code=*, reason=*)

    cdef bint read_preface(self) except -1
    cdef bint read_frame(self) except -1
    cdef int dispatch(self, int kind, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int spend_control(self) except -1
    cdef int read_data(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_headers(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_continuation(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_block(self, int flags, uint32_t stream_id, bint on_itself,
                        const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_priority(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_priority_update(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_reset(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_settings(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_ping(self, int flags, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int read_goaway(self, uint32_t stream_id, Py_ssize_t size) except -1
    cdef int read_window_update(self, uint32_t stream_id, const unsigned char *p, Py_ssize_t size) except -1
    cdef int write_goaway(self, uint32_t last_stream, uint32_t code, bytes reason) except -1
