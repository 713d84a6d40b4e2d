"""Forking from a process that runs an event loop, so that the child keeps nothing of it."""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Coroutine
from typing import Any, NoReturn, TypeVar

from vivace.server.logging import flush_logs

T = TypeVar("T")
Child = Callable[[], int]


class Forker:
    """Runs a coroutine in an event loop of its own, and forks for it while that loop rests.

    A child so has no frame of the loop below its own: tracebacks of applications stay readable, and nothing of the
    loop can go on in it. What was open when the Forker was made, but for `private`, is the child's as well, besides
    what `fork` is told.
    """

    def __init__(self, private: Collection[int] = ()) -> None:
        self._shared = open_descriptors().difference(private)
        self._handled: set[signal.Signals] = set()
        self._asked: list[tuple[Child, Collection[int], asyncio.Future[int]]] = []
        self.loop = asyncio.new_event_loop()

    def handle(self, number: signal.Signals, handler: Callable[[], object]) -> None:
        """Call `handler` in the loop on that signal; children do what the system does on it."""
        self.loop.add_signal_handler(number, handler)
        self._handled.add(number)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, with the loop closed."""
        task = self.loop.create_task(work)
        task.add_done_callback(lambda _: self.loop.stop())
        try:
            while not task.done():
                self.loop.run_forever()
                while self._asked:
                    child, keep, answer = self._asked.pop(0)
                    if answer.cancelled():
                        continue
                    try:
                        answer.set_result(self._fork(child, keep))
                    except OSError as error:
                        answer.set_exception(error)
            return task.result()
        finally:
            self._close()

    async def fork(self, child: Child, keep: Collection[int]) -> int:
        """The number of a new process that runs `child` and ends with what it returns. Raises OSError.

        It has the descriptors in `keep` besides those that all share.
        """
        answer: asyncio.Future[int] = self.loop.create_future()
        self._asked.append((child, keep, answer))
        self.loop.stop()
        return await answer

    def _fork(self, child: Child, keep: Collection[int]) -> int:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        kept = self._shared.union(keep, log_descriptors())
        # A signal to the new process would be written into the pipe that wakes our loop, until it has left that.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            number = os.fork()
            if number == 0:
                live(child, kept, self._handled, mask)
            return number
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _close(self) -> None:
        self.loop.run_until_complete(end_tasks())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


async def end_tasks() -> None:
    """Cancel all other tasks of this loop, and wait for them."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def live(child: Child, keep: Collection[int], handled: Collection[int], mask: Collection[int]) -> NoReturn:
    """The whole life of a forked process: leave what is its parent's, run `child`, end."""
    code = 1
    try:
        # What the parent left to be collected is not ours to finalize.
        gc.freeze()
        atexit._clear()
        signal.set_wakeup_fd(-1)
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        leave_descriptors(keep)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = child()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - nothing may go on into the parent's frames
        traceback.print_exc()
    end(code)


def end(code: int) -> NoReturn:
    """End this process as the interpreter would, but for the frames and finalizers that are its parent's."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        flush_logs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def leave_descriptors(keep: Collection[int]) -> None:
    """Leave all descriptors but the standard three and those in `keep`.

    Objects of the parent that own them are in our memory as well, and might close a number that is something else
    by then. So the numbers stay taken, by the null device.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for number in open_descriptors().difference(keep, (0, 1, 2, null)):
        os.dup2(null, number, inheritable=False)
    os.close(null)


def open_descriptors() -> set[int]:
    """The numbers of this process's open descriptors."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    found = set()
    for name in os.listdir(folder):
        number = int(name)
        try:
            os.fstat(number)
        except OSError:  # the descriptor that listed the folder
            continue
        found.add(number)
    return found


def log_descriptors() -> set[int]:
    """The descriptors of log files, which may have been opened again since the start."""
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    found = set()
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            try:
                found.add(handler.stream.fileno())
            except (AttributeError, OSError, ValueError):
                continue
    return found
