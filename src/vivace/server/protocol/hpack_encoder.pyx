# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Lists of fields into header blocks (RFC 7541).

Fields that repeat from response to response, such as content-type and server, enter the dynamic table and are one byte
from then on. Fields that hardly repeat are sent as literals, and secrets as literals that no intermediary may index.
"""

from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.string cimport memcpy

from vivace.server.protocol.hpack_huffman cimport huffman_size, write_huffman

from vivace.server.protocol.hpack_tables import STATIC_TABLE

cdef enum:
    STATIC_COUNT = 61
    OVERHEAD = 32
    # The room that we use of what the other side allows: the RFC's default, enough for what responses repeat.
    LARGEST_TABLE = 4096
    # A field above this would push too many others out of the table.
    LARGEST_ENTRY = 1024

# RFC 7541 6.2: the first bits of a literal, and how many bits of its first byte are left for the index of its name.
cdef enum:
    INDEXING = 0x40
    WITHOUT_INDEXING = 0x00
    NEVER_INDEXED = 0x10

# RFC 7541 7.1.3: what an attacker could guess by watching sizes must not share a table with what the attacker sends.
cdef dict LITERALS = dict.fromkeys(
    b"authorization cookie proxy-authorization set-cookie www-authenticate proxy-authenticate".split(), NEVER_INDEXED
) | dict.fromkeys(
    b"age content-length content-location content-range etag expires last-modified location retry-after".split(),
    WITHOUT_INDEXING,
)
cdef dict STATIC_FIELDS = {field: index for index, field in enumerate(STATIC_TABLE, 1) if field[1]}
cdef dict STATIC_NAMES = {}


cdef void fill_static_names():
    for index, (name, _) in enumerate(STATIC_TABLE, 1):
        STATIC_NAMES.setdefault(name, index)


fill_static_names()


cdef Py_ssize_t write_integer(unsigned char *out, int first, int prefix, Py_ssize_t value) noexcept:
    """RFC 7541 5.1: `value` in `prefix` bits of a byte that begins with the bits of `first`, and more if needed."""
    cdef Py_ssize_t mask = (1 << prefix) - 1
    cdef Py_ssize_t size = 1
    if value < mask:
        out[0] = <unsigned char>(first | value)
        return 1
    out[0] = <unsigned char>(first | mask)
    value -= mask
    while value >= 128:
        out[size] = <unsigned char>((value & 127) | 128)
        value >>= 7
        size += 1
    out[size] = <unsigned char>value
    return size + 1


cdef Py_ssize_t write_string(unsigned char *out, bytes value) noexcept:
    """RFC 7541 5.2: the Huffman code when it is shorter, else the bytes themselves."""
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
    cdef Py_ssize_t encoded = huffman_size(p, size)
    cdef Py_ssize_t length
    if encoded < size:
        length = write_integer(out, 0x80, 7, encoded)
        write_huffman(p, size, out + length)
        return length + encoded
    length = write_integer(out, 0, 7, size)
    memcpy(out + length, p, size)
    return length + size


cdef class HpackEncoder:
    """The header blocks of one direction of a connection, in order. Between two `changes` a list has the same block."""

    def __cinit__(self):
        self.entries = deque()
        self.by_field = {}
        self.by_name = {}
        self.allowed_size = LARGEST_TABLE
        self.smallest_change = self.last_change = -1

    cpdef set_table_size(self, Py_ssize_t size):
        """What the other side allows (SETTINGS_HEADER_TABLE_SIZE); ValueError below zero."""
        if size < 0:
            raise ValueError(f"the size of a header table is zero or more, got {size}")
        size = min(size, LARGEST_TABLE)
        if size == self.allowed_size and self.last_change < 0:
            return
        self.allowed_size = self.last_change = size
        self.changes += 1
        # RFC 7541 4.2: the smallest size in between empties the other side's table as well as ours.
        if self.smallest_change < 0 or size < self.smallest_change:
            self.smallest_change = size
        self.evict(size)

    cpdef bytes encode(self, headers):
        """The block of these fields, whose names must be in lower case."""
        cdef Py_ssize_t length, room = CHANGES_ROOM
        cdef list fields = [(bytes(name), bytes(value)) for name, value in headers]
        cdef tuple field
        cdef unsigned char *out
        for field in fields:
            room += FIELD_ROOM + PyBytes_GET_SIZE(field[0]) + PyBytes_GET_SIZE(field[1])
        out = <unsigned char *>PyMem_Malloc(room)
        if out == NULL:
            raise MemoryError
        try:
            length = self.write_size_changes(out)
            for field in fields:
                length += self.write_field(field, out + length)
            return PyBytes_FromStringAndSize(<const char *>out, length)
        finally:
            PyMem_Free(out)

    cdef Py_ssize_t write_size_changes(self, unsigned char *out) noexcept:
        """Announce changed table sizes, which a block begins with; `out` has CHANGES_ROOM."""
        cdef Py_ssize_t length = 0
        if self.last_change >= 0:
            if self.smallest_change < self.last_change:
                length = write_integer(out, 0x20, 5, self.smallest_change)
            length += write_integer(out + length, 0x20, 5, self.last_change)
            self.last_change = self.smallest_change = -1
        return length

    cdef Py_ssize_t write_field(self, tuple field, unsigned char *out) except -1:
        """Encode (name, value) into `out`, which has FIELD_ROOM and the field's bytes; returns the length."""
        cdef bytes name = <bytes>field[0]
        cdef bytes value = <bytes>field[1]
        cdef PyObject *found
        cdef Py_ssize_t length, size, index = 0
        cdef int literal = INDEXING
        found = PyDict_GetItem(LITERALS, name)
        if found != NULL:
            literal = <object>found
        else:
            found = PyDict_GetItem(self.by_field, field)
            if found != NULL:
                return write_integer(out, 0x80, 7, STATIC_COUNT + self.inserted - <Py_ssize_t>(<object>found))
            found = PyDict_GetItem(STATIC_FIELDS, field)
            if found != NULL:
                return write_integer(out, 0x80, 7, <object>found)
        found = PyDict_GetItem(STATIC_NAMES, name)
        if found != NULL:
            index = <object>found
        else:
            found = PyDict_GetItem(self.by_name, name)
            if found != NULL:
                index = STATIC_COUNT + self.inserted - <Py_ssize_t>(<object>found)
        size = PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + OVERHEAD
        if literal == INDEXING and (size > LARGEST_ENTRY or size > self.allowed_size):
            literal = WITHOUT_INDEXING
        length = write_integer(out, literal, 6 if literal == INDEXING else 4, index)
        if index == 0:
            length += write_string(out + length, name)
        length += write_string(out + length, value)
        if literal == INDEXING:
            self.insert(field, size)
        return length

    cdef insert(self, tuple field, Py_ssize_t size):
        self.evict(self.allowed_size - size)
        self.entries.append(field)
        self.table_size += size
        self.by_field[field] = self.by_name[field[0]] = self.inserted
        self.inserted += 1
        self.changes += 1

    cdef evict(self, Py_ssize_t size):
        cdef Py_ssize_t at
        cdef tuple field
        while self.table_size > size and self.entries:
            at = self.inserted - len(self.entries)
            field = self.entries.popleft()
            self.table_size -= PyBytes_GET_SIZE(field[0]) + PyBytes_GET_SIZE(field[1]) + OVERHEAD
            if self.by_field[field] == at:
                del self.by_field[field]
            if self.by_name[field[0]] == at:
                del self.by_name[field[0]]
