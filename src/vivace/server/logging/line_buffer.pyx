# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Bytes on their way to a log, and how values are written among them: as they are, as numbers, escaped, as JSON.

Values come from clients. Whatever they hold, a line stays one line, and a string stays inside its quotes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

import json

# What may stand in a quoted text as it is: visible ASCII and the space, without the quotes and the backslash.
cdef unsigned char[256] PLAIN
cdef int character
for character in range(256):
    PLAIN[character] = 0x20 <= character < 0x7f and character != c'"' and character != c"\\"

cdef const char *DIGITS = b"0123456789ABCDEF"

cdef enum:
    # Room beyond this is given back with what was in it: a traceback, or lines that had to wait.
    LARGE = 1 << 20
    # Texts from here on are looked through as a whole before they are copied as a whole.
    LONG = 16


cdef bint is_plain(const char *text, Py_ssize_t size) noexcept:
    """Whether all of it may stand in a quoted text as it is. No branch a byte: compilers take many bytes at a time."""
    cdef unsigned char each
    cdef unsigned char odd = 0
    cdef Py_ssize_t at
    for at in range(size):
        each = <unsigned char>text[at]
        odd |= (<unsigned char>(each - 0x20) > 0x5e) | (each == c'"') | (each == c"\\")
    return odd == 0


cdef class LineBuffer:
    """A growing buffer. What is added by one call is added whole: no other thread, or signal handler, comes between."""

    def __cinit__(self):
        self.room = NULL
        self.room_size = self.length = 0
        self.reserve(1024)

    def __dealloc__(self):
        PyMem_Free(self.room)

    cdef int grow(self, Py_ssize_t more) except -1:
        """Make room for so many bytes, which there is not."""
        cdef Py_ssize_t wanted = max(self.length + more, 2 * self.room_size)
        cdef void *larger = PyMem_Realloc(self.room, wanted)
        if larger == NULL:
            raise MemoryError
        self.room = <char *>larger
        self.room_size = wanted
        return 0

    cdef int add_number(self, int64_t number) except -1:
        """Add a number."""
        return self.add_decimal(number, 0)

    cdef int add_decimal(self, int64_t number, int places) except -1:
        """Add a number of which the last `places` digits are behind the point."""
        cdef char[32] digits
        cdef int at = 32
        cdef int written = 0
        cdef uint64_t rest = <uint64_t>(-number if number < 0 else number)
        while rest > 0 or written <= places:
            if written == places and places > 0:
                at -= 1
                digits[at] = c"."
            at -= 1
            digits[at] = <char>(c"0" + rest % 10)
            rest //= 10
            written += 1
        if number < 0:
            at -= 1
            digits[at] = c"-"
        return self.add(digits + at, 32 - at)

    # ---- in a line of text: as nginx writes it, \xXX for what is not plain

    cdef int add_escaped(self, const char *text, Py_ssize_t size) except -1:
        """Add bytes so that they end neither the line nor the quotes around them."""
        cdef Py_ssize_t at
        cdef unsigned char each
        cdef char *out
        if size >= LONG and is_plain(text, size):
            return self.add(text, size)
        self.reserve(4 * size)
        out = self.room + self.length
        for at in range(size):
            each = <unsigned char>text[at]
            if PLAIN[each]:
                out[0] = <char>each
                out += 1
            else:
                out[0] = c"\\"
                out[1] = c"x"
                out[2] = DIGITS[each >> 4]
                out[3] = DIGITS[each & 15]
                out += 4
        self.length = out - self.room
        return 0

    cdef int add_token(self, str token) except -1:
        """Add what a parser has let through as a token or a number (RFC 9110 5.6.2): nothing to escape, in JSON neither."""
        cdef Py_ssize_t size
        cdef const char *utf_8 = PyUnicode_AsUTF8AndSize(token, &size)
        return self.add(utf_8, size)

    cdef int add_escaped_bytes(self, bytes text) except -1:
        """The same for a bytes object."""
        return self.add_escaped(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    cdef int add_escaped_text(self, str text) except -1:
        """The same for a text, as UTF-8."""
        cdef Py_ssize_t size
        cdef const char *utf_8
        try:
            utf_8 = PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:  # half a surrogate pair
            return self.add_escaped_bytes(text.encode("utf-8", "backslashreplace"))
        return self.add_escaped(utf_8, size)

    # ---- in a JSON string (RFC 8259 7), without its quotes

    cdef int add_json(self, const char *text, Py_ssize_t size) except -1:
        """Add bytes as ASCII that JSON reads as the UTF-8 that they are, or as Latin-1 where they are not."""
        cdef Py_ssize_t at
        cdef unsigned char each
        cdef char *out
        if size >= LONG and is_plain(text, size):
            return self.add(text, size)
        self.reserve(6 * size)
        out = self.room + self.length
        for at in range(size):
            each = <unsigned char>text[at]
            if PLAIN[each]:
                out[0] = <char>each
                out += 1
            elif each >= 0x80:
                return self.add_json_beyond_ascii(text[:size])
            elif each == c'"' or each == c"\\":
                out[0] = c"\\"
                out[1] = <char>each
                out += 2
            else:
                memcpy(out, b"\\u00", 4)
                out[4] = DIGITS[each >> 4]
                out[5] = DIGITS[each & 15]
                out += 6
        self.length = out - self.room
        return 0

    cdef int add_json_beyond_ascii(self, bytes text) except -1:
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError:
            decoded = text.decode("latin-1")
        cdef bytes written = json.dumps(decoded).encode("ascii")
        return self.add(PyBytes_AS_STRING(written) + 1, PyBytes_GET_SIZE(written) - 2)

    cdef int add_json_bytes(self, bytes text) except -1:
        """The same for a bytes object."""
        return self.add_json(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    cdef int add_json_text(self, str text) except -1:
        """The same for a text."""
        cdef Py_ssize_t size
        cdef const char *utf_8
        try:
            utf_8 = PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:  # half a surrogate pair
            return self.add_json_bytes(text.encode("utf-8", "backslashreplace"))
        return self.add_json(utf_8, size)

    # ---- all of it

    cpdef put(self, bytes text):
        """Add bytes as they are."""
        self.add_bytes(text)

    cpdef bytes take(self):
        """Everything that was added; the buffer is empty after that."""
        cdef bytes text = PyBytes_FromStringAndSize(self.room, self.length)
        self.length = 0
        if self.room_size > LARGE:
            PyMem_Free(self.room)
            self.room = NULL
            self.room_size = 0
            self.reserve(1024)
        return text
