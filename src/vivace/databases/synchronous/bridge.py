"""From a thread to the event loop and back.

A call runs as a task on the loop that the database is connected in, with a copy of the thread's context, so it finds
the frame of the transaction it belongs to there; frames are never touched outside the loop. What the call changes in
its context (a transaction it opened) is then set in the thread's.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from types import CoroutineType, FrameType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from vivace.databases.errors import InterfaceError, TransactionEnded
from vivace.databases.frames import END_TIMEOUT, Frame, current_frames
from vivace.databases.observing.slow_queries import is_ours

if TYPE_CHECKING:
    from vivace.databases.database import Database

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]

# Seconds between two looks at whether the loop still runs that a thread waits for.
_LOOK = 1.0
# A loop that stood still at so many of them has ended.
_LOOKS = 3
_UNSET = object()
# The frames in which statements of this thread's context ran, as rule 4 of frames.py wants to know. Each call is a task
# of its own, so the tasks of the frames cannot tell.
_used: ContextVar[tuple[Frame, ...]] = ContextVar("vivace.databases.synchronous", default=())


class Bridge:
    """Runs coroutines of one database on its loop: the one it is connected in, else one of its own in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own: _LoopThread | None = None
        self._starting = threading.Lock()

    def call(self, work: Work[T]) -> T:
        """What `work()` gives or raises. Raises `InterfaceError` in a thread that has an event loop running."""
        _refuse_loops_thread()
        loop = self._loop()
        self._check_frames()
        return self._wait(loop, work)

    def connect(self) -> None:
        """Connect, on a loop of our own unless it is connected already."""
        _refuse_loops_thread()
        if self._is_served():
            return
        with self._starting:
            if self._own is None:
                self._own = _LoopThread()
        try:
            self._wait(self._own.loop, self._database.connect)
        except BaseException:
            self._end_own_loop()
            raise
        _on_own_loops.add(self)

    def disconnect(self) -> None:
        """Disconnect, and end the loop if it was our own."""
        _refuse_loops_thread()
        try:
            if self._is_served():
                self._wait(self._loop(), self._database.disconnect)
        finally:
            self._end_own_loop()

    def _end_own_loop(self) -> None:
        with self._starting:
            own, self._own = self._own, None
        _on_own_loops.discard(self)
        if own is not None:
            own.stop()

    def _is_served(self) -> bool:
        """Whether the database is connected in a loop that runs."""
        loop = self._database.loop
        return self._database.is_connected and loop is not None and loop.is_running()

    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = self._database.loop
        if self._database.is_connected and loop is not None and loop.is_running():
            return loop
        if self._database.is_connected:
            raise InterfaceError(
                "The event loop that the database was connected in does not run, so nothing can be asked of it. "
                'Outside of an application use "with database.sync:", which connects in a loop of its own'
            )
        raise InterfaceError(
            'The database is not connected: use it in "with database.sync:", or call database.sync.connect() first'
        )

    def _check_frames(self) -> None:
        frame = current_frames.get().get(self._database)
        used = _used.get()
        chain: list[Frame] = []
        while frame is not None:
            if frame.ended and frame in used:
                raise TransactionEnded(
                    "This thread worked in a transaction that has ended since (was the task that waited for the thread "
                    "cancelled?); its further statements would not be part of it"
                )
            chain.append(frame)
            if not frame.ended:
                break
            frame = frame.parent
        if frame is not None and frame not in used:
            _used.set((*[each for each in used if not each.ended], frame))

    def _wait(self, loop: asyncio.AbstractEventLoop, work: Work[T]) -> T:
        before = contextvars.copy_context()
        context = contextvars.copy_context()
        call = _Call(loop, work, context, f"database.sync at {_line()}")
        try:
            result: T = call.result()
            return result
        finally:
            for variable, value in context.items():
                if before.get(variable, _UNSET) is not value:
                    variable.set(value)


class _Call:
    """One coroutine on its way: started on the loop, waited for in the thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Work[Any], context: contextvars.Context, name: str
    ) -> None:
        self._loop = loop
        self._work = work
        self._context = context
        self._name = name
        self._task: asyncio.Task[Any] | None = None
        self._done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            loop.call_soon_threadsafe(self._start)
        except RuntimeError:
            raise InterfaceError("The event loop of the database has ended") from None

    def _start(self) -> None:
        if self._done.cancelled():
            return
        self._task = self._loop.create_task(self._work(), name=self._name, context=self._context)
        self._task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[Any]) -> None:
        if self._done.cancelled():
            return
        if task.cancelled():
            self._done.set_exception(InterfaceError("The statement was cancelled: the application is ending"))
            return
        error = task.exception()
        if error is not None:
            self._done.set_exception(error)
        else:
            self._done.set_result(task.result())

    def result(self) -> Any:
        """Wait. Ctrl-C meanwhile cancels the work, as for any task, and is raised when that has ended."""
        stopped = 0
        try:
            while not concurrent.futures.wait([self._done], timeout=_LOOK).done:
                # It may just be between two run_until_complete().
                stopped = 0 if self._loop.is_running() else stopped + 1
                if stopped == _LOOKS or self._loop.is_closed():
                    self._abandon()
                    raise InterfaceError("The event loop of the database has ended")
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(self._cancel)
            concurrent.futures.wait([self._done], timeout=END_TIMEOUT)
            raise
        return self._done.result()

    def _abandon(self) -> None:
        """The loop ended before the work did. A call that came while the loop was closing may never have begun."""
        self._done.cancel()
        if self._task is not None and self._loop.is_closed():
            # As asyncio.gather() does for tasks whose fate it has told about itself.
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = self._task.get_coro()
            if isinstance(coroutine, CoroutineType) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class _LoopThread:
    """An event loop that runs in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        # A daemon: a script that forgets to disconnect ends all the same.
        self._thread = threading.Thread(target=self._run, name="vivace-database-sync", daemon=True)
        started = threading.Event()
        self.loop.call_soon(started.set)
        self._thread.start()
        started.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    def stop(self) -> None:
        """End the loop, and return when it has ended."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=END_TIMEOUT)


_on_own_loops: WeakSet[Bridge] = WeakSet()


@atexit.register
def _disconnect_all() -> None:
    """A script or shell that ends says goodbye to its databases."""
    for bridge in list(_on_own_loops):
        bridge.disconnect()


def _refuse_loops_thread() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InterfaceError(
        "database.sync was used in the thread of a running event loop, which would wait for itself: await the "
        "database's own methods here, or move this code to a thread (asyncio.to_thread)"
    )


def _line() -> str:
    """The file and line of the application that called."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return "an unknown line" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
