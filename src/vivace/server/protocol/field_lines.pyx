# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Header and trailer lines into pairs of bytes (RFC 9112 5), and what their values say where HTTP itself reads them.

Clients repeat themselves, and each other: most lines of most requests have been seen before. So the names that are
known are one object each, and of fields whose values are few the last ones seen are kept and given out again.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from vivace.server.protocol.characters cimport LOWER_TOKEN, same_letters, skip_value

from vivace.server.protocol.errors import ProtocolError

cdef enum:
    # Powers of two: hashes are cut to their last bits.
    NAME_SLOTS = 512
    FIELD_SLOTS = 1024
    LONGEST_KNOWN_NAME = 40
    LONGEST_KEPT_VALUE = 256

# ---- names seen before, found by an open-addressed table

# Their values are few, and no secrets (which some put even into Sec-WebSocket-Protocol).
cdef list KEPT_NAMES = b"""
    accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method
    cache-control content-type dnt if-range keep-alive origin pragma priority proxy-connection range save-data
    sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-gpc
    sec-websocket-extensions sec-websocket-version te trailer upgrade-insecure-requests user-agent via
    x-requested-with
""".split()

cdef list OTHER_NAMES = b"""
    accept-ranges authorization baggage cf-connecting-ip cf-ray content-disposition content-encoding content-language
    content-location content-md5 content-range cookie date etag from if-match if-modified-since
    if-none-match if-unmodified-since last-modified proxy-authorization referer sec-websocket-key
    sec-websocket-protocol traceparent tracestate x-amzn-trace-id x-api-key x-correlation-id x-csrf-token x-csrftoken
    x-real-ip x-request-id
""".split()

# What proxies write; from one connection of theirs to the next the values are the same few.
cdef list FORWARDED_NAMES = b"""
    forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto
""".split()

cdef dict FRAMING_NAMES = {
    b"host": HOST,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
}

cdef list names = [None] * NAME_SLOTS
cdef FieldMeaning[NAME_SLOTS] meanings


cdef inline uint32_t hash_step(uint32_t value, unsigned char c) noexcept:
    return ((value << 5) | (value >> 27)) ^ c


cdef inline Py_ssize_t slot_of(uint32_t value) noexcept:
    """Where to look for a name first: the best mixed bits of a product are its middle ones."""
    return ((value * 2654435769U) >> 16) & (NAME_SLOTS - 1)


cdef void remember_name(bytes name, FieldMeaning meaning):
    cdef uint32_t value = 0
    cdef Py_ssize_t slot
    for c in name:
        value = hash_step(value, c)
    slot = slot_of(value)
    while names[slot] is not None:
        slot = (slot + 1) & (NAME_SLOTS - 1)
    names[slot] = name
    meanings[slot] = meaning


cdef void fill_names():
    for name, meaning in FRAMING_NAMES.items():
        remember_name(name, meaning)
    for name in FORWARDED_NAMES:
        remember_name(name, FORWARDED)
    for name in KEPT_NAMES:
        remember_name(name, ORDINARY)
    for name in OTHER_NAMES:
        remember_name(name, UNKNOWN)


fill_names()


cdef inline bytes find_name(const unsigned char *lowered, Py_ssize_t size, uint32_t value, FieldMeaning *meaning):
    """The known name of these bytes, or a new object."""
    cdef object known
    cdef Py_ssize_t slot = slot_of(value)
    while True:
        known = names[slot]
        if known is None:
            meaning[0] = UNKNOWN
            return PyBytes_FromStringAndSize(<const char *>lowered, size)
        if PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), lowered, size) == 0:
            meaning[0] = meanings[slot]
            return <bytes>known
        slot = (slot + 1) & (NAME_SLOTS - 1)


# ---- fields seen before: the last one of each hash, half a megabyte of them at most

cdef list fields = [None] * FIELD_SLOTS


cdef inline uint64_t hash_value(const unsigned char *p, Py_ssize_t size) noexcept:
    cdef uint64_t value = size, eight = 0
    while size >= 8:
        memcpy(&eight, p, 8)
        value = (value ^ eight) * 0x9e3779b97f4a7c15ULL
        value ^= value >> 32
        p += 8
        size -= 8
    while size > 0:
        eight = (eight << 8) | p[0]
        p += 1
        size -= 1
    value = (value ^ eight) * 0x9e3779b97f4a7c15ULL
    return value ^ (value >> 32)


cdef inline tuple find_field(bytes name, const unsigned char *start, Py_ssize_t size):
    """The pair of this known name and the value at `start`, kept or new."""
    cdef Py_ssize_t slot = (hash_value(start, size) + (<size_t><void *>name >> 4)) & (FIELD_SLOTS - 1)
    cdef object kept = fields[slot]
    cdef object value
    if kept is not None and (<tuple>kept)[0] is name:
        value = (<tuple>kept)[1]
        if PyBytes_GET_SIZE(value) == size and memcmp(PyBytes_AS_STRING(value), start, size) == 0:
            return <tuple>kept
    kept = (name, PyBytes_FromStringAndSize(<const char *>start, size))
    fields[slot] = kept
    return <tuple>kept


# ---- lines

cdef tuple scan_field(const unsigned char **position, const unsigned char *end, FieldMeaning *meaning):
    """The field whose line begins at `position`, which is moved to the next line. There is a CRLF at `end`."""
    # A table of another module is behind a pointer, which C would read anew for every character.
    cdef const unsigned char *lower = LOWER_TOKEN
    cdef unsigned char[LONGEST_KNOWN_NAME] lowered
    cdef const unsigned char *p = position[0]
    cdef const unsigned char *start = p
    cdef Py_ssize_t size = 0
    cdef unsigned char c
    cdef uint32_t value = 0
    cdef bytes name
    while size < LONGEST_KNOWN_NAME:
        c = lower[p[size]]
        if c == 0:
            break
        lowered[size] = c
        value = hash_step(value, c)
        size += 1
    p += size
    if p[0] == c":" and size > 0:
        name = find_name(lowered, size, value, meaning)
    else:
        name = scan_rare_name(start, p)
        meaning[0] = UNKNOWN
        p = start + PyBytes_GET_SIZE(name)
    p += 1
    while p[0] == c" " or p[0] == c"\t":
        p += 1
    start = p
    p = skip_value(p, end)
    if p[0] != c"\r" or p[1] != c"\n":
        raise ProtocolError(400, "invalid character in a header value")
    position[0] = p + 2
    while p > start and ((p - 1)[0] == c" " or (p - 1)[0] == c"\t"):
        p -= 1
    size = p - start
    if meaning[0] != UNKNOWN and size <= LONGEST_KEPT_VALUE:
        return find_field(name, start, size)
    return (name, PyBytes_FromStringAndSize(<const char *>start, size))


cdef bytes scan_rare_name(const unsigned char *start, const unsigned char *p):
    """A name that is very long, or none at all."""
    while LOWER_TOKEN[p[0]] != 0:
        p += 1
    if p == start and (p[0] == c" " or p[0] == c"\t"):
        # RFC 9112 5.2: a server may refuse folded lines.
        raise ProtocolError(400, "folded header line")
    if p == start or p[0] != c":":
        # RFC 9112 5.1: no whitespace between name and colon.
        raise ProtocolError(400, "invalid header name")
    return PyBytes_FromStringAndSize(<const char *>start, p - start).lower()


# ---- values

cdef bint has_token(bytes value, const char *token, Py_ssize_t size) noexcept:
    """Whether a comma-separated list such as Connection's holds `token`, given in lower case."""
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef const unsigned char *end = p + PyBytes_GET_SIZE(value)
    cdef const unsigned char *start
    while p < end:
        while p < end and (p[0] == c" " or p[0] == c"\t" or p[0] == c","):
            p += 1
        start = p
        while LOWER_TOKEN[p[0]] != 0:
            p += 1
        if p - start == size and same_letters(start, token, size):
            while p[0] == c" " or p[0] == c"\t":
                p += 1
            if p == end or p[0] == c",":
                return True
        while p < end and p[0] != c",":
            p += 1
    return False


cdef long long scan_length(bytes value) except -1:
    """The number that a Content-Length is (RFC 9110 8.6): digits, no more of them than a number here may have."""
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value), at
    cdef long long length = 0
    if size == 0:
        raise ProtocolError(400, "invalid Content-Length")
    for at in range(size):
        if p[at] < c"0" or p[at] > c"9":
            raise ProtocolError(400, "invalid Content-Length")
        if at < 18:
            length = length * 10 + (p[at] - c"0")
    if size > 18:
        raise ProtocolError(413, "the body is larger than this server accepts")
    return length
