# cython: annotation_typing=False, auto_pickle=False
"""How much of each turn of the event loop goes to reads, and who is next when that is used up.

A task that reads without pause takes what a turn allows it, then stands in line. Other tasks of the same turn may go on
until all together have taken what a turn allows at most. Those who stood in line get a slice each, first come first
served, so that such a task cannot keep the next one waiting for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

# Seconds of reads that a task gets in one turn of the loop, and all tasks together.
TURN = 0.002
ALL_TASKS = 0.01
# Seconds for each of those who stood in line.
SLICE = 0.00025

_WOKEN_AT_ONCE = int(TURN / SLICE)


class Turns:
    """The line. `allowance`: seconds of reads that whoever runs now may still take; `new_turn` is called with each.

    `left`: seconds that tasks may still take which have not used up an allowance in this turn.
    """

    __slots__ = ("_is_scheduled", "_line", "_loop", "_new_turn", "_used_up_by", "allowance", "left", "number")

    def __init__(self, loop: asyncio.AbstractEventLoop, new_turn: Callable[[], object]) -> None:
        self._loop = loop
        self._new_turn = new_turn
        self._line: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False
        self._used_up_by: asyncio.Task[object] | None = None
        self.allowance = TURN
        self.left = ALL_TASKS - TURN
        # Counts the turns that were used.
        self.number = 0

    def use(self) -> None:
        """This turn is used: there is to be a new one."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._begin)

    def used_up(self) -> None:
        """The task that runs now has taken all of its allowance."""
        self._used_up_by = asyncio.current_task(self._loop)

    def renewed(self) -> bool:
        """Give the task that runs now an allowance of its own, if it was another that used up the last one."""
        if self.left <= 0.0 or asyncio.current_task(self._loop) is self._used_up_by:
            return False
        self.left -= TURN
        self.allowance = TURN
        return True

    async def wait(self) -> None:
        """Stand in line for the next turn."""
        place: asyncio.Future[None] = self._loop.create_future()
        self._line.append(place)
        self.use()
        await place
        self.allowance = SLICE

    def _begin(self) -> None:
        self._is_scheduled = False
        self.number += 1
        self._used_up_by = None
        self._new_turn()
        if not self._line:
            self.allowance = TURN
            self.left = ALL_TASKS - TURN
            return
        # Only for those who stood in line: each gives itself a slice when it wakes up.
        self.allowance = self.left = 0.0
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
