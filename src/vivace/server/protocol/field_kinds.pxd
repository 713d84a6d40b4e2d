cdef enum FieldKind:
    ORDINARY
    MALFORMED
    METHOD
    SCHEME
    AUTHORITY
    PATH
    PROTOCOL
    HOST
    CONTENT_LENGTH
    COOKIE
    EXPECT
    PRIORITY
    FORWARDED


cdef FieldKind field_kind(bytes name, bytes value) noexcept
