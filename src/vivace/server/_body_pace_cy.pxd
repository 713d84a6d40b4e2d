from vivace.server._service_cy cimport Service


cdef class BodyPace:
    cdef Service service
    cdef long long size
    cdef double deadline
    cdef double rate_deadline
    cdef double end

    cpdef begin(self)
    cpdef wait(self)
    cpdef rest(self)
    cpdef postpone(self)
    cpdef came(self, Py_ssize_t size)
    cpdef finish(self)
    cpdef bint is_late(self, bint talking) except -1
