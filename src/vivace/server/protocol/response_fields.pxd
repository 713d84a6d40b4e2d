# What a field of a response means to its framing and its connection.
cdef enum Meaning:
    ORDINARY
    CONNECTION
    CONTENT_LENGTH
    DATE
    SERVER
    TRANSFER_ENCODING
    UPGRADE


cdef bytes as_bytes(value, str what)
cdef list as_fields(headers)
cdef Meaning meaning_of(bytes name) noexcept
cdef bint has_name(list fields, bytes name) noexcept
cdef int add_defaults(list fields, list defaults) except -1
cdef int check_field(bytes name, bytes value) except -1
cdef long long read_length(bytes value) except -1
