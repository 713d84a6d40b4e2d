"""What the decorators of handlers share: finding the request, calling the handler, changing its response."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
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


def request_of(handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    """The request that a handler is called with. TypeError when there is none."""
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, Request):
            return argument
    raise TypeError(f"{getattr(handler, '__qualname__', handler)}() was called without a request.")


async def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the function gives; a plain one runs in the thread pool."""
    if is_async_callable(function):
        return await function(*args, **kwargs)
    return await run_in_threadpool(function, *args, **kwargs)


def around(wrapper: Callable[..., Any]) -> Callable[[Handler], Handler]:
    """A decorator by `async wrapper(request, run) -> response`, where `await run()` calls the handler."""

    def decorator(handler: Handler) -> Handler:
        check_handler(handler)

        @functools.wraps(handler)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return await wrapper(request_of(handler, args, kwargs), functools.partial(call, handler, *args, **kwargs))

        return wrapped  # type: ignore[return-value]  # called as the handler is

    return decorator


def after(change: Callable[[Request, Response], object]) -> Callable[[Handler], Handler]:
    """A decorator that changes the response of the handler."""

    async def wrapper(request: Request, run: Callable[[], Any]) -> Any:
        response = await run()
        change(request, response)
        return response

    return around(wrapper)
