from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator

import anyio
import pytest

from vivace.web.concurrency import iterate_in_threadpool, run_in_threadpool, run_until_first_complete

pytestmark = pytest.mark.anyio

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


async def test_a_blocking_call_runs_in_a_thread_with_the_callers_context() -> None:
    def work(number: int, *, text: str = "") -> tuple[int, str, str, int]:
        return number, text, variable.get(), threading.get_ident()

    variable.set("here")
    number, text, context, thread = await run_in_threadpool(work, 1, text="x")
    assert (number, text, context) == (1, "x", "here")
    assert thread != threading.get_ident()
    assert (await run_in_threadpool(work, 2))[:2] == (2, "")


async def test_what_the_call_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_threadpool(divmod, 1, 0)


async def test_an_iterable_is_walked_in_threads() -> None:
    threads = set()

    def numbers() -> Iterator[int | None]:
        for number in (1, None, 3):
            threads.add(threading.get_ident())
            yield number

    assert [number async for number in iterate_in_threadpool(numbers())] == [1, None, 3]
    assert threading.get_ident() not in threads
    nothing: list[int] = []
    assert [number async for number in iterate_in_threadpool(nothing)] == []


async def test_an_error_on_the_way_is_raised() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    steps = iterate_in_threadpool(broken())
    assert await anext(steps) == 1
    with pytest.raises(ValueError, match="broken"):
        await anext(steps)


async def test_the_first_to_end_ends_the_others() -> None:
    ended = []

    async def quick(result: int) -> None:
        ended.append(result)

    async def slow() -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.warns(UserWarning, match="deprecated"):
        await run_until_first_complete((quick, {"result": 1}), (slow, {}))
    assert ended == [1]
