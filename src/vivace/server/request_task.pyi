import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

Result = TypeVar("Result")

SUPPORTED: bool

# To a type checker it is what `isinstance` says it is.
class RequestTask(asyncio.Task[Result]):
    @property
    def ended(self) -> bool: ...

def start(coro: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop, context: Context) -> asyncio.Task[Result]: ...
def is_done(task: asyncio.Task[Any]) -> bool: ...
