from vivace.server.protocol._request_head_cy cimport RequestHead


cdef class RequestFields:
    cdef RequestHead head
    cdef bytes scheme
    cdef bytes protocol
    cdef bytes priority


cdef RequestFields read_request(list fields, const unsigned char *kinds, bint ended)
cdef int check_trailers(list fields, const unsigned char *kinds) except -1
