# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The Huffman code of RFC 7541 5.2: decoded four bits at a time by a table of states, encoded through an accumulator.

A state is an inner node of the code's tree; there are 256, so the table of steps is 12 KiB and stays in the first
cache. No code is shorter than five bits, so four bits never complete more than one symbol.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t

from vivace.server.protocol.hpack_tables import CODE_LENGTHS, HpackError

cdef enum:
    EOS = 256
    EMITS = 1
    FAILS = 2
    # Decoded strings up to this size are built on the stack.
    SMALL = 512

cdef struct Step:
    unsigned char state
    unsigned char flags
    unsigned char symbol

cdef Step[256][16] STEPS
# Whether a string may end here: on a code's end, or inside a padding of up to seven ones.
cdef bint[256] MAY_END
cdef uint32_t[257] CODES
cdef unsigned char[257] LENGTHS


cdef void fill_tables():
    cdef list tree = [[None, None]]
    cdef uint32_t code = 0
    cdef int symbol, length, bit, state, nibble, node
    for length in range(5, 31):
        code <<= 1
        for symbol in range(257):
            if CODE_LENGTHS[symbol] != length:
                continue
            CODES[symbol] = code
            LENGTHS[symbol] = length
            node = 0
            for bit in range(length - 1, 0, -1):
                if tree[node][(code >> bit) & 1] is None:
                    tree.append([None, None])
                    tree[node][(code >> bit) & 1] = len(tree) - 1
                node = tree[node][(code >> bit) & 1]
            tree[node][code & 1] = -1 - symbol
            code += 1
    for state in range(256):
        MAY_END[state] = False
        for nibble in range(16):
            node = state
            STEPS[state][nibble].flags = 0
            STEPS[state][nibble].symbol = 0
            for bit in range(3, -1, -1):
                node = tree[node][(nibble >> bit) & 1]
                if node == -1 - EOS:
                    STEPS[state][nibble].flags = FAILS
                    node = 0
                elif node < 0:
                    STEPS[state][nibble].flags |= EMITS
                    STEPS[state][nibble].symbol = -1 - node
                    node = 0
            STEPS[state][nibble].state = node
    node = 0
    for bit in range(8):
        MAY_END[node] = True
        node = tree[node][1]


fill_tables()


cdef bytes decode_huffman(const unsigned char *p, Py_ssize_t size):
    """The string of these bytes; HpackError for EOS in it or a padding that is too long or not all ones."""
    cdef unsigned char[SMALL] room
    cdef bytes decoded = None
    cdef unsigned char *start = room
    cdef unsigned char *out
    cdef unsigned char state = 0
    cdef unsigned char failed = 0
    cdef Step *step
    cdef Py_ssize_t at
    # No code is shorter than five bits.
    if size * 8 // 5 > SMALL:
        decoded = PyBytes_FromStringAndSize(NULL, size * 8 // 5)
        start = <unsigned char *>PyBytes_AS_STRING(decoded)
    out = start
    for at in range(size):
        step = &STEPS[state][p[at] >> 4]
        failed |= step.flags
        if step.flags & EMITS:
            out[0] = step.symbol
            out += 1
        step = &STEPS[step.state][p[at] & 15]
        failed |= step.flags
        if step.flags & EMITS:
            out[0] = step.symbol
            out += 1
        state = step.state
    if failed & FAILS or not MAY_END[state]:
        raise HpackError("invalid Huffman code")
    return PyBytes_FromStringAndSize(<const char *>start, out - start)


cdef Py_ssize_t huffman_size(const unsigned char *p, Py_ssize_t size) noexcept:
    """How many bytes the string takes when encoded."""
    cdef Py_ssize_t at, bits = 0
    for at in range(size):
        bits += LENGTHS[p[at]]
    return (bits + 7) // 8


cdef void write_huffman(const unsigned char *p, Py_ssize_t size, unsigned char *out) noexcept:
    """Encode the string into `out`, which has room for `huffman_size` bytes."""
    cdef uint64_t waiting = 0
    cdef int bits = 0
    cdef Py_ssize_t at
    for at in range(size):
        waiting = (waiting << LENGTHS[p[at]]) | CODES[p[at]]
        bits += LENGTHS[p[at]]
        while bits >= 8:
            bits -= 8
            out[0] = <unsigned char>((waiting >> bits) & 255)
            out += 1
    if bits > 0:
        out[0] = <unsigned char>(((waiting << (8 - bits)) | ((1 << (8 - bits)) - 1)) & 255)
