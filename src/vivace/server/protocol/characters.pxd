from libc.stdint cimport uint64_t
from libc.string cimport memcpy

# The lower-case form of a character that a token may hold (RFC 9110 5.6.2), or 0.
cdef unsigned char[256] LOWER_TOKEN
# Whether a field value may hold it (RFC 9110 5.5).
cdef unsigned char[256] IN_VALUE
# Whether a request target may: visible ASCII except "#", which no client may send.
cdef unsigned char[256] IN_TARGET
# Whether a host's name may, without the brackets and colons of addresses and ports (RFC 3986 3.2.2).
cdef unsigned char[256] IN_HOST
# 0 to 15, or 255 for what is no hexadecimal digit.
cdef unsigned char[256] HEX_VALUE


cdef inline const unsigned char *skip_value(const unsigned char *p, const unsigned char *end) noexcept:
    """The first character from `p` on that no field value may hold, or `end`."""
    cdef uint64_t eight
    while end - p >= 8:
        memcpy(&eight, p, 8)
        # Eight at once: less 32, or one more, has a high bit set unless all of them are from 32 to 126.
        if ((eight - 0x2020202020202020ULL) | (eight + 0x0101010101010101ULL)) & 0x8080808080808080ULL:
            break
        p += 8
    while p < end and IN_VALUE[p[0]]:
        p += 1
    return p


cdef inline bint same_letters(const unsigned char *text, const char *lowered, Py_ssize_t size) noexcept:
    """Whether the text is this token, given in lower case, in any case."""
    cdef Py_ssize_t at
    for at in range(size):
        if LOWER_TOKEN[text[at]] != <unsigned char>lowered[at]:
            return False
    return True
