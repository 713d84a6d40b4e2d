"""A view as a class: one method per HTTP method (as in `django.views.View`)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import Response


class View:
    """Subclass with methods named `get`, `post` … `(self, request, **parameters) -> response`, async or plain.

        urlpatterns = [path("books/<int:pk>/", BookView.as_view(), name="book")]

    There is an instance per request, with `self.request`, `self.args` and `self.kwargs`. A plain method runs in the
    thread pool. HEAD is answered by `get` unless there is a `head`, OPTIONS by the list of methods, others by 405.
    """

    http_method_names: ClassVar[list[str]] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"]

    request: Request
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            setattr(self, name, value)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., Awaitable[Response]]:
        """The view as a function for `path()` and `Route`; the arguments are attributes that the class has.

        Raises TypeError for others.
        """
        for name in initkwargs:
            if name in cls.http_method_names:
                raise TypeError(f"{cls.__name__}.as_view({name}=…): that is the name of a method, not of an attribute.")
            if not hasattr(cls, name):
                raise TypeError(
                    f"{cls.__name__}.as_view({name}=…): {cls.__name__} has no attribute {name!r}; only those that the "
                    "class has can be given."
                )

        async def view(request: Request, *args: Any, **kwargs: Any) -> Response:
            self = cls(**initkwargs)
            # In a `Route` the parameters are the request's only.
            self.setup(request, *args, **(kwargs if kwargs or args else request.path_params))
            if not hasattr(self, "request"):
                raise AttributeError(
                    f"{cls.__name__} has no attribute 'request': its setup() must call super().setup()."
                )
            response: Response = await resolved(self.dispatch(request, *self.args, **self.kwargs))
            return response

        functools.update_wrapper(view, cls, updated=())
        # Not what the class was called with: decorators and routes ask for the signature of a function.
        del view.__dict__["__wrapped__"]
        view.__dict__.update(view_class=cls, view_initkwargs=initkwargs, cls=cls)
        return view

    def setup(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Keeps what the request brings; called before `dispatch`."""
        if hasattr(self, "get") and not hasattr(self, "head"):
            self.head = self.get
        self.request = request
        self.args = args
        self.kwargs = kwargs

    async def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Calls the method for the request. Override it for what comes before or after each one."""
        method = request.method.lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is None:
            handler = self.http_method_not_allowed
        return await call(handler, request, *args, **kwargs)  # type: ignore[no-any-return]

    async def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The 405; the exception handlers of the application decide what it looks like."""
        raise HTTPException(405, headers={"Allow": ", ".join(self._allowed_methods())})

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Which methods there are (RFC 9110 9.3.7)."""
        return Response(status_code=200, headers={"Allow": ", ".join(self._allowed_methods())})

    def _allowed_methods(self) -> list[str]:
        return [name.upper() for name in self.http_method_names if hasattr(self, name)]


async def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function gives, async or plain; plain ones run in the thread pool."""
    if is_async_callable(function):
        return await function(*args, **kwargs)
    return await resolved(await run_in_threadpool(function, *args, **kwargs))


async def resolved(value: Any) -> Any:
    """The value, awaited if it is to be: a plain override may pass on what the async method of its base gives."""
    return await value if inspect.isawaitable(value) else value
