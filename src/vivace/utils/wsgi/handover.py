"""Between the thread in which an application runs and the event loop."""

from __future__ import annotations

import threading
from contextlib import suppress

from vivace.utils.asgi import ClientDisconnected
from vivace.utils.event_loops import EventLoop


class Handover:
    """The lock of an exchange, what has become of it, and how one side tells the other that something has changed.

    Neither side waits for an answer: the thread goes on while the loop sends, and the loop is woken once for all that
    has happened since it last looked.
    """

    def __init__(self, loop: EventLoop) -> None:
        self.loop = loop
        self.changed = threading.Condition(threading.Lock())
        self.news = loop.make_signal()
        self.told = False
        self.begun = False  # a thread has it
        self.lost = False  # there is nobody to read from or write to
        self.done = False  # no thread has it, and none will

    # ---- in the loop

    async def wait(self) -> None:
        """Return when there is news."""
        await self.news.wait()
        self.news.clear()
        with self.changed:
            self.told = False

    async def until_done(self) -> None:
        """Return when no thread has the exchange any more."""
        while not self.done:
            await self.wait()

    def lose(self) -> None:
        """The client is gone, the request cancelled, or over. A thread hears it when it next reads or writes."""
        with self.changed:
            self.lost = True
            if not self.begun:
                self.done = True
            self.changed.notify_all()
        self.news.set()

    # ---- in the thread

    def begin(self) -> bool:
        """Whether the exchange is still wanted, now that a thread is free for it."""
        with self.changed:
            self.begun = not self.done
            return self.begun

    def finish(self) -> None:
        """The thread is done with it."""
        with self.changed:
            self.done = True
            # The loop may have been closed without waiting for a thread that took too long.
            with suppress(RuntimeError):
                self.tell_loop()

    def tell_loop(self) -> None:
        """There is news. The thread holds the lock."""
        if not self.told:
            self.told = True
            self.loop.call_soon_threadsafe(self.news.set)

    def check(self) -> None:
        """Raise ClientDisconnected (an OSError) when there is nobody to read from or write to."""
        if self.lost:
            raise ClientDisconnected("the client closed the connection, or the request was cancelled or is over")
