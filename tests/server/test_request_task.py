"""What asyncio.Task does, RequestTask does: each test of the first part runs on both. What is its own comes after."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import logging
import subprocess
import sys
import traceback
import types
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import sniffio
import uvloop
from asgiref.sync import async_to_sync, sync_to_async

from vivace.server.request_task import SUPPORTED, RequestTask, Work, is_done, perform, run, start

pytestmark = pytest.mark.anyio

Make = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
Reports = list[dict[str, Any]]

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def started(coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return start(coro, asyncio.get_running_loop(), contextvars.copy_context())


@pytest.fixture(params=["asyncio.Task", "scheduled", "started"])
def make(request: pytest.FixtureRequest) -> Make:
    return {"asyncio.Task": asyncio.Task, "scheduled": RequestTask, "started": started}[request.param]


@contextmanager
def reports() -> Iterator[Reports]:
    """What the event loop is told of meanwhile."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    told: Reports = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    try:
        yield told
    finally:
        loop.set_exception_handler(before)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def answer(value: int = 5, waits: int = 0) -> int:
    for _ in range(waits):
        await asyncio.sleep(0)
    return value


async def fail(error: BaseException, waits: int = 0) -> None:
    for _ in range(waits):
        await asyncio.sleep(0)
    raise error


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


# ---- what a task is


@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_a_task_gives_the_result_of_its_coroutine(make: Make, waits: int) -> None:
    task = make(answer(7, waits))
    assert await task == 7
    assert task.done()
    assert not task.cancelled()
    assert task.result() == 7
    assert task.exception() is None
    assert await task == 7, "again"


async def test_a_task_is_a_task_to_whoever_looks(make: Make) -> None:
    coro = answer(waits=1)
    task = make(coro)
    assert isinstance(task, asyncio.Task)
    assert isinstance(task, asyncio.Future)
    assert asyncio.isfuture(task)
    assert asyncio.ensure_future(task) is task
    assert task.get_loop() is asyncio.get_running_loop()
    assert task.get_coro() is coro
    assert hash(task) == hash(task)
    assert weakref.ref(task)() is task
    assert weakref.WeakKeyDictionary({task: 1})[task] == 1
    task.note = "an attribute"  # type: ignore[attr-defined]
    assert task.note == "an attribute"  # type: ignore[attr-defined]
    await task


async def test_a_task_has_the_attributes_of_asyncios_own() -> None:
    assert set(dir(asyncio.Task)) - {"__module__"} <= set(dir(RequestTask))


async def test_the_current_task_is_the_same_before_and_after_every_wait(make: Make) -> None:
    async def look() -> set[asyncio.Task[Any] | None]:
        seen = {asyncio.current_task()}
        await asyncio.sleep(0)
        seen.add(asyncio.current_task())
        await asyncio.sleep(0.001)
        return seen | {asyncio.current_task()}

    outer = asyncio.current_task()
    task = make(look())
    assert asyncio.current_task() is outer
    assert await task == {task}


async def test_a_task_is_among_all_tasks_from_its_first_line_to_its_last(make: Make) -> None:
    async def look() -> bool:
        first = asyncio.current_task() in asyncio.all_tasks()
        await asyncio.sleep(0)
        return first and asyncio.current_task() in asyncio.all_tasks()

    task = make(look())
    assert task in asyncio.all_tasks()
    assert await task is True
    assert task not in asyncio.all_tasks()


async def test_a_task_has_a_name_that_can_be_changed(make: Make) -> None:
    task = make(answer())
    assert task.get_name().startswith("Task-")
    assert task.get_name() == task.get_name()
    task.set_name(5)
    assert task.get_name() == "5"
    await task


async def test_the_repr_tells_how_far_it_is(make: Make) -> None:
    task = make(forever())
    await settle()
    task.set_name("shown")
    assert repr(task).startswith("<Task pending name='shown' coro=<forever() running at")
    assert "wait_for=<Future pending" in repr(task)
    task.cancel()
    assert repr(task).startswith("<Task cancelling name='shown'")
    await settle()
    assert repr(task).startswith("<Task cancelled name='shown' coro=<forever() done, defined at")
    finished = make(answer(4))
    await finished
    assert repr(finished).endswith("result=4>")


async def test_the_stack_of_a_suspended_task_can_be_seen(make: Make) -> None:
    task = make(forever())
    await settle()
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["forever"]
    printed = io.StringIO()
    task.print_stack(file=printed)
    assert "in forever" in printed.getvalue()
    task.cancel()


async def test_the_stack_of_a_failed_task_is_that_of_its_exception(make: Make) -> None:
    task = make(fail(ValueError("no")))
    await asyncio.wait([task])
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["fail"]
    assert isinstance(task.exception(), ValueError)


async def test_a_task_can_neither_be_pickled_nor_given_a_result(make: Make) -> None:
    task = make(answer())
    with pytest.raises(TypeError):
        task.__reduce_ex__(4)
    with pytest.raises(RuntimeError, match="does not support set_result"):
        task.set_result(1)
    with pytest.raises(RuntimeError, match="does not support set_exception"):
        task.set_exception(ValueError())
    await task


async def test_what_is_no_coroutine_is_refused(make: Make) -> None:
    with reports() as told:
        for wrong in (None, 5, answer, asyncio.get_running_loop().create_future()):
            with pytest.raises(TypeError, match="a coroutine was expected, got"):
                make(wrong)  # type: ignore[arg-type]
        gc.collect()
    assert told == []


# ---- waiting


async def test_a_task_waits_for_whatever_asyncio_offers(make: Make) -> None:
    async def tour() -> list[Any]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[int] = asyncio.Queue()
        lock = asyncio.Lock()
        event = asyncio.Event()
        found: list[Any] = []
        loop.call_later(0.001, queue.put_nowait, 1)
        found.append(await queue.get())
        await lock.acquire()
        loop.call_later(0.001, lock.release)
        async with lock:
            found.append(2)
        loop.call_later(0.001, event.set)
        found.append(await event.wait())
        found.append(await asyncio.wait_for(answer(3, 1), 5))
        found.append(await asyncio.shield(answer(4, 1)))
        found.append(await asyncio.gather(answer(5), answer(6, 1)))
        found.append(await loop.run_in_executor(None, lambda: 7))
        found.append(await asyncio.to_thread(lambda: 8))
        found.append(await next(iter(asyncio.as_completed([answer(9)]))))
        done, _ = await asyncio.wait([asyncio.ensure_future(answer(10))])
        found.append(done.pop().result())
        return found

    assert await make(tour()) == [1, 2, True, 3, 4, [5, 6], 7, 8, 9, 10]


async def test_a_task_can_be_waited_for_by_whatever_asyncio_offers(make: Make) -> None:
    assert tuple(await asyncio.gather(make(answer(1)), make(answer(2, 1)))) == (1, 2)
    assert await asyncio.shield(make(answer(3, 1))) == 3
    assert await asyncio.wait_for(make(answer(4, 1)), 5) == 4
    done, pending = await asyncio.wait({make(answer(5, 1)), make(answer(6))}, timeout=5)
    assert {task.result() for task in done} == {5, 6}
    assert not pending
    for future in asyncio.as_completed([make(answer(7, 1))]):
        assert await future == 7

    async def outer() -> int:
        return int(await make(answer(8, 2)))

    assert await make(outer()) == 8


async def test_wait_for_and_shield_cancel_what_asyncio_says(make: Make) -> None:
    task = make(forever())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(task, 0.001)
    assert task.cancelled()
    task = make(forever())
    shield = asyncio.shield(task)
    shield.cancel()
    await settle()
    assert not task.done()
    task.cancel()


async def test_the_callbacks_of_a_task_are_called_once_it_is_done(make: Make) -> None:
    told: list[Any] = []
    task = make(answer(waits=1))
    context = contextvars.copy_context()
    context.run(variable.set, "of the callback")

    def dropped(_: object) -> None:
        told.append("dropped")

    task.add_done_callback(dropped)
    task.add_done_callback(dropped)
    assert task.remove_done_callback(dropped) == 2
    assert task.remove_done_callback(dropped) == 0
    task.add_done_callback(told.append)
    task.add_done_callback(lambda _: told.append(variable.get()), context=context)
    await task
    await settle()
    assert told == [task, "of the callback"]
    task.add_done_callback(told.append)
    assert len(told) == 2, "never at once"
    await settle()
    assert told[2] is task


async def test_a_callback_may_change_the_list_while_it_is_compared(make: Make) -> None:
    class Callback:
        compared = 0

        def __call__(self, task: object) -> None:
            """Nothing to do."""

        def __eq__(self, other: object) -> bool:
            self.compared += 1
            if self.compared == 1:
                task.remove_done_callback(print)
            return False

        def __hash__(self) -> int:
            return 0

    task = make(forever())
    callback = Callback()
    task.add_done_callback(callback)
    task.add_done_callback(print)
    assert task.remove_done_callback(repr) == 0
    assert callback.compared >= 1
    task.cancel()


@types.coroutine
def yields(value: Any) -> Generator[Any, None, None]:
    yield value


async def waits_for(value: Any) -> None:
    await yields(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 42, "Task got bad yield: 42"),
        (lambda: (_ for _ in ()), "yield was used instead of yield from for generator in task"),
        (lambda: asyncio.get_running_loop().create_future(), "yield was used instead of yield from in task"),
    ],
)
async def test_a_coroutine_that_yields_what_it_should_not_is_told(
    make: Make, value: Callable[[], Any], message: str
) -> None:
    task = make(waits_for(value()))
    with pytest.raises(RuntimeError, match=message):
        await task


async def test_a_coroutine_that_yields_nothing_goes_on_in_the_next_turn(make: Make) -> None:
    assert await make(waits_for(None)) is None


async def test_a_task_cannot_wait_for_itself_or_for_another_loops_future(make: Make) -> None:
    async def itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        await task

    with pytest.raises(RuntimeError, match="Task cannot await on itself"):
        await make(itself())
    other = asyncio.new_event_loop()

    async def elsewhere() -> None:
        await other.create_future()

    with pytest.raises(RuntimeError, match="attached to a different loop"):
        await make(elsewhere())
    other.close()


async def test_an_exception_of_the_future_arrives_where_it_was_awaited(make: Make) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def waits() -> list[str]:
        try:
            await future
        except ValueError as error:
            return [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        return []

    task = make(waits())
    await settle()
    future.set_exception(ValueError("no"))
    assert await task == ["waits"]


# ---- cancelling


async def test_a_task_can_be_cancelled_at_every_wait(make: Make) -> None:
    async def visit(at: int, log: list[int | str]) -> None:
        async def wait(number: int) -> None:
            log.append(number)
            await asyncio.sleep(100 if number == at else 0)

        try:
            await wait(0)
            await asyncio.gather(wait(1))
            await asyncio.wait_for(wait(2), 200)
            async with asyncio.TaskGroup() as group:
                group.create_task(wait(3))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait, 4)
            async with asyncio.timeout(200):
                await wait(5)
        finally:
            log.append("end")

    for stop in range(6):
        log: list[int | str] = []
        task = make(visit(stop, log))
        while not log or log[-1] != stop:
            await asyncio.sleep(0)
        assert task.cancel("enough")
        assert task.cancelling() == 1
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == [*range(stop + 1), "end"]
        assert task.cancelled()
        assert not task.cancel(), "it has ended"


async def test_the_message_of_a_cancellation_arrives(make: Make) -> None:
    async def waits() -> tuple[Any, ...]:
        try:
            await forever()
        except asyncio.CancelledError as error:
            return error.args
        return ()

    task = make(waits())
    await settle()
    task.cancel("enough")
    assert await task == ("enough",)
    task = make(forever())
    await settle()
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.args == ("enough",)
    for ask in (task.result, task.exception):
        with pytest.raises(asyncio.CancelledError):
            ask()


async def test_a_task_that_cancels_itself_is_cancelled_at_its_next_wait_or_its_end(make: Make) -> None:
    def cancel(message: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel(message)

    async def ends() -> None:
        cancel("at the end")

    async def waits() -> None:
        cancel("at a wait")
        await forever()

    async def yields_once() -> None:
        cancel("at a yield")
        await asyncio.sleep(0)

    for function, message in ((waits, "at a wait"), (yields_once, "at a yield")):
        with pytest.raises(asyncio.CancelledError) as caught:
            await make(function())
        assert caught.value.args == (message,)
    task = make(ends())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_cancellation_can_be_taken_back(make: Make) -> None:
    async def stubborn() -> list[int]:
        task = asyncio.current_task()
        assert task is not None
        counts = [task.cancelling(), task.uncancel()]
        try:
            await forever()
        except asyncio.CancelledError:
            counts += [task.cancelling(), task.uncancel(), task.uncancel(), task.uncancel()]
        await asyncio.sleep(0)
        return counts

    task = make(stubborn())
    await settle()
    task.cancel()
    task.cancel()
    assert task.cancelling() == 2
    assert await task == [0, 0, 2, 1, 0, 0]
    assert not task.cancelled()


async def test_a_cancellation_taken_back_before_it_arrives_does_what_this_version_of_python_does(make: Make) -> None:
    async def hesitates() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        task.uncancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return "cancelled"
        return "not cancelled"

    assert await make(hesitates()) == ("not cancelled" if sys.version_info >= (3, 13) else "cancelled")


async def test_cancelling_a_task_cancels_what_it_waits_for(make: Make) -> None:
    inner = make(forever())

    async def outer() -> None:
        await inner

    task = make(outer())
    await settle()
    task.cancel("both")
    await settle()
    assert inner.cancelled()
    assert task.cancelled()


async def test_a_timeout_ends_what_is_in_it_and_no_more(make: Make) -> None:
    async def slow() -> int:
        task = asyncio.current_task()
        assert task is not None
        for delay in (0.001, 0, -1):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(delay):
                    await forever()
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return task.cancelling()

    assert await make(slow()) == 0


async def test_a_task_group_in_a_task_ends_with_its_children(make: Make) -> None:
    async def parent() -> int:
        task = asyncio.current_task()
        assert task is not None
        async with asyncio.TaskGroup() as group:
            children = [group.create_task(answer(number, 1)) for number in range(3)]
        assert [child.result() for child in children] == [0, 1, 2]
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(ValueError("no"), 1))
                await forever()
        assert caught.group_contains(ValueError, match="no")
        return task.cancelling()

    assert await make(parent()) == 0


async def test_tasks_left_when_a_runner_closes_are_cancelled(make: Make) -> None:
    def run() -> list[str]:
        seen: list[str] = []
        kept: list[asyncio.Task[Any]] = []

        async def endless() -> None:
            try:
                await forever()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        async def main() -> None:
            kept.append(make(endless()))
            await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=type(loop)) as runner:
            runner.run(main())
        return seen

    loop = asyncio.get_running_loop()
    assert await anyio.to_thread.run_sync(run) == ["cancelled"]


# ---- failing


@pytest.mark.parametrize("waits", [0, 1, 2])
async def test_the_exception_of_a_task_is_raised_where_it_is_awaited(make: Make, waits: int) -> None:
    task = make(fail(ValueError("no"), waits))
    with pytest.raises(ValueError, match="no") as caught:
        await task
    names = [frame.name for frame in caught.traceback]
    assert names[0] == "test_the_exception_of_a_task_is_raised_where_it_is_awaited"
    assert names[-1] == "fail"
    assert not {"start", "run", "advance", "fail"} & {name.rpartition("RequestTask.")[2] for name in names[:-1]}
    with pytest.raises(ValueError, match="no"):
        await task
    assert isinstance(task.exception(), ValueError)
    assert sys.exc_info() == (None, None, None)


async def test_a_task_that_is_not_done_has_no_result(make: Make) -> None:
    task = make(forever())
    with pytest.raises(asyncio.InvalidStateError, match="Result is not set"):
        task.result()
    with pytest.raises(asyncio.InvalidStateError, match="Exception is not set"):
        task.exception()
    task.cancel()


@pytest.mark.parametrize("waits", [0, 2])
async def test_an_exception_that_nobody_asked_for_is_reported_every_time(make: Make, waits: int) -> None:
    with reports() as told:
        for _ in range(30):
            task = make(fail(ValueError("no"), waits))
            await asyncio.wait([task])
            del task
        gc.collect()
    assert [report["message"] for report in told] == ["Task exception was never retrieved"] * 30
    assert str(told[0]["exception"]) == "no"


async def test_an_exception_that_was_asked_for_or_waved_away_is_not_reported(make: Make) -> None:
    with reports() as told:
        for see in (asyncio.Task.exception, None):
            task = make(fail(ValueError("no")))
            await asyncio.wait([task])
            if see is None:
                task._log_traceback = False
            else:
                task.exception()
            with pytest.raises(ValueError, match="can only be set to False"):
                task._log_traceback = True  # type: ignore[assignment]
            del task
            gc.collect()
    assert told == []


async def test_a_task_destroyed_while_it_waits_is_reported(make: Make) -> None:
    with reports() as told:
        task = make(forever())
        await settle()
        del task
        gc.collect()
        task = make(forever())
        await settle()
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        del task
        gc.collect()
    assert [report["message"] for report in told] == ["Task was destroyed but it is pending!"]
    assert "forever" in repr(told[0]["task"])


async def test_stop_iteration_cannot_leave_a_task(make: Make) -> None:
    task = make(fail(StopIteration()))
    with pytest.raises(RuntimeError, match="coroutine raised StopIteration"):
        await task


async def test_a_coroutine_that_is_not_pythons_own_can_be_run(make: Make) -> None:
    class Custom(Coroutine[Any, Any, int]):
        def __init__(self) -> None:
            self.steps = 0

        def send(self, value: object) -> Any:
            self.steps += 1
            if self.steps < 3:
                return None
            raise StopIteration(self.steps)

        def throw(self, *error: Any) -> Any:
            raise StopIteration(-1)

        def close(self) -> None:
            """Nothing to close."""

        def __await__(self) -> Generator[Any, None, int]:
            raise NotImplementedError

    assert await make(Custom()) == 3
    task = make(Custom())
    task.cancel()
    assert await task == -1


async def test_in_debug_mode_the_place_where_a_task_was_made_is_told(make: Make) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        with reports() as told:
            for function in (forever, lambda: fail(ValueError("no")), lambda: fail(ValueError("no"), 1)):
                task = make(function())
                await settle()
                del task
                gc.collect()
    finally:
        loop.set_debug(False)
    assert len(told) == 3
    for report in told:
        assert "test_in_debug_mode_the_place_where_a_task_was_made_is_told" in {
            frame.name for frame in report["source_traceback"]
        }


# ---- contexts


async def test_every_leg_runs_in_the_tasks_own_context(make: Make) -> None:
    async def sets() -> list[str]:
        seen = [variable.get()]
        variable.set("inside")
        await asyncio.sleep(0)
        seen.append(variable.get())
        await asyncio.sleep(0.001)
        return [*seen, variable.get(), await asyncio.to_thread(variable.get)]

    variable.set("outside")
    assert await make(sets()) == ["outside", "inside", "inside", "inside"]
    assert variable.get() == "outside"


async def test_the_logs_of_two_tasks_are_told_apart_by_a_context_variable(make: Make) -> None:
    written: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(f"{variable.get()}: {record.getMessage()}")

    logger = logging.Logger("of this test")  # noqa: LOG001 - of this test only
    logger.addHandler(Handler())

    async def logs(name: str) -> None:
        variable.set(name)
        logger.info("before")
        await asyncio.sleep(0)
        logger.info("after")

    await asyncio.gather(make(logs("one")), make(logs("two")))
    assert sorted(written) == ["one: after", "one: before", "two: after", "two: before"]


# ---- libraries


async def test_anyio_works_in_a_task(make: Make) -> None:
    async def tour() -> int:
        task = asyncio.current_task()
        assert task is not None
        assert sniffio.current_async_library() == "asyncio"
        assert anyio.get_current_task().name == task.get_name()
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep(100)
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.001):
                await anyio.sleep(100)
        with anyio.CancelScope() as cancelled:
            cancelled.cancel()
            await anyio.sleep(0)
            raise AssertionError("a cancelled scope cannot wait")
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 100)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        with pytest.raises(ExceptionGroup):
            async with anyio.create_task_group() as group:
                group.start_soon(fail, ValueError("no"))
                await anyio.sleep(100)
        sender, receiver = anyio.create_memory_object_stream[int](0)
        async with sender, receiver, anyio.create_task_group() as group:
            group.start_soon(sender.send, 1)
            assert await receiver.receive() == 1
        assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(answer, 2)) == 2
        return task.cancelling()

    assert await make(tour()) == 0


async def test_a_group_that_a_watcher_cancels_ends_the_task_in_order(make: Make) -> None:
    """Starlette's way with a client that goes away while a response is being streamed."""
    log: list[str] = []

    async def streams() -> str:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                await anyio.sleep(0.001)
                group.cancel_scope.cancel()

            group.start_soon(watch)
            try:
                await anyio.sleep(100)
            finally:
                log.append("closed")
        return "done"

    assert await make(streams()) == "done"
    assert log == ["closed"]


async def test_asgiref_crosses_to_a_thread_and_back(make: Make) -> None:
    async def inner() -> tuple[str, asyncio.Task[Any] | None]:
        variable.set("set within")
        return variable.get(), asyncio.current_task()

    def blocking() -> str:
        return async_to_sync(inner)()[0]

    async def outer() -> list[str]:
        first = await sync_to_async(blocking)()
        return [first, variable.get()]

    assert await make(outer()) == ["set within", "set within"]


# ---- what is RequestTask's own: beginning at once


def test_this_python_is_supported() -> None:
    assert SUPPORTED is (sys.version_info < (3, 14))


async def test_a_coroutine_that_waits_for_nothing_is_done_when_start_returns() -> None:
    task = started(answer(3))
    assert type(task) is RequestTask
    assert task.ended
    assert is_done(task)
    assert task.result() == 3
    reference = weakref.ref(task)
    del task
    assert reference() is None, "freed without the collector"


async def test_a_coroutine_that_waits_goes_on_from_the_loop() -> None:
    task = started(answer(3, 1))
    assert not is_done(task)
    assert await task == 3
    assert is_done(task)


async def test_is_done_answers_for_any_task() -> None:
    task = asyncio.ensure_future(answer())
    assert not is_done(task)
    await task
    assert is_done(task)


async def test_the_first_leg_runs_in_the_context_that_start_was_given() -> None:
    context = contextvars.copy_context()

    async def sets() -> None:
        variable.set("in the context")

    start(sets(), asyncio.get_running_loop(), context)
    assert context[variable] == "in the context"
    assert variable.get() == "unset"


async def test_a_context_that_cannot_be_entered_is_refused() -> None:
    context = contextvars.copy_context()
    coro = answer()
    with pytest.raises(RuntimeError, match="already entered"):
        context.run(start, coro, asyncio.get_running_loop(), context)
    with pytest.raises(TypeError, match="Context"):
        start(coro, asyncio.get_running_loop(), {})  # type: ignore[arg-type]
    assert await coro == 5, "it has not begun"


async def test_from_a_callback_there_is_no_current_task_before_and_after() -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[list[Any]] = loop.create_future()

    def callback() -> None:
        before = asyncio.current_task()
        task = started(answer())
        seen.set_result([before, task.result(), asyncio.current_task()])

    loop.call_soon(callback)
    assert await seen == [None, 5, None]


async def test_a_task_begun_by_another_gives_the_current_task_back() -> None:
    async def innermost() -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    async def middle() -> bool:
        me = asyncio.current_task()
        inner = started(innermost())
        return inner.result() is inner and asyncio.current_task() is me and me in asyncio.all_tasks()

    async def outer() -> bool:
        me = asyncio.current_task()
        async with asyncio.timeout(5):
            quick = started(middle())
            assert asyncio.current_task() is me
            failed = started(fail(ValueError("no")))
            assert asyncio.current_task() is me
            waits = started(answer(1, 1))
            assert asyncio.current_task() is me
            await waits
        with pytest.raises(ValueError, match="no"):
            await failed
        return bool(quick.result())

    assert await started(outer()) is True


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("waits", [0, 1])
@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_exit_ends_the_loop_and_not_whoever_called_start(
    error: type[BaseException], waits: int, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    loop = factory()
    log: list[str] = []
    tasks: list[asyncio.Task[Any]] = []

    def callback() -> None:
        tasks.append(started(fail(error("now"), waits)))
        log.append("went on")

    loop.call_soon(callback)
    with pytest.raises(error):
        loop.run_forever()
    assert log == ["went on"]
    assert isinstance(tasks[0].exception(), error)
    loop.close()


@pytest.mark.parametrize("missing", ["_current_tasks", "_scheduled_tasks _all_tasks", "_enter_task"])
async def test_where_asyncio_is_built_otherwise_start_makes_its_own_task(missing: str) -> None:
    script = f"""
import asyncio, asyncio.tasks, contextvars
for name in {missing.split()!r}:
    if hasattr(asyncio.tasks, name):
        delattr(asyncio.tasks, name)
from vivace.server.request_task import SUPPORTED, is_done, start

async def answer():
    return 5

async def main():
    task = start(answer(), asyncio.get_running_loop(), contextvars.copy_context())
    print(SUPPORTED, type(task) is asyncio.Task, is_done(task))

asyncio.new_event_loop().run_until_complete(main())
"""
    result = await anyio.to_thread.run_sync(
        lambda: subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)
    )
    assert result.stdout == "False True False\n", result.stderr


# ---- many of them


async def test_a_pending_task_and_its_future_are_freed_together() -> None:
    class Marker:
        """Held by the coroutine."""

    async def waits(marker: Marker) -> None:
        task = asyncio.current_task()
        assert task is not None
        await forever()

    with reports():
        marker = Marker()
        reference = weakref.ref(marker)
        task = started(waits(marker))
        del task, marker
        gc.collect()
        assert reference() is None
        assert not [task for task in asyncio.all_tasks() if "waits" in repr(task)]


@pytest.mark.parametrize(
    "coroutine",
    [
        answer,
        lambda: answer(waits=1),
        lambda: fail(ValueError("no")),
        lambda: fail(ValueError("no"), 1),
        lambda: asyncio.wait_for(answer(waits=1), 5),
    ],
    ids=["quick", "waits", "fails", "fails later", "timed"],
)
async def test_ten_thousand_tasks_leave_nothing_behind(coroutine: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    async def batch() -> None:
        for _ in range(10):
            tasks = [started(coroutine()) for _ in range(100)]
            await asyncio.wait(tasks)
            for task in tasks:
                task.exception()

    await batch()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(10):
        await batch()
    gc.collect()
    assert len(gc.get_objects()) - before < 100
    assert len(asyncio.all_tasks()) <= 2


# ---- a work: who begins the coroutine, and is told how it ended


class Errand(Work):
    def __init__(self, begins: Callable[[], Awaitable[object]], passes_on: bool = False) -> None:
        self.begins = begins
        self.passes_on = passes_on
        self.seen: list[Any] = []

    def begin(self) -> Awaitable[object]:
        self.seen.append(asyncio.current_task())
        return self.begins()

    def ended(self, error: BaseException | None) -> bool:
        self.seen += [asyncio.current_task(), error]
        return self.passes_on


class Later:
    """Awaitable, and no coroutine."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from asyncio.sleep(0).__await__()


def raises() -> Awaitable[object]:
    raise ValueError("not even a coroutine")


Perform = Callable[[Work], asyncio.Task[None]]


@pytest.fixture(params=["at once", "in a task of asyncio"])
def performed(request: pytest.FixtureRequest) -> Perform:
    if request.param == "at once":
        return lambda work: perform(work, asyncio.get_running_loop(), contextvars.copy_context())
    return lambda work: asyncio.get_running_loop().create_task(run(work))


@pytest.mark.parametrize("begins", [answer, lambda: answer(waits=2), Later], ids=["quick", "waits", "awaitable"])
async def test_a_work_whose_coroutine_returns_is_told(
    performed: Perform, begins: Callable[[], Awaitable[object]]
) -> None:
    work = Errand(begins)
    task = performed(work)
    await asyncio.wait([task])
    assert task.result() is None
    assert work.seen == [task, task, None]


@pytest.mark.parametrize("passes_on", [False, True])
@pytest.mark.parametrize(
    "begins",
    [raises, lambda: fail(ValueError("no")), lambda: fail(ValueError("no"), 2), lambda: None],
    ids=["raises", "fails", "fails later", "no awaitable"],
)
async def test_what_a_coroutine_raises_is_its_works_business(
    performed: Perform, begins: Callable[[], Awaitable[object]], passes_on: bool
) -> None:
    with reports() as told:
        work = Errand(begins, passes_on)
        task = performed(work)
        await asyncio.wait([task])
        error = work.seen.pop()
        assert isinstance(error, (ValueError, TypeError))
        assert work.seen == [task, task]
        assert task.exception() is (error if passes_on else None)
        del task, work
        gc.collect()
    assert told == []


async def test_what_a_work_raises_is_its_tasks_exception(performed: Perform) -> None:
    class Fails(Errand):
        def ended(self, error: BaseException | None) -> bool:
            raise KeyError("the end")

    for begins in (answer, raises):
        task = performed(Fails(begins))
        with pytest.raises(KeyError, match="the end"):
            await task


async def test_a_work_whose_task_is_cancelled_is_told(performed: Perform) -> None:
    work = Errand(forever, passes_on=True)
    task = performed(work)
    await settle()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert isinstance(work.seen[-1], asyncio.CancelledError)


async def test_a_work_runs_in_a_copy_of_the_context(performed: Perform) -> None:
    variable = contextvars.ContextVar("variable", default="outside")

    async def sets() -> None:
        variable.set("inside")

    await asyncio.wait([performed(Errand(sets))])
    assert variable.get() == "outside"


@pytest.mark.skipif(not SUPPORTED, reason="the server's tasks are asyncio's here")
async def test_the_coroutine_of_a_work_is_its_tasks_own() -> None:
    coroutine = forever()
    task = perform(Errand(lambda: coroutine), asyncio.get_running_loop(), contextvars.copy_context())
    assert task.get_coro() is coroutine
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["forever"]
    task.cancel()
    await settle()
