from cpython.object cimport PyObject
from libc.stdint cimport uint32_t


cdef enum Opcode:
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


cdef class WebSocketReader:
    # limits
    cdef long long max_message_size
    cdef long long max_frame_size

    # unread bytes: buffer[position:]
    cdef bytes buffer
    cdef Py_ssize_t position
    cdef bint failed

    # the data frame being read: `remaining` is -1 between frames
    cdef bint final
    cdef long long remaining
    cdef uint32_t mask

    # the message being read: its opcode, or 0 between messages; its size on the wire, and its text's UTF-8 so far:
    # how many bytes the character at the end lacks and the range of the next one
    cdef int opcode
    cdef bint compressed
    cdef long long wire_size
    cdef int utf8_missing
    cdef unsigned char utf8_lowest
    cdef unsigned char utf8_highest

    # its payload: the first `size` bytes of a bytes object that nobody else has, or NULL
    cdef PyObject *payload
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity

    cdef object inflater

    cpdef feed(self, bytes data)
    cpdef next_event(self)

    cdef read_frame(self)
    cdef int check_start(self, int first, int second) except -1
    cdef int check_size(self, int opcode, bint compressed, long long size) except -1
    cdef read_control(self, int opcode, Py_ssize_t size, uint32_t mask)
    cdef read_whole_message(self, Py_ssize_t size, uint32_t mask)
    cdef read_payload(self)
    cdef int take_compressed(self, bytes piece, bint last) except -1
    cdef finish_message(self)
    cdef void forget_message(self) noexcept
    cdef unsigned char *make_room(self, Py_ssize_t size, long long expected) except NULL
    cdef int check_text(self, const unsigned char *start, Py_ssize_t size) except -1
