cdef class ManagerAttribute:
    cdef readonly object model
    cdef readonly str name
    cdef readonly object manager


cdef class SingleAttribute:
    cdef public str slot
    cdef public str key_here
    cdef public str key_there

    cpdef found(self, instance, owner)
