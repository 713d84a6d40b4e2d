cdef class RequestHead:
    cdef public:
        str method
        str path
        bytes raw_path
        bytes query_string
        str http_version
        list headers
        long long content_length
        bint has_body
        bint keep_alive
        bint expects_continue
        bint upgrade
        bint forwarded
