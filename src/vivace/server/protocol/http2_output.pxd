from libc.stdint cimport uint32_t

from vivace.server.protocol._request_head_cy cimport RequestHead
from vivace.server.protocol.hpack_encoder cimport HpackEncoder


cdef enum FrameType:
    DATA
    HEADERS
    PRIORITY_FRAME
    RST_STREAM
    SETTINGS
    PUSH_PROMISE
    PING
    GOAWAY
    WINDOW_UPDATE
    CONTINUATION
    PRIORITY_UPDATE = 16


cdef enum FrameFlag:
    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8
    WITH_PRIORITY = 32


cdef class Http2Stream:
    cdef readonly uint32_t id
    cdef readonly RequestHead head
    cdef readonly str scheme
    cdef readonly str protocol
    cdef readonly int urgency
    cdef readonly bint incremental
    cdef readonly list trailers
    cdef readonly bint closed
    cdef public object owner

    # the request: windows in bytes, body bytes not consumed yet, and consumed ones the client does not know of
    cdef bint request_complete
    cdef readonly long long receive_window
    cdef long long unconsumed
    cdef long long uncredited
    cdef readonly long long body_size

    # the response: the head until its first piece of body, then pieces that wait for windows or their turn
    cdef list response_head
    cdef int status
    cdef long long expected
    cdef readonly long long sent
    cdef readonly bint begun
    cdef readonly bint complete
    cdef readonly long long send_window
    cdef object pieces
    cdef Py_ssize_t piece_position
    cdef readonly Py_ssize_t unsent
    cdef list response_trailers
    cdef bint response_closed
    cdef bint queued
    cdef int queue

    cdef bint forbids_body(self) noexcept


cdef class ResponseHead:
    cdef int status
    cdef list given
    cdef tuple date
    cdef list fields
    cdef long long expected

    # the encoded fields, as long as the encoder's tables do not change
    cdef bytes block
    cdef unsigned long changes

    cdef bint matches(self, int status, list given, tuple date) except -1


cdef class Http2Output:
    # bytes for the socket
    cdef unsigned char *out
    cdef readonly Py_ssize_t length
    cdef Py_ssize_t room

    cdef HpackEncoder encoder
    cdef ResponseHead last_head
    cdef bytes server_value
    cdef bint writes_date
    cdef list defaults

    # what the client allows
    cdef readonly long long send_window
    cdef Py_ssize_t max_frame_size
    cdef readonly long long max_header_list

    # streams that have data and a window: a queue for each urgency
    cdef list queues
    cdef readonly Py_ssize_t queued_streams
    cdef Py_ssize_t data_frames
    cdef readonly long long data_sent
    cdef public bint held

    cdef int need(self, Py_ssize_t size) except -1
    cdef int frame(self, Py_ssize_t size, int kind, int flags, uint32_t stream_id) except -1
    cdef int write_number(self, uint32_t number) except -1
    cdef int write_reset(self, uint32_t stream_id, uint32_t code) except -1
    cdef int write_window_update(self, uint32_t stream_id, uint32_t size) except -1
    cdef int write_headers(self, uint32_t stream_id, int status, list fields, bint end) except -1
    cdef int write_head(self, Http2Stream stream, bint end) except -1
    cdef int write_data(self, Http2Stream stream, const unsigned char *data, Py_ssize_t size, bint end) except -1
    cdef int write_piece(self, Http2Stream stream) except -1
    cdef int end_response(self, Http2Stream stream) except -1
    cdef int enqueue(self, Http2Stream stream) except -1
    cdef int dequeue(self, Http2Stream stream) except -1
    cdef int flush(self, Py_ssize_t size) except -1
    cdef int response_closed(self, Http2Stream stream) except -1

    cpdef start(self, Http2Stream stream, int status, headers)
    cpdef announce(self, Http2Stream stream, long long size)
    cpdef body(self, Http2Stream stream, data, bint more)
    cpdef trailers(self, Http2Stream stream, headers)
    cpdef inform(self, Http2Stream stream, int status, headers)
    cpdef bytes take(self, Py_ssize_t size=*)
