"""Signals of a process that serves alone, on every system."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def handled_signals(loop: asyncio.AbstractEventLoop, handlers: Mapping[str, Callable[[], object]]) -> Iterator[None]:
    """Call these in `loop` on the signals of these names, while the block runs; names unknown to the system count not.

    Windows' event loops know no signals (NotImplementedError), but wake up for those that Python handles.
    """
    numbers = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in numbers.items():
        try:
            loop.add_signal_handler(number, handler)
        except NotImplementedError:
            signal.signal(number, _from_outside(loop, handler))
    try:
        yield
    finally:
        for number, previous in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, previous)


def _from_outside(
    loop: asyncio.AbstractEventLoop, handler: Callable[[], object]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(handler)

    return handle
