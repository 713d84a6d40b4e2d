# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Header blocks into lists of fields (RFC 7541).

A field that a table holds costs no allocation: the list gets the table's own tuple. Its meaning to a request
(`field_kinds`) is kept beside it, so what was checked when it entered the table is not checked again.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc

from vivace.server.protocol.field_kinds cimport field_kind
from vivace.server.protocol.hpack_huffman cimport decode_huffman

from vivace.server.protocol.hpack_tables import STATIC_TABLE as _STATIC_TABLE
from vivace.server.protocol.hpack_tables import HpackError

cdef enum:
    STATIC_COUNT = 61
    # RFC 7541 4.1: what an entry counts beyond its strings.
    OVERHEAD = 32
    # No size or index of ours comes near; a larger integer is an attack on somebody's overflow.
    LARGEST_INTEGER = 1 << 28

cdef tuple STATIC_TABLE = _STATIC_TABLE
cdef unsigned char[STATIC_COUNT] STATIC_KINDS


cdef void fill_static_kinds():
    cdef int at
    for at in range(STATIC_COUNT):
        STATIC_KINDS[at] = field_kind(STATIC_TABLE[at][0], STATIC_TABLE[at][1])


fill_static_kinds()


cdef struct Cursor:
    const unsigned char *p
    const unsigned char *end


cdef Py_ssize_t read_integer(Cursor *cursor, int prefix) except -1:
    """RFC 7541 5.1: an integer whose first `prefix` bits are in the current byte."""
    cdef Py_ssize_t mask = (1 << prefix) - 1
    cdef Py_ssize_t value = cursor.p[0] & mask
    cdef int shift = 0
    cdef unsigned char c
    cursor.p += 1
    if value < mask:
        return value
    while True:
        if cursor.p == cursor.end:
            raise HpackError("the header block ends inside an integer")
        c = cursor.p[0]
        cursor.p += 1
        # Zeros may pad an integer to any length; ours take at most five bytes.
        if shift > 28:
            raise HpackError("an integer is too long")
        value += <Py_ssize_t>(c & 127) << shift
        if value > LARGEST_INTEGER:
            raise HpackError("an integer is too large")
        if c < 128:
            return value
        shift += 7


cdef bytes read_string(Cursor *cursor):
    """RFC 7541 5.2: a length and the bytes themselves or their Huffman code."""
    cdef bint huffman
    cdef Py_ssize_t size
    cdef const unsigned char *start
    if cursor.p == cursor.end:
        raise HpackError("the header block ends before a string")
    huffman = cursor.p[0] & 128
    size = read_integer(cursor, 7)
    start = cursor.p
    if size > cursor.end - start:
        raise HpackError("the header block ends inside a string")
    cursor.p += size
    if huffman:
        return decode_huffman(start, size)
    return PyBytes_FromStringAndSize(<const char *>start, size)


cdef inline Py_ssize_t field_size(tuple field) noexcept:
    return PyBytes_GET_SIZE(field[0]) + PyBytes_GET_SIZE(field[1]) + OVERHEAD


cdef class HpackDecoder:
    """The header blocks of one direction of a connection, in order. HpackError for anything RFC 7541 forbids; after
    one the tables of the two sides differ and no other block can be read.

    A list is at most `max_list_size` bytes, counted as RFC 9113 6.5.2 does, and `max_count` fields. `max_table_size` is
    what we allow the other side's encoder (SETTINGS_HEADER_TABLE_SIZE).
    """

    def __cinit__(self, Py_ssize_t max_list_size, Py_ssize_t max_count=1000, Py_ssize_t max_table_size=4096):
        self.max_list_size = max_list_size
        self.max_count = max_count
        self.max_table_size = self.allowed_size = max_table_size
        self.capacity = max_table_size // OVERHEAD + 1
        self.ring = []
        self.ring_kinds = <unsigned char *>PyMem_Malloc(self.capacity)
        self.kinds_room = 32
        self.kinds = <unsigned char *>PyMem_Malloc(self.kinds_room)
        if self.ring_kinds == NULL or self.kinds == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.ring_kinds)
        PyMem_Free(self.kinds)

    cpdef list decode(self, bytes block):
        """The fields of a block, or None when they exceed a limit (the tables stay in step all the same)."""
        cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(block)
        return self.decode_block(p, p + PyBytes_GET_SIZE(block))

    cdef list decode_block(self, const unsigned char *p, const unsigned char *end):
        cdef Cursor cursor
        cdef list fields = []
        cdef tuple field
        cdef bytes name
        cdef Py_ssize_t index, at, count = 0, list_size = 0
        cdef bint indexed, over = False
        cdef unsigned char c, kind
        cursor.p = p
        cursor.end = end
        while cursor.p < end:
            c = cursor.p[0]
            if c & 0xE0 == 0x20:
                # RFC 7541 4.2: only at the beginning of a block.
                if count > 0:
                    raise HpackError("a table size update between fields")
                self.change_size(read_integer(&cursor, 5))
                continue
            indexed = c & 128
            index = read_integer(&cursor, 7 if indexed else 6 if c & 64 else 4)
            field = None
            kind = 0
            if index > STATIC_COUNT:
                if index - STATIC_COUNT > self.table_count:
                    raise HpackError("an index is beyond the tables")
                at = self.newest - (index - STATIC_COUNT - 1)
                if at < 0:
                    at += self.capacity
                field = self.ring[at]
                kind = self.ring_kinds[at]
            elif index > 0:
                field = STATIC_TABLE[index - 1]
                kind = STATIC_KINDS[index - 1]
            elif indexed:
                raise HpackError("an index is zero")
            if not indexed:
                name = read_string(&cursor) if field is None else field[0]
                field = (name, read_string(&cursor))
                kind = field_kind(name, <bytes>field[1])
                if c & 64:
                    self.insert(field, kind)
            count += 1
            list_size += field_size(field)
            if list_size > self.max_list_size or count > self.max_count:
                over = True
                fields = None
            if not over:
                if count > self.kinds_room:
                    self.make_room(count)
                self.kinds[count - 1] = kind
                fields.append(field)
        return fields

    cdef int insert(self, tuple field, unsigned char kind) except -1:
        cdef Py_ssize_t size = field_size(field)
        # RFC 7541 4.4: an entry larger than the table empties it.
        self.evict(self.allowed_size - size)
        if size > self.allowed_size:
            return 0
        self.newest += 1
        if self.newest == self.capacity:
            self.newest = 0
        if self.newest == len(self.ring):
            self.ring.append(field)
        elif len(self.ring) == 0:
            self.newest = 0
            self.ring.append(field)
        else:
            self.ring[self.newest] = field
        self.ring_kinds[self.newest] = kind
        self.table_count += 1
        self.table_size += size
        return 0

    cdef void evict(self, Py_ssize_t size):
        """Drop the oldest entries until `size` bytes or fewer, or nothing, remain."""
        cdef Py_ssize_t at
        while self.table_size > size and self.table_count > 0:
            at = self.newest - self.table_count + 1
            if at < 0:
                at += self.capacity
            self.table_size -= field_size(<tuple>self.ring[at])
            self.ring[at] = None
            self.table_count -= 1

    cdef int change_size(self, Py_ssize_t size) except -1:
        if size > self.max_table_size:
            raise HpackError("a table size above what we allowed")
        self.allowed_size = size
        self.evict(size)
        return 0

    cdef int make_room(self, Py_ssize_t count) except -1:
        cdef Py_ssize_t wanted = max(count, 2 * self.kinds_room)
        cdef void *larger = PyMem_Realloc(self.kinds, wanted)
        if larger == NULL:
            raise MemoryError
        self.kinds = <unsigned char *>larger
        self.kinds_room = wanted
        return 0
