# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: binding=False, auto_pickle=False
"""The task that a request runs in: asyncio's to all who look at it, but begun at once.

`start` runs the first leg of a coroutine, up to where it first waits, before it returns: inside its own context, as the
current task. `perform` does the same for a `Work`, which is told inside the task how its coroutine ended. A request that waits for nothing never touches the event loop. One that does goes on as any task does.

RequestTask is no subclass of asyncio.Task, whose fields are private, differ between Python versions and are filled in by
an `__init__` that schedules a first step. It is a third-party task as "Extending" in asyncio's documentation has it, and
its `__class__` answers asyncio.Task, so `isinstance` holds. What does not hold: `type(task) is asyncio.Task`, and calling
`asyncio.Task.cancel(task)` instead of `task.cancel()`. It is for the tasks of the server only, not a task factory.
"""

import asyncio
import sys
from asyncio import base_tasks, events, format_helpers, tasks
from asyncio.exceptions import CancelledError, InvalidStateError
from inspect import isgenerator
from types import CoroutineType, GenericAlias
from weakref import WeakSet

from cpython.ref cimport PyObject

cdef extern from *:
    """
    enum { VIVACE_RETURNED, VIVACE_YIELDED, VIVACE_RAISED };

    /* The pending exception, off the thread state and with its traceback. Cython's `except` would add our own frame to
       the traceback and show the exception in sys.exc_info() while callbacks are scheduled. */
    static PyObject *vivace_take_exception(void)
    {
    #if PY_VERSION_HEX >= 0x030C0000
        return PyErr_GetRaisedException();
    #else
        PyObject *type = NULL, *value = NULL, *traceback = NULL;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback != NULL) {
            PyException_SetTraceback(value, traceback);
            Py_DECREF(traceback);
        }
        Py_XDECREF(type);
        return value;
    #endif
    }

    /* Send None into a coroutine, or throw `error`. `outcome` becomes what it returned, yielded or raised. */
    static int vivace_resume(PyObject *coroutine, PyObject *error, PyObject *throw_name, PyObject **outcome)
    {
        if (error == Py_None) {
            switch (PyIter_Send(coroutine, Py_None, outcome)) {
            case PYGEN_RETURN: return VIVACE_RETURNED;
            case PYGEN_NEXT: return VIVACE_YIELDED;
            default: break;
            }
        }
        else {
            PyObject *arguments[2] = {coroutine, error};
            *outcome = PyObject_VectorcallMethod(throw_name, arguments, 2, NULL);
            if (*outcome != NULL)
                return VIVACE_YIELDED;
            if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
                PyObject *stop = vivace_take_exception();
                *outcome = PyObject_GetAttrString(stop, "value");
                Py_DECREF(stop);
                if (*outcome != NULL)
                    return VIVACE_RETURNED;
            }
        }
        *outcome = vivace_take_exception();
        return VIVACE_RAISED;
    }

    /* What future.result() raises, or None. */
    static PyObject *vivace_future_error(PyObject *future, PyObject *result_name)
    {
        PyObject *result = PyObject_VectorcallMethod(result_name, &future, 1, NULL);
        if (result == NULL)
            return vivace_take_exception();
        Py_DECREF(result);
        Py_RETURN_NONE;
    }
    """
    int RETURNED "VIVACE_RETURNED"
    int YIELDED "VIVACE_YIELDED"
    int RAISED "VIVACE_RAISED"
    int resume_coroutine "vivace_resume"(object coroutine, object error, object throw_name, PyObject **outcome)
    object future_error "vivace_future_error"(object future, object result_name)

cdef extern from "Python.h":
    object PyContext_Copy(object context)
    object PyContext_CopyCurrent()
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyWeakref_NewRef(object target, PyObject *callback)
    void Py_DECREF(PyObject *)

cdef object AsyncioTask = asyncio.Task
cdef type PythonCoroutine = CoroutineType
cdef object next_name = tasks._task_name_counter
# Python 3.13: a cancellation that is taken back before it arrives never does.
cdef bint UNCANCEL_DISARMS = sys.version_info >= (3, 13)


# ---- where asyncio keeps its tasks: the one thing here that a new version of Python may change

cdef dict find_current_tasks():
    """The dictionary behind asyncio.current_task(), or None where asyncio keeps that in another way."""
    found = getattr(tasks, "_current_tasks", None)
    if type(found) is not dict:
        return None
    probe = object()
    try:
        tasks._enter_task(probe, probe)
        in_use = found.get(probe) is probe
        tasks._leave_task(probe, probe)
    except Exception:  # whatever another version objects to
        return None
    return found if in_use else None


cdef set find_registered_tasks():
    """The weak references behind asyncio.all_tasks(), or None where asyncio keeps those in another way."""
    # 3.11 has one set, 3.12 a second for its own eager tasks.
    found = getattr(tasks, "_scheduled_tasks", None)
    if found is None:
        found = getattr(tasks, "_all_tasks", None)
    if type(found) is not WeakSet or type(getattr(found, "data", None)) is not set:
        return None
    return found.data


cdef dict current_tasks = find_current_tasks()
cdef set registered_tasks = find_registered_tasks()

# Elsewhere `start` makes an asyncio.Task. 3.14 keeps the current task in the thread state and its own tasks in a linked
# list; a version enters here when asyncio's, anyio's and our tests have passed on it.
SUPPORTED = sys.version_info < (3, 14) and current_tasks is not None and registered_tasks is not None
cdef bint supported = SUPPORTED

# `asyncio.iscoroutine` costs as much as the rest of starting a task; a server's coroutines are of one type.
cdef type known_coroutine_type = None


cpdef object start(object coro, object loop, object context):
    """Run `coro` up to where it first waits, in `context`, and return its task, done or suspended.

    `loop` must be the loop that runs in this thread. `context` is entered as it is, not copied. The caller holds a
    suspended task: as with every task of asyncio, the loop may not. Nothing the coroutine raises comes out of here; its
    KeyboardInterrupt or SystemExit ends the loop from the loop's next turn. May be called while another task is current,
    which is current again afterwards.

    Returns an asyncio.Task that has not begun where RequestTask is not SUPPORTED. Raises TypeError for no coroutine or
    no context, RuntimeError for a context that is already entered.
    """
    cdef RequestTask task
    check_coroutine(coro)
    if not supported:
        return AsyncioTask(coro, loop=loop, context=context)
    task = RequestTask.__new__(RequestTask)
    task._coro = coro
    run_first_leg(task, loop, context)
    return task


cpdef object perform(Work work, object loop, object context):
    """As `start(run(work), ...)` in a copy of `context`, but the coroutine that `work` begins is the task's own."""
    cdef RequestTask task
    if not supported:
        return AsyncioTask(run(work), loop=loop, context=PyContext_Copy(context))
    task = RequestTask.__new__(RequestTask)
    task.work = work
    run_first_leg(task, loop, PyContext_Copy(context))
    return task


async def run(Work work):
    """A coroutine that performs `work` in any task."""
    try:
        await work.begin()
    except BaseException as error:
        if work.ended(error):
            raise
    else:
        work.ended(None)


async def wait_for(awaitable):
    """A coroutine for what is awaitable and none."""
    return await awaitable


cdef int run_first_leg(RequestTask task, loop, context) except -1:
    PyContext_Enter(context)
    task._loop = loop
    task.context = context
    task._log_destroy_pending = True
    task.register()
    try:
        task.run(None)
    except (KeyboardInterrupt, SystemExit) as error:
        loop.call_soon(raise_error, error)
    finally:
        PyContext_Exit(context)
    return 0


cpdef bint is_done(object task) except -1:
    """Whether a task that `start` returned has ended: without a call, when it is a RequestTask."""
    return (<RequestTask>task).ended if type(task) is RequestTask else task.done()


cpdef bint resume(RequestTask task) except -1:
    """Go on after a `Pause`, inside this call, unless another task is current. Returns whether it was so."""
    if current_tasks.get(task._loop) is not None:
        return False
    task._fut_waiter = None
    PyContext_Enter(task.context)
    try:
        task.run(None)
    except (KeyboardInterrupt, SystemExit) as error:
        task._loop.call_soon(raise_error, error)
    finally:
        PyContext_Exit(task.context)
    return True


cdef int check_coroutine(object coro) except -1:
    global known_coroutine_type
    if type(coro) is not known_coroutine_type:
        if not asyncio.iscoroutine(coro):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        known_coroutine_type = type(coro)
    return 0


def raise_error(error):
    raise error


cdef class Work:
    """What a task does, and what is done about it when it fails. Both methods are called inside the task."""

    cpdef begin(self):
        """Returns the coroutine, or another awaitable. What this raises is as if the coroutine had."""
        raise NotImplementedError

    cpdef bint ended(self, error) except -1:
        """The coroutine raised `error`, or returned if that is None. Returns whether the task is to end with it, too."""
        raise NotImplementedError


cdef class Pause:
    """A future that knows its task, so that it can resume it at once; those of asyncio do it in the loop's next turn."""


# No freelist: an object from one keeps the mark that its predecessor was finalized, so `__del__` would run only once for
# each piece of memory.
cdef class RequestTask:
    """A task of asyncio; see there. Made by `start`; the constructor, which is asyncio.Task's, schedules a first step."""

    def __init__(self, coro, *, loop=None, name=None, context=None):
        if not asyncio.iscoroutine(coro):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        self._coro = coro
        self._loop = events.get_event_loop() if loop is None else loop
        self.context = PyContext_CopyCurrent() if context is None else context
        self.name = None if name is None else str(name)
        self._log_destroy_pending = True
        self.remember_source()
        self.resume_soon(None)
        self.register()

    def __del__(self):
        if self.registered is not None:
            registered_tasks.discard(self.registered)
            self.registered = None
        if not self.ended:
            # Without a loop the constructor was never finished.
            if self._loop is None or not self._log_destroy_pending:
                return
            report = {"task": self, "message": "Task was destroyed but it is pending!"}
        elif self.log_traceback:
            self.log_traceback = False
            message = "Task exception was never retrieved"
            report = {"message": message, "exception": self._exception, "future": self}
        else:
            return
        if self._source_traceback is not None:
            report["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(report)

    def __repr__(self):
        return task_repr(self)

    __class_getitem__ = classmethod(GenericAlias)

    @property
    def __class__(self):
        return AsyncioTask

    # ---- running

    cdef int register(self) except -1:
        """Appear in asyncio.all_tasks().

        With a weak reference of our own, not through WeakSet: that calls Python twice for a task. Nothing removes
        the reference of its own accord, so `finish` and `__del__` do.
        """
        self.registered = PyWeakref_NewRef(self, NULL)
        registered_tasks.add(self.registered)
        return 0

    cdef int run(self, error) except -1:
        """Resume the coroutine, or throw `error` into it, as the current task."""
        loop = self._loop
        previous = current_tasks.get(loop)
        current_tasks[loop] = self
        try:
            self.advance(error)
        finally:
            if previous is None:
                current_tasks.pop(loop, None)
            else:
                current_tasks[loop] = previous
        return 0

    cdef int advance(self, error) except -1:
        cdef PyObject *reference = NULL
        cdef int how
        if self._coro is None:
            problem = self.begin_work()
            if problem is not None:
                return self.end(RAISED, problem)
        how = resume_coroutine(self._coro, error, "throw", &reference)
        outcome = <object>reference
        Py_DECREF(reference)
        return self.suspend(outcome) if how == YIELDED else self.end(how, outcome)

    cdef object begin_work(self):
        """Get the coroutine. Returns the exception that there is instead."""
        try:
            awaitable = self.work.begin()
        except BaseException as error:
            return error
        self._coro = awaitable if type(awaitable) is PythonCoroutine else wait_for(awaitable)
        return None

    cdef object end_work(self, error):
        """Tell the work. Returns the exception that the task ends with."""
        work = self.work
        self.work = None
        try:
            return error if work.ended(error) else None
        except BaseException as problem:
            return problem

    cdef int suspend(self, future) except -1:
        """See to it that the coroutine, which yielded `future`, is resumed."""
        self.remember_source()
        if future is None:
            return self.resume_soon(None)  # asyncio.sleep(0)
        if isinstance(future, Pause):
            return self.pause(future)
        problem = what_is_wrong(self, future)
        if problem is not None:
            return self.resume_soon(RuntimeError(problem))
        future._asyncio_future_blocking = False
        future.add_done_callback(self._wakeup, context=self.context)
        self._fut_waiter = future
        if self._must_cancel and future.cancel(msg=self._cancel_message):
            self._must_cancel = False
        return 0

    cdef int pause(self, Pause future) except -1:
        self._fut_waiter = future
        future.task = self
        if self._must_cancel and future.cancel(msg=self._cancel_message):
            self._must_cancel = False
        return 0

    cdef int resume_soon(self, error) except -1:
        self.pending_error = error
        self._loop.call_soon(self._step, context=self.context)
        return 0

    def _wakeup(self, future):
        self.pending_error = future_error(future, "result")
        future = None
        self._step()

    def _step(self):
        error = self.pending_error
        self.pending_error = None
        if self.ended:
            raise InvalidStateError(f"_step(): already done: {self!r}, {error!r}")
        if self._must_cancel:
            if not isinstance(error, CancelledError):
                error = self._make_cancelled_error()
            self._must_cancel = False
        self._fut_waiter = None
        self.run(error)

    # ---- ending

    cdef int end(self, int how, outcome) except -1:
        """The coroutine has returned or raised `outcome`."""
        if self.work is not None:
            outcome = self.end_work(outcome if how == RAISED else None)
            how = RETURNED if outcome is None else RAISED
        if how == RAISED:
            return self.fail(outcome)
        if self._must_cancel:
            # Cancelled after its last wait.
            self._must_cancel = False
            self.was_cancelled = True
        else:
            self._result = outcome
        return self.finish()

    cdef int finish(self) except -1:
        self.ended = True
        registered_tasks.discard(self.registered)
        self.registered = None
        callbacks = self._callbacks
        if callbacks is not None:
            self._callbacks = None
            for callback, context in callbacks:
                self._loop.call_soon(callback, self, context=context)
        return 0

    cdef int fail(self, error) except -1:
        if isinstance(error, CancelledError):
            self.cancelled_error = error
            self.was_cancelled = True
            return self.finish()
        if isinstance(error, StopIteration):
            # Only a coroutine that is not Python's own lets one out; whoever awaits us could not tell it from a result.
            cause = error
            error = RuntimeError("StopIteration interacts badly with generators and cannot be raised into a Future")
            error.__cause__ = error.__context__ = cause
        self.remember_source()
        self._exception = error
        self.exception_traceback = error.__traceback__
        self.log_traceback = True
        self.finish()
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        return 0

    cdef int remember_source(self) except -1:
        """In debug mode, where the task was made. A first leg ends under the same stack that it began on."""
        if self.source_known:
            return 0
        self.source_known = True
        if self._loop.get_debug():
            self._source_traceback = format_helpers.extract_stack(sys._getframe())
        return 0

    # ---- asyncio.Task

    def cancel(self, msg=None):
        """Ask the task to end: CancelledError is raised where it waits."""
        self.log_traceback = False
        if self.ended:
            return False
        self.cancel_requests += 1
        # A future that takes the cancellation passes it on when it wakes us.
        if self._fut_waiter is None or not self._fut_waiter.cancel(msg=msg):
            self._must_cancel = True
            self._cancel_message = msg
        return True

    def cancelling(self):
        """How many requests to cancel have come and not been taken back."""
        return self.cancel_requests

    def uncancel(self):
        """Take back one request to cancel; returns how many remain."""
        if self.cancel_requests > 0:
            self.cancel_requests -= 1
            if UNCANCEL_DISARMS and self.cancel_requests == 0:
                self._must_cancel = False
        return self.cancel_requests

    def get_coro(self):
        """The coroutine that the task runs."""
        return self._coro

    def get_context(self):
        """The context that the task runs in."""
        return self.context

    def get_name(self):
        """The task's name, made up when first asked for."""
        if self.name is None:
            self.name = f"Task-{next_name()}"
        return self.name

    def set_name(self, value):
        """Name the task."""
        self.name = str(value)

    def get_stack(self, *, limit=None):
        """The frames that the coroutine is suspended in, or those of its exception."""
        return base_tasks._task_get_stack(self, limit)

    def print_stack(self, *, limit=None, file=None):
        """Print what `get_stack` gives, as a traceback."""
        return base_tasks._task_print_stack(self, limit, file)

    # ---- asyncio.Future

    def get_loop(self):
        """The event loop that the task runs on."""
        return self._loop

    def done(self):
        """Whether the coroutine has returned, raised, or been cancelled."""
        return self.ended

    def cancelled(self):
        """Whether the task ended with CancelledError."""
        return self.was_cancelled

    def result(self):
        """What the coroutine returned; raises what it raised, or InvalidStateError before it has ended."""
        self.check_ended("Result is not set.")
        self.log_traceback = False
        if self._exception is not None:
            raise self._exception.with_traceback(self.exception_traceback)
        return self._result

    def exception(self):
        """What the coroutine raised, or None; raises CancelledError, or InvalidStateError before it has ended."""
        self.check_ended("Exception is not set.")
        self.log_traceback = False
        return self._exception

    cdef int check_ended(self, str problem) except -1:
        if self.was_cancelled:
            raise self._make_cancelled_error()
        if not self.ended:
            raise InvalidStateError(problem)
        return 0

    def set_result(self, result):
        """A task's result is its coroutine's; raises RuntimeError."""
        raise RuntimeError("Task does not support set_result operation")

    def set_exception(self, exception):
        """A task's exception is its coroutine's; raises RuntimeError."""
        raise RuntimeError("Task does not support set_exception operation")

    def add_done_callback(self, fn, *, context=None):
        """Have `fn` called with the task, from the loop, once it has ended."""
        if context is None:
            context = PyContext_CopyCurrent()
        if self.ended:
            self._loop.call_soon(fn, self, context=context)
        elif self._callbacks is None:
            self._callbacks = [(fn, context)]
        else:
            self._callbacks.append((fn, context))

    def remove_done_callback(self, fn):
        """Drop every `fn` that add_done_callback was given; returns how many."""
        if self._callbacks is None:
            return 0
        # `==` is somebody's code: it may change the list, or end it.
        found = [pair for pair in list(self._callbacks) if pair[0] is fn or pair[0] == fn]
        if self._callbacks is None:
            return 0
        kept = [pair for pair in self._callbacks if not any(pair is other for other in found)]
        removed = len(self._callbacks) - len(kept)
        self._callbacks = kept or None
        return removed

    def __await__(self):
        if not self.ended:
            self._asyncio_future_blocking = True
            yield self
        if not self.ended:
            raise RuntimeError("await wasn't used with future")
        return self.result()

    __iter__ = __await__

    # ---- what else asyncio, anyio and debuggers read

    cpdef _make_cancelled_error(self):
        error = self.cancelled_error
        if error is not None:
            self.cancelled_error = None
            return error
        return CancelledError() if self._cancel_message is None else CancelledError(self._cancel_message)

    @property
    def _state(self):
        return "PENDING" if not self.ended else "CANCELLED" if self.was_cancelled else "FINISHED"

    @property
    def _log_traceback(self):
        return self.log_traceback

    @_log_traceback.setter
    def _log_traceback(self, value):
        if value:
            raise ValueError("_log_traceback can only be set to False")
        self.log_traceback = False


cdef what_is_wrong(RequestTask task, future):
    """Why a coroutine may not wait for what it yielded, or None."""
    blocking = getattr(future, "_asyncio_future_blocking", None)
    if blocking is None:
        if isgenerator(future):
            return f"yield was used instead of yield from for generator in task {task!r} with {future!r}"
        return f"Task got bad yield: {future!r}"
    if future_loop(future) is not task._loop:
        return f"Task {task!r} got Future {future!r} attached to a different loop"
    if not blocking:
        return f"yield was used instead of yield from in task {task!r} with {future!r}"
    if future is task:
        return f"Task cannot await on itself: {task!r}"
    return None


cdef future_loop(future):
    # Before Python 3.7 there was no get_loop(), and asyncio still allows for futures without.
    get_loop = getattr(future, "get_loop", None)
    return future._loop if get_loop is None else get_loop()


cdef task_repr(task):
    if hasattr(base_tasks, "_task_repr"):  # the latest 3.11 and later
        return base_tasks._task_repr(task)
    return f"<{task.__class__.__name__} {' '.join(base_tasks._task_repr_info(task))}>"
