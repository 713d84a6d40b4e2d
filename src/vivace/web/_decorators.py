"""What the decorators of handlers share: finding the request, calling the handler, changing its response."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.requests import Request
from vivace.web.responses import Response

Handler = TypeVar("Handler", bound=Callable[..., Any])


def check_handler(handler: Any) -> None:
    """TypeError for what is no function or method: of a class its methods are decorated."""
    if inspect.isclass(handler) or not callable(handler):
        raise TypeError(
            f"This decorator is for a handler, a function `(request) -> response` or a method of an HTTPEndpoint; "
            f"got {handler!r}."
        )


class Call:
    """One call of a decorated handler, still to be made: `await call()` gives its response.

    `request` is among its arguments, `rest` and `keywords` are those that follow it.
    """

    __slots__ = ("_args", "_handler", "_kwargs", "keywords", "request", "rest")

    def __init__(self, handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._handler, self._args, self._kwargs = handler, args, kwargs
        for position, argument in enumerate(args):
            if isinstance(argument, Request):
                self.request: Request = argument
                self.rest, self.keywords = args[position + 1 :], kwargs
                return
        if not isinstance(kwargs.get("request"), Request):
            raise TypeError(f"{getattr(handler, '__qualname__', handler)}() was called without a request.")
        self.request = kwargs["request"]
        self.rest, self.keywords = (), {name: value for name, value in kwargs.items() if name != "request"}

    async def __call__(self) -> Any:
        return await call(self._handler, *self._args, **self._kwargs)

    async def ask(self, function: Callable[..., Any]) -> Any:
        """What `function(request, ...)` gives for the arguments that the handler gets after itself."""
        return await call(function, self.request, *self.rest, **self.keywords)


async def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the function gives; a plain one runs in the thread pool."""
    if is_async_callable(function):
        return await function(*args, **kwargs)
    return await run_in_threadpool(function, *args, **kwargs)


def around(wrapper: Callable[[Call], Awaitable[Any]]) -> Callable[[Handler], Handler]:
    """A decorator by `async wrapper(call) -> response`, where `await call()` runs the handler."""

    def decorator(handler: Handler) -> Handler:
        check_handler(handler)

        @functools.wraps(handler)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return await wrapper(Call(handler, args, kwargs))

        return wrapped  # type: ignore[return-value]  # called as the handler is

    return decorator


def after(change: Callable[[Request, Response], object]) -> Callable[[Handler], Handler]:
    """A decorator that changes the response of the handler."""

    async def wrapper(call: Call) -> Any:
        response = await call()
        change(call.request, response)
        return response

    return around(wrapper)
