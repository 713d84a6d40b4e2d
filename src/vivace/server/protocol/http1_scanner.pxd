from vivace.server.protocol._request_head_cy cimport RequestHead


cdef enum State:
    HEAD
    BODY
    CHUNK_SIZE
    CHUNK_DATA
    CHUNK_END
    TRAILERS
    FAILED
    TAKEN_OVER


cdef class Http1Scanner:
    # limits
    cdef Py_ssize_t max_request_line
    cdef Py_ssize_t max_header_count
    cdef Py_ssize_t max_header_bytes
    cdef long long max_body_size
    cdef Py_ssize_t max_chunk_extension_bytes
    cdef Py_ssize_t max_trailer_count
    cdef Py_ssize_t max_trailer_bytes

    # unread bytes: buffer[position:]. The offsets below count from `position`: how far the end of the lines was looked
    # for, where the last line seen begins, and where the header lines do (0 while the request line is incomplete);
    # `lines` is how many of these there are
    cdef bytes buffer
    cdef Py_ssize_t position
    cdef Py_ssize_t searched
    cdef Py_ssize_t line_start
    cdef Py_ssize_t header_start
    cdef Py_ssize_t lines
    cdef bint empty_line_skipped

    # where we are in the message
    cdef State state
    cdef long long remaining
    cdef long long body_size
    cdef Py_ssize_t extension_bytes
    cdef readonly list trailers

    cpdef bint between_messages(self) noexcept
    cpdef feed(self, bytes data)
    cpdef next_event(self)
    cpdef bytes take_rest(self)

    cdef void consume(self, Py_ssize_t size) noexcept
    cdef bytes take(self, Py_ssize_t size)
    cdef Py_ssize_t find_end(self, bint in_head) except -2
    cdef scan_head(self)
    cdef int scan_headers(self, RequestHead head, const unsigned char *p, const unsigned char *end) except -1
    cdef list new_fields(self, Py_ssize_t limit, str refusal)
    cdef int begin_body(self, RequestHead head, long long length, bytes codings) except -1
    cdef scan_body(self)
    cdef scan_chunk_size(self)
    cdef scan_chunk_data(self)
    cdef scan_chunk_end(self)
    cdef scan_trailers(self)
