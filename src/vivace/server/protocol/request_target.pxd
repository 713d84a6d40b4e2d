from vivace.server.protocol._request_head_cy cimport RequestHead

# What every HTTP version reads alike. The scanned text ends where `end` is; ProtocolError for what is wrong.
cdef str scan_method(const unsigned char *start, Py_ssize_t size)
cdef bytes scan_target(RequestHead head, const unsigned char *p, const unsigned char *end)
cdef int check_host(bytes value) except -1
