"""Who waits for whom: tells a deadlock of tasks from slow work, and where in a program a task is.

Looked at only when something has already gone wrong (a gate that stays shut, a pool without a free connection), so it
may be slow. It reads what tasks are suspended in; where that says nothing, the answer is "unknown", never a guess.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.sslproto
import asyncio.streams
import gc
import os
from collections.abc import Iterator
from enum import Enum
from types import FrameType
from typing import Any

from vivace.databases import gates, shielding

_HERE = os.path.dirname(__file__) + os.sep
_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep
_LIBRARIES = f"{os.sep}site-packages{os.sep}"
# Suspended in one of these, a task waits for the world outside (a peer, a thread), which wakes it up some time.
_OUTSIDE = frozenset({asyncio.streams.__file__, asyncio.base_events.__file__, asyncio.sslproto.__file__})
_OUTSIDE_CODE = frozenset({asyncio.sleep.__code__, asyncio.to_thread.__code__})
# In this layer but not in a statement: their wait is somebody else's, which is looked at too.
_GO_BETWEENS = frozenset({gates.__file__, shielding.__file__})


class Waiting(Enum):
    """What a task does as long as another one waits for it."""

    FOR_ME = "it waits for the one that asks: a deadlock"
    OUTSIDE = "it sleeps, or waits for a database or a socket: it will go on"
    UNKNOWN = "it waits for something inside this program"


def waiting_of(task: asyncio.Task[Any] | None, me: asyncio.Task[Any] | None) -> Waiting:
    """What `task`, and all it waits for, is suspended in."""
    if task is None or task.done():
        return Waiting.UNKNOWN
    to_look_at, seen, is_outside = [task], {task}, False
    while to_look_at:
        current = to_look_at.pop()
        if current is me:
            return Waiting.FOR_ME
        suspended = list(suspended_frames(current))
        is_outside = is_outside or _waits_outside(suspended)
        for other in _awaited(current, suspended):
            if other not in seen and not other.done():
                seen.add(other)
                to_look_at.append(other)
    return Waiting.OUTSIDE if is_outside else Waiting.UNKNOWN


def where(task: asyncio.Task[Any] | None) -> str:
    """The line of the program that a task is suspended in, "" when it cannot be told: `orders.py:12 in pay`."""
    line = ""
    for frame in suspended_frames(task):
        path = frame.f_code.co_filename
        if not path.startswith((_HERE, _ASYNCIO, "<")) and _LIBRARIES not in path:
            folder, name = os.path.split(path)
            line = f"{os.path.basename(folder)}/{name}:{frame.f_lineno} in {frame.f_code.co_name}"
    return line


def described(task: object) -> str:
    """A task for a message: its name, and where it is."""
    if not isinstance(task, asyncio.Task):
        return "a callback"
    line = where(task)
    return f"task {task.get_name()!r}" + (f" (at {line})" if line else "")


def suspended_frames(task: asyncio.Task[Any] | None) -> Iterator[FrameType]:
    """The frames of the coroutines a task is suspended in, outermost first."""
    step: Any = None if task is None else task.get_coro()
    while step is not None:
        frame = getattr(step, "cr_frame", None) or getattr(step, "ag_frame", None) or getattr(step, "gi_frame", None)
        if frame is not None:
            yield frame
        inner = (
            getattr(step, "cr_await", None) or getattr(step, "ag_await", None) or getattr(step, "gi_yieldfrom", None)
        )
        step = _generator_of(step) if inner is None and frame is None else inner


def _generator_of(step: object) -> Any:
    """What is behind `anext(generator)` and `generator.aclose()`, which show no frame of their own."""
    return next((each for each in gc.get_referents(step) if hasattr(each, "ag_frame")), None)


def _waits_outside(frames: list[FrameType]) -> bool:
    if not frames:
        return False
    code = frames[-1].f_code
    if code in _OUTSIDE_CODE or code.co_filename in _OUTSIDE:
        return True
    # In a statement, or waiting in line for a connection, which has a time limit of its own. Not: at a gate.
    in_layer = [frame for frame in frames if frame.f_code.co_filename.startswith(_HERE)]
    return bool(in_layer) and in_layer[-1].f_code.co_filename not in _GO_BETWEENS and _is_below(in_layer[-1], frames)


def _is_below(frame: FrameType, frames: list[FrameType]) -> bool:
    """Whether only drivers and asyncio are between a frame and what it waits for."""
    inner = frames[frames.index(frame) + 1 :]
    return all(each.f_code.co_filename.startswith(_ASYNCIO) or _LIBRARIES in each.f_code.co_filename for each in inner)


def _awaited(task: asyncio.Task[Any], frames: list[FrameType]) -> Iterator[asyncio.Task[Any]]:
    """The tasks that a task waits for."""
    waiter: Any = getattr(task, "_fut_waiter", None)
    yield from _tasks_in(waiter)
    yield from _tasks_in(getattr(waiter, "_children", None))  # gather()
    for frame in frames:
        if frame.f_code is gates.Gate.acquire.__code__:
            holder = frame.f_locals["self"].holder
            yield from _tasks_in(getattr(holder, "owner", holder))
        elif frame.f_code.co_filename.startswith(_ASYNCIO):  # wait(), wait_for(), TaskGroup
            for name in ("fs", "fut"):
                yield from _tasks_in(frame.f_locals.get(name))
            yield from _tasks_in(getattr(frame.f_locals.get("self"), "_tasks", None))


def _tasks_in(value: object) -> Iterator[asyncio.Task[Any]]:
    if isinstance(value, asyncio.Task):
        yield value
    elif isinstance(value, (set, list, tuple)):
        for each in value:
            yield from _tasks_in(each)
