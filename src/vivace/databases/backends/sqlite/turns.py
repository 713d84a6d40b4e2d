"""How much of each turn of the event loop goes to reads, and who is next when that is used up.

A task that reads without pause takes what a turn allows, then stands in line with the others. Those who stood in line
get a slice each, first come first served, so that such a task cannot keep the next one waiting for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

# Seconds of reads in one turn of the loop.
TURN = 0.002
# Seconds for each of those who stood in line.
SLICE = 0.00025

_WOKEN_AT_ONCE = int(TURN / SLICE)


class Turns:
    """The line. `allowance`: seconds of reads that whoever runs now may still take; `new_turn` is called with each."""

    __slots__ = ("_is_scheduled", "_line", "_loop", "_new_turn", "allowance")

    def __init__(self, loop: asyncio.AbstractEventLoop, new_turn: Callable[[], object]) -> None:
        self._loop = loop
        self._new_turn = new_turn
        self._line: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False
        self.allowance = TURN

    def use(self) -> None:
        """This turn is used: there is to be a new one."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._begin)

    async def wait(self) -> None:
        """Stand in line for the next turn."""
        place: asyncio.Future[None] = self._loop.create_future()
        self._line.append(place)
        self.use()
        await place
        self.allowance = SLICE

    def _begin(self) -> None:
        self._is_scheduled = False
        self._new_turn()
        if not self._line:
            self.allowance = TURN
            return
        # Only for those who stood in line: each gives itself a slice when it wakes up.
        self.allowance = 0.0
        for _ in range(min(_WOKEN_AT_ONCE, len(self._line))):
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
        self.use()

    def close(self) -> None:
        """Let everybody go; they will find that there is nothing left to read from."""
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
