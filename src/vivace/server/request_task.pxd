cdef class RequestTask


cdef class Work:
    cpdef begin(self)
    cpdef bint ended(self, error) except -1


cdef class Pause:
    cdef public RequestTask task


cdef class RequestTask:
    cdef object __weakref__
    cdef dict __dict__

    # Underscored names are those of asyncio.Task: asyncio, anyio and debuggers read them.
    cdef readonly object _coro
    cdef readonly object _loop
    cdef Work work
    cdef object context
    cdef object name

    # where it is: ended or not; suspended, what it waits for; about to resume, with what error
    cdef readonly bint ended
    cdef readonly object _fut_waiter
    cdef object pending_error
    cdef object registered

    # cancellation
    cdef readonly bint _must_cancel
    cdef int cancel_requests
    cdef public object _cancel_message
    cdef object cancelled_error

    # how it ended, and who is told
    cdef bint was_cancelled
    cdef readonly object _result
    cdef readonly object _exception
    cdef object exception_traceback
    cdef readonly list _callbacks

    # for whoever awaits it, and for reports of what went wrong
    cdef public bint _asyncio_future_blocking
    cdef public bint _log_destroy_pending
    cdef bint log_traceback
    cdef bint source_known
    cdef readonly object _source_traceback

    cdef int register(self) except -1
    cdef int run(self, error) except -1
    cdef int advance(self, error) except -1
    cdef object begin_work(self)
    cdef object end_work(self, error)
    cdef int suspend(self, future) except -1
    cdef int pause(self, Pause future) except -1
    cdef int resume_soon(self, error) except -1
    cdef int end(self, int how, outcome) except -1
    cdef int finish(self) except -1
    cdef int fail(self, error) except -1
    cdef int remember_source(self) except -1
    cpdef _make_cancelled_error(self)
    cdef int check_ended(self, str problem) except -1


cpdef object start(object coro, object loop, object context)
cpdef object perform(Work work, object loop, object context)
cpdef bint is_done(object task) except -1
cpdef bint resume(RequestTask task) except -1
