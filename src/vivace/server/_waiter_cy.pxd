cimport cython

from vivace.server.request_task cimport Pause, RequestTask, resume


cdef class Waiter(Pause):
    cdef public bint _asyncio_future_blocking
    cdef object loop
    cdef object callback
    cdef object context
    cdef public bint is_done
    cdef bint is_cancelled
    cdef object cancel_message
    cdef public Waiter next

    cpdef result(self)
    cpdef rearm(self)
    cpdef bint was_woken(self) noexcept
    cpdef wake(self)
    @cython.locals(task=RequestTask)
    cpdef wake_now(self)
