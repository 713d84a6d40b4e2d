"""CPython's own asyncio tests with RequestTask in the place of asyncio.Task; prints the tests that failed, as JSON.

Each suite runs twice. Lazy: a task is scheduled as asyncio.Task is, and behaves like it. Eager: a task made while the
loop runs is begun at once by `start`, as the server does.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import json
import os
import sys
import unittest
from asyncio import futures
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from vivace.server.request_task import RequestTask, start

test_tasks = importlib.import_module("test.test_asyncio.test_tasks")
test_utils = importlib.import_module("test.test_asyncio.utils")

Loop = asyncio.AbstractEventLoop
Context = contextvars.Context


def eager_task(
    coro: Coroutine[Any, Any, Any], *, loop: Loop, name: str | None = None, context: Context | None = None
) -> asyncio.Task[Any]:
    if asyncio._get_running_loop() is not loop:
        return RequestTask(coro, loop=loop, name=name, context=context)
    task = start(coro, loop, contextvars.copy_context() if context is None else context)
    if name is not None:
        task.set_name(name)
    return task


def eager_factory(loop: Loop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    return eager_task(coro, loop=loop, **options)


def lazy_factory(loop: Loop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    return RequestTask(coro, loop=loop, **options)


MAKERS: dict[str, Callable[..., asyncio.Task[Any]]] = {"Lazy": RequestTask, "Eager": eager_task}
FACTORIES: dict[str, Callable[..., asyncio.Task[Any]]] = {"Lazy": lazy_factory, "Eager": eager_factory}


def task_suites() -> Iterator[type]:
    """test_tasks.py, whose suites have a hook for how a task is made; with asyncio's C futures and its Python ones."""
    for mode, make in MAKERS.items():
        for kind, future in (("C", futures.Future), ("Py", futures._PyFuture)):  # type: ignore[attr-defined]

            class TaskTests(test_tasks.BaseTaskTests, test_utils.TestCase):  # type: ignore[misc,name-defined]
                Task = RequestTask
                Future = future
                make_task = staticmethod(make)

                def new_task(
                    self,
                    loop: Loop,
                    coro: Coroutine[Any, Any, Any],
                    name: str = "TestTask",
                    context: Context | None = None,
                    **_: object,
                ) -> asyncio.Task[Any]:
                    return self.make_task(coro, loop=loop, name=name, context=context)

            yield renamed(TaskTests, f"{mode}{kind}FutureTaskTests")

        class CurrentLoopTests(test_tasks.BaseCurrentLoopTests, test_utils.TestCase):  # type: ignore[misc,name-defined]
            make_task = staticmethod(make)
            current_task = staticmethod(asyncio.current_task)

            def new_task(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
                return self.make_task(coro, loop=self.loop)

        yield renamed(CurrentLoopTests, f"{mode}CurrentLoopTests")

        class GatherTests(test_tasks.CoroutineGatherTests):  # type: ignore[misc,name-defined]
            factory = staticmethod(FACTORIES[mode])

            def setUp(self) -> None:
                super().setUp()
                for loop in (self.one_loop, self.other_loop):
                    loop.set_task_factory(self.factory)

        yield renamed(GatherTests, f"{mode}GatherTests")


def factory_suites(module_name: str) -> Iterator[type]:
    """The suites of a module whose loop is made by IsolatedAsyncioTestCase: with a task factory on that loop."""
    module = importlib.import_module(f"test.test_asyncio.{module_name}")
    for name, suite in list(vars(module).items()):
        if not (isinstance(suite, type) and issubclass(suite, unittest.IsolatedAsyncioTestCase)):
            continue
        if suite.__module__ != module.__name__:
            continue
        for mode in MAKERS:

            class Tests(suite):  # type: ignore[misc,valid-type]
                factory = staticmethod(FACTORIES[mode])

                def _setupAsyncioRunner(self) -> None:  # noqa: N802
                    super()._setupAsyncioRunner()
                    self._asyncioRunner.get_loop().set_task_factory(self.factory)

            yield renamed(Tests, f"{mode}{name}")


def eager_factory_suites() -> Iterator[type]:
    """What Python 3.12 asks of its own eager tasks."""
    module = importlib.import_module("test.test_asyncio.test_eager_task_factory")

    class EagerFactoryTests(module.EagerTaskFactoryLoopTests, test_utils.TestCase):  # type: ignore[misc,name-defined]
        Task = RequestTask

        def setUp(self) -> None:
            test_utils.TestCase.setUp(self)
            self.loop = asyncio.new_event_loop()
            self.eager_task_factory = eager_factory
            self.loop.set_task_factory(eager_factory)
            self.set_event_loop(self.loop)

    yield renamed(EagerFactoryTests, "EagerFactoryTests")


def renamed(suite: type, name: str) -> type:
    suite.__name__ = suite.__qualname__ = name
    return suite


def suites(which: str) -> Iterator[type]:
    if which == "test_tasks":
        return task_suites()
    if which == "test_eager_task_factory":
        return eager_factory_suites()
    return factory_suites(which)


def main() -> None:
    loader = unittest.TestLoader()
    tests = unittest.TestSuite(loader.loadTestsFromTestCase(suite) for suite in suites(sys.argv[1]))
    count = tests.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(tests)
    failed = [case.id().removeprefix("__main__.") for case, _ in (*result.failures, *result.errors)]
    json.dump({"ran": count, "failed": sorted(set(failed))}, sys.stdout)
    sys.stdout.flush()
    # Some of CPython's tests leave threads and loops to the end of the process.
    os._exit(0)


if __name__ == "__main__":
    main()
