"""A Python console that can await: each statement runs in one event loop and one context, with the site connected."""

from __future__ import annotations

import ast
import asyncio
import builtins
import code
import contextvars
import inspect
import sys
import traceback
import types
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import click

from vivace.project.connection import is_explained

if TYPE_CHECKING:
    from vivace.project import Vivace

try:
    import readline
    import rlcompleter
except ImportError:  # pragma: no cover - Windows
    readline = None  # type: ignore[assignment]


class Console(code.InteractiveConsole):
    """Use it as a context manager: the site's database is connected and bound inside."""

    def __init__(self, site: Vivace, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.names = names
        # Python puts them there for `exec`; without, it cannot even warn that something was never awaited.
        names.setdefault("__builtins__", builtins)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._site = site
        self._stack = AsyncExitStack()
        # What one statement sets, the next one sees: the bound database among it.
        self._context = contextvars.copy_context()
        self._failed = False

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        try:
            self._await(lambda: self._stack.enter_async_context(self._site.connected()))
        except Exception as error:
            if not is_explained(error):
                self._runner.close()
                raise
            click.echo(f"Warning: the database is not connected: {error}", err=True)
        if readline is not None:
            readline.set_completer(rlcompleter.Completer(self.names).complete)
            readline.parse_and_bind("tab: complete")
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._await(self._stack.aclose)
        finally:
            self._runner.close()

    def run_source(self, source: str, filename: str) -> bool:
        """Run a whole program; False when it failed, its traceback printed."""
        self._failed = False
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            program = compile(source, filename, "exec", flags)
        except (SyntaxError, ValueError, OverflowError):
            self.showsyntaxerror(filename)
            return False
        self.runcode(program)
        return not self._failed

    def runcode(self, code: types.CodeType) -> None:
        """Run compiled code; what it awaits is awaited here."""
        function = types.FunctionType(code, self.names)
        try:
            if code.co_flags & inspect.CO_COROUTINE:
                self._await(function)
            else:
                # In the loop's thread with the loop running, so that `asyncio.create_task` works in any statement.
                self._await(lambda: _called(function))
        except SystemExit:
            raise
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 - a prompt shows whatever was raised and goes on
            self._failed = True
            self._show_own_traceback(code.co_filename)

    def _show_own_traceback(self, filename: str) -> None:
        """The traceback from the user's code on: the loop's frames and ours say nothing."""
        error = sys.exception()
        if error is None:
            return
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != filename:
            trace = trace.tb_next
        self.write("".join(traceback.format_exception(type(error), error, trace)))

    def _await(self, start: Callable[[], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            return await start()

        return self._runner.run(run(), context=self._context)


async def _called(function: Callable[[], Any]) -> None:
    function()
