import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

_Result = TypeVar("_Result")

SUPPORTED: bool

# To a type checker it is what `isinstance` says it is.
class RequestTask(asyncio.Task[_Result]):
    @property
    def ended(self) -> bool: ...
    def get_context(self) -> Context: ...
    def _wakeup(self, future: Any) -> None: ...

class Pause:
    task: RequestTask[Any] | None

def start(
    coro: Coroutine[Any, Any, _Result], loop: asyncio.AbstractEventLoop, context: Context
) -> asyncio.Task[_Result]: ...
def is_done(task: asyncio.Task[Any]) -> bool: ...
def resume(task: RequestTask[Any]) -> bool: ...
