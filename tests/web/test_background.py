from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivace.web.background import BackgroundTask, BackgroundTasks
from vivace.web.requests import ClientDisconnect
from vivace.web.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from vivace.web.types import Message

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


async def lines() -> Any:
    yield "text"


@pytest.mark.parametrize(
    "make",
    [
        lambda task: PlainTextResponse("text", background=task),
        lambda task: StreamingResponse(lines(), background=task),
        lambda task: FileResponse(Path(__file__), background=task),
    ],
    ids=["whole", "stream", "file"],
)
async def test_a_task_runs_when_the_client_left_before_its_response(make: Callable[[Any], Response]) -> None:
    done: list[int] = []
    scope = {"type": "http", "method": "POST", "headers": [], "asgi": {"spec_version": "2.5"}}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise OSError("gone")

    with pytest.raises((OSError, ClientDisconnect)):
        await make(BackgroundTask(done.append, 1))(scope, receive, send)
    assert done == [1]


async def test_no_task_runs_for_a_response_that_could_not_be_made() -> None:
    done: list[int] = []

    async def broken() -> Any:
        yield "text"
        raise LookupError

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "headers": [], "asgi": {"spec_version": "2.5"}}
    with pytest.raises(LookupError):
        await StreamingResponse(broken(), background=BackgroundTask(done.append, 1))(scope, receive, send)
    assert done == []
