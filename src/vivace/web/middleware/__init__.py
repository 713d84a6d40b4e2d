"""Layers around an application: `Middleware` says which class and which arguments, and the rest are such classes.

A middleware is any callable that takes an ASGI app first and returns an ASGI app. It can wrap an application, a
router, a `Mount` or a single `Route`; each chain is built once, when its owner is made or started, never per request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, ParamSpec, Protocol

from vivace.web.types import ASGIApp

P = ParamSpec("P")

# Wider than `vivace.web.types.ASGIApp`, so that classes typed with asgiref's or a server's aliases are accepted too.
AnyASGIApp = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


class _MiddlewareFactory(Protocol[P]):
    def __call__(self, app: AnyASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> AnyASGIApp: ...


class Middleware:
    """A middleware class and what it gets besides the app: `Middleware(GZipMiddleware, minimum_size=1000)`."""

    def __init__(self, cls: _MiddlewareFactory[P], *args: P.args, **kwargs: P.kwargs) -> None:
        self.cls = cls
        self.args = args
        self.kwargs = kwargs

    def __iter__(self) -> Iterator[Any]:
        return iter((self.cls, self.args, self.kwargs))

    def __repr__(self) -> str:
        arguments = [getattr(self.cls, "__name__", "")]
        arguments += [repr(value) for value in self.args]
        arguments += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{type(self).__name__}({', '.join(arguments)})"


def wrap(app: ASGIApp, middleware: Iterable[Middleware] | None) -> ASGIApp:
    """`app` inside these layers, the first of them outermost."""
    for cls, args, kwargs in reversed(list(middleware or ())):
        app = cls(app, *args, **kwargs)
    return app


def entrance(app: ASGIApp) -> ASGIApp:
    """What to call for every request instead of `app`: what it would only hand on to, without a coroutine in between.

    That is what flattens a chain when it is built: `app` itself unless it says otherwise, as a plain `Router` does.
    """
    own = getattr(type(app), "_entrance", None)
    inner: ASGIApp = app if own is None else own(app)
    return inner
