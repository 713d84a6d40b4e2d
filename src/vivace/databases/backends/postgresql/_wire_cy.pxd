cimport cython

from vivace.databases.backends.postgresql._wire_values_cy cimport encoded, row_of


cdef class Statement:
    cdef readonly str sql
    cdef readonly bytes parameters
    cdef readonly bytes columns
    cdef readonly tuple described
    cdef readonly bytes preparation
    cdef readonly bytes dismissal
    cdef bytes _name
    cdef bytes _head

    @cython.locals(kinds=bytes, count=Py_ssize_t, position=Py_ssize_t, size=Py_ssize_t, parts=list)
    cpdef bytes message(self, args)


cdef class Traffic:
    cdef public bint may_be_sent
    cdef public Statement statement
    cdef public Py_ssize_t runs
    cdef public double pace

    cpdef seen(self, double seconds)


cdef double _served(double passed, double busy)


cdef class Request:
    cdef readonly Statement statement
    cdef readonly bytes message
    cdef readonly object future
    cdef readonly Traffic traffic
    cdef readonly double sent_at
    cdef public Wire wire
    cdef list rows
    cdef dict error
    cdef bint prepares
    cdef bint is_prepared
    cdef public bint is_void
    cdef public bint was_moved
    cdef bint is_unreadable
    cdef bint is_outdated

    cpdef bint is_wanted(self)
    @cython.locals(other=Request)
    cpdef Request moved(self)
    cpdef bint may_be_moved(self)


cdef class Wire:
    cdef object _driver
    cdef object _to_driver
    cdef object _transport
    cdef object _on_idle
    cdef object _failure
    cdef Py_ssize_t _most
    cdef double _lifetime
    cdef dict _prepared
    cdef readonly object waiting
    cdef Request _current
    cdef list _pieces
    cdef Py_ssize_t _missing
    cdef double _since
    cdef double _busy_since
    cdef public object lease
    cdef public object seen
    cdef public object cancelling
    cdef public bint is_open

    @cython.locals(request=Request, statement=Statement, now=double, parts=list)
    cpdef send(self, list requests)
    @cython.locals(prepared=dict, oldest=Statement)
    cdef _prepare(self, Statement statement, bint is_old, double now, list parts)
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, size=Py_ssize_t, following=Py_ssize_t, answered=list, kind=int, current=Request)
    cdef _read(self, bytes data)
    cdef _keep(self, bytes rest)
    @cython.locals(now=double, busy=double, seconds=double, request=Request)
    cdef _time(self, list answered)
    cdef _finish(self, Request request, int status)
