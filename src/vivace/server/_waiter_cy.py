# cython: annotation_typing=False
"""What one task waits for: a future without a result, which can also resume its task at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

from vivace.server.request_task import Pause, resume


class Waiter(Pause):
    """As much of a future as a task asks of what it waits for (asyncio, "Extending": custom futures).

    A future of asyncio resumes its task in a later turn of the loop, which costs more than all else that we do for a
    small message. `wake_now` resumes a `RequestTask` before it returns. Other tasks, such as an application makes, and
    every task while another one is current, have to wait for the turn.
    """

    _asyncio_future_blocking: bool
    next: Waiter | None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self.loop = loop
        self.callback: Callable[[Waiter], object] | None = None
        self.context: Context | None = None
        self.is_done = False
        self.is_cancelled = False
        self.cancel_message: Any = None
        self.next = None

    def __await__(self) -> Generator[Any, None, None]:
        return self  # type: ignore[return-value]  # all that await asks of it is `__next__`

    def __iter__(self) -> Waiter:
        return self

    def __next__(self) -> Waiter:
        if not self.is_done:
            self._asyncio_future_blocking = True
            return self
        self.result()
        raise StopIteration

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Future: the loop."""
        return self.loop

    def add_done_callback(self, callback: Callable[[Waiter], object], *, context: Context | None = None) -> None:
        """Future: whom to call, the task that waits."""
        if self.is_done:
            self.loop.call_soon(callback, self, context=context)
        else:
            self.callback = callback
            self.context = context

    def rearm(self) -> None:
        """Be waited for once more, after `wake`: most wait again and again."""
        self.is_done = False
        self.task = None
        self.callback = None
        self.context = None

    def was_woken(self) -> bool:
        """Whether `wake` came, and came before `cancel`."""
        return self.is_done and not self.is_cancelled

    def wake(self) -> None:
        """Resume the task in the loop's next turn. Nothing happens the second time."""
        if self.is_done:
            return
        self.is_done = True
        task = self.task
        if task is not None:
            self.loop.call_soon(task._wakeup, self, context=task.get_context())
        elif self.callback is not None:
            self.loop.call_soon(self.callback, self, context=self.context)

    def wake_now(self) -> None:
        """Resume the task and return when it waits again, or has ended; if that cannot be, as `wake`."""
        task = self.task
        if task is None or self.is_done:
            self.wake()
            return
        self.is_done = True
        if not resume(task):
            self.is_done = False
            self.wake()

    def cancel(self, msg: Any = None) -> bool:
        """Future: the task is cancelled."""
        if self.is_done:
            return False
        self.is_cancelled = True
        self.cancel_message = msg
        self.wake()
        return True

    def cancelled(self) -> bool:
        """Future: whether `cancel` came first."""
        return self.is_cancelled

    def done(self) -> bool:
        """Future: whether the task was woken."""
        return self.is_done

    def result(self) -> None:
        """Future: None, or CancelledError."""
        if self.is_cancelled:
            if self.cancel_message is None:
                raise asyncio.CancelledError
            raise asyncio.CancelledError(self.cancel_message)
