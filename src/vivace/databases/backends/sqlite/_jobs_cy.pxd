cdef class BreakableRows:
    cdef object _rows
    cdef public bint is_unwanted


cdef class Job:
    cdef public object future
    cdef public object function
    cdef public object plan
    cdef public object args
    cdef public bint interruptible
    cdef public bint groupable
    cdef public bint cancelled
    cdef public bint is_in_line
    cdef public object result
    cdef public object error

    cpdef run(self, connection)
    cpdef deliver(self)


cdef class JobRunner:
    cdef public object _queue
    cdef public object _lock
    cdef public object _current
    cdef public object busy_since

    cpdef bint _begin(self, Job job) except -1
    cpdef _end(self)
    cpdef _next_waiting(self)
    cpdef _run_together(self, connection, list jobs)
