cdef class Budget:
    cdef double size
    cdef double left
    cdef double filled
    cdef str reason
    cdef object clock

    cdef int spend(self) except -1
    cdef void earn(self, double amount) noexcept
