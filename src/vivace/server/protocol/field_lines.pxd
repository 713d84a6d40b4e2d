# What the name of a request's field means to the message's framing and its connection.
cdef enum FieldMeaning:
    UNKNOWN
    ORDINARY
    FORWARDED
    HOST
    CONTENT_LENGTH
    TRANSFER_ENCODING
    CONNECTION
    EXPECT
    UPGRADE


cdef tuple scan_field(const unsigned char **position, const unsigned char *end, FieldMeaning *meaning)
cdef bint has_token(bytes value, const char *token, Py_ssize_t size) noexcept
cdef long long scan_length(bytes value) except -1
