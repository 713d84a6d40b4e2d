from __future__ import annotations

import threading

import pytest

from vivace.web.background import BackgroundTask, BackgroundTasks

pytestmark = pytest.mark.anyio


async def test_an_async_function_is_awaited_and_a_plain_one_runs_in_a_thread() -> None:
    seen: list[tuple[int, str]] = []

    async def asynchronous(value: int, *, word: str) -> None:
        seen.append((value, word))

    def plain(value: int, *, word: str) -> None:
        seen.append((threading.get_ident(), word))

    await BackgroundTask(asynchronous, 1, word="a")()
    await BackgroundTask(plain, 1, word="b")()
    assert seen[0] == (1, "a")
    assert seen[1][0] != threading.get_ident()


async def test_tasks_run_in_order_until_one_fails() -> None:
    done: list[int] = []

    async def fail() -> None:
        raise ValueError("broken")

    tasks = BackgroundTasks([BackgroundTask(done.append, 1)])
    tasks.add_task(done.append, 2)
    tasks.add_task(fail)
    tasks.add_task(done.append, 3)
    with pytest.raises(ValueError, match="broken"):
        await tasks()
    assert done == [1, 2]
    await BackgroundTasks()()
