cdef class RequestIds:
    cdef readonly bytes name

    cpdef bytes identify(self, dict scope)
    cdef bytes find(self, list headers)
    cpdef list add_to(self, headers, bytes request_id)
    cpdef bytes identify_refusal(self, error)


cpdef bytes new_request_id()
