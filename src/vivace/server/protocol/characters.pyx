# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Bytes by class, as HTTP's grammar has them: one table for each. Who scans may rely on NUL being in none of them."""


cdef void fill_tables():
    cdef int c
    for c in range(256):
        LOWER_TOKEN[c] = IN_HOST[c] = 0
        IN_VALUE[c] = c == 9 or (c >= 32 and c != 127)
        IN_TARGET[c] = 33 <= c <= 126 and c != 35
        HEX_VALUE[c] = 255
    for c in b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz":
        LOWER_TOKEN[c] = c
    for c in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        LOWER_TOKEN[c] = c + 32
    for c in b"-._~%!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        IN_HOST[c] = 1
    for c in range(10):
        HEX_VALUE[48 + c] = c
    for c in range(6):
        HEX_VALUE[65 + c] = HEX_VALUE[97 + c] = 10 + c


fill_tables()
