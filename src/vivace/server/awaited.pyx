# cython: language_level=3, binding=False, auto_pickle=False
"""A coroutine without the cost of one: for what is awaited once for every message."""

from cpython.ref cimport Py_INCREF, PyObject

cdef extern from "Python.h":
    ctypedef struct PyAsyncMethods:
        void *am_send

    ctypedef struct PyTypeObject:
        PyAsyncMethods *tp_as_async


cdef class Awaited:
    """An awaitable that tasks, `wait_for` and task groups take as a coroutine.

    A subclass has `advance`. As with a coroutine, it can be awaited once.
    """

    cpdef advance(self):
        """Returns the future to wait for, before this is called again; or None, when `outcome` is what was awaited.

        `future` is what the last call returned.
        """
        raise NotImplementedError

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        future = self.step()
        if future is None:
            raise StopIteration(self.outcome)
        return future

    cdef step(self):
        if self.is_over:
            raise RuntimeError("cannot reuse already awaited coroutine")
        self.is_over = True  # if it raises
        future = self.advance()
        self.is_over = future is None
        self.future = future
        return future

    def send(self, value):
        """Coroutine: go on."""
        return self.__next__()

    def throw(self, error, value=None, traceback=None):
        """Coroutine: it is cancelled, say."""
        self.is_over = True
        raise error if value is None else value

    def close(self):
        """Coroutine: nobody awaits it any more."""
        self.is_over = True


cdef int send_into(PyObject *self, PyObject *value, PyObject **result) except -1:
    """`am_send`, which `await` uses up to Python 3.11 and tasks do: the outcome without a StopIteration around it."""
    cdef Awaited awaited = <Awaited>self
    result[0] = NULL
    future = awaited.step()
    outcome = awaited.outcome if future is None else future
    Py_INCREF(outcome)
    result[0] = <PyObject *>outcome
    return 0 if future is None else 1  # PYGEN_RETURN, PYGEN_NEXT; an exception is PYGEN_ERROR, -1


# Cython knows no name for this slot. Subclasses inherit it.
(<PyTypeObject *>Awaited).tp_as_async.am_send = <void *>send_into
