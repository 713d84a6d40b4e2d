"""Each way in which people write an application, and what is none."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.compatibility import is_double_callable
from asgiref.wsgi import WsgiToAsgi
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from starlette.applications import Starlette

from vivace.server import AppLoadError
from vivace.server.interfaces import adapt, detect
from vivace.server.interfaces.asgi2 import Asgi2Adapter
from vivace.server.interfaces.detection import Found
from vivace.utils.wsgi import WsgiAdapter


async def asgi3(scope: Any, receive: Any, send: Any) -> None: ...


async def asgi3_with_more(scope: Any, receive: Any, send: Any, *, option: int = 0) -> None: ...


async def asgi3_with_anything(*args: Any, **kwargs: Any) -> None: ...


async def asgi3_without_signature(scope: Any, receive: Any, send: Any) -> None: ...


asgi3_without_signature.__signature__ = "none"  # type: ignore[attr-defined]


async def asgi3_with_configuration(configuration: Any, scope: Any, receive: Any, send: Any) -> None: ...


def asgi3_that_is_no_coroutine_function(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
    return asgi3(scope, receive, send)


@functools.wraps(asgi3)
def asgi3_decorated(*args: Any, **kwargs: Any) -> Any:
    return asgi3(*args, **kwargs)


def asgi3_or_asgi2(scope: Any, receive: Any = None, send: Any = None) -> Any: ...


class Asgi3Instance:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, scope: Any, receive: Any, send: Any) -> None: ...


class Asgi3InstanceThatReturnsAnAwaitable:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        return asgi3(scope, receive, send)


class Asgi3Class:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def __await__(self) -> Iterator[None]:
        return iter(())


class Asgi3ClassWithAnything(Asgi3Class):
    def __init__(self, *args: Any) -> None: ...


def asgi2(scope: Any) -> Callable[[Any, Any], Awaitable[None]]:
    async def instance(receive: Any, send: Any) -> None: ...

    return instance


def asgi2_with_configuration(configuration: Any, scope: Any) -> Any: ...


def asgi2_with_an_option(scope: Any, *, option: int = 0) -> Any: ...


class Asgi2Class:
    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


class Asgi2ClassWithMore(Asgi2Class):
    def __init__(self, scope: Any, **kwargs: Any) -> None: ...


class Asgi2Instance:
    def __call__(self, scope: Any) -> Any: ...


class Marked:
    def __init__(self, mark: str) -> None:
        setattr(self, mark, True)

    def __call__(self, *args: Any) -> Any: ...


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


def wsgi_generator(env: Any, start: Any) -> Iterator[bytes]:
    yield b""


def wsgi_with_an_extra(environ: Any, start_response: Any, extra: Any = None) -> Any: ...


def wsgi_with_defaults(environ: Any = None, start_response: Any = None) -> Any: ...


def wsgi_with_an_unnamed_extra(env: Any, start: Any, extra: Any = None) -> Any: ...


class WsgiClass:
    def __init__(self, environ: Any, start_response: Any) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        yield b""


class WsgiInstance:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


APPLICATIONS: list[tuple[Any, Found]] = [
    (asgi3, "asgi3"),
    (asgi3_with_more, "asgi3"),
    (asgi3_with_anything, "asgi3"),
    (asgi3_without_signature, "asgi3"),
    (functools.partial(asgi3_with_configuration, {}), "asgi3"),
    (functools.partial(functools.partial(asgi3_with_configuration), {}), "asgi3"),
    (asgi3_that_is_no_coroutine_function, "asgi3"),
    (asgi3_decorated, "asgi3"),
    (asgi3_or_asgi2, "asgi3"),
    (Asgi3Instance(), "asgi3"),
    (Asgi3Instance().method, "asgi3"),
    (functools.partial(Asgi3Instance()), "asgi3"),
    (Asgi3InstanceThatReturnsAnAwaitable(), "asgi3"),
    (Asgi3Class, "asgi3"),
    (Asgi3ClassWithAnything, "asgi3"),
    (lambda scope, receive, send: asgi3(scope, receive, send=send), "asgi3"),
    (Starlette(), "asgi3"),
    (ASGIHandler.__new__(ASGIHandler), "asgi3"),
    (WsgiToAsgi(wsgi), "asgi3"),  # type: ignore[no-untyped-call]  # asgiref is not typed here
    (Marked("_asgi_single_callable"), "asgi3"),
    (asgi2, "asgi2"),
    (asgi2_with_an_option, "asgi2"),
    (functools.partial(asgi2_with_configuration, {}), "asgi2"),
    (Asgi2Class, "asgi2"),
    (Asgi2ClassWithMore, "asgi2"),
    (Asgi2Instance(), "asgi2"),
    (Marked("_asgi_double_callable"), "asgi2"),
    (wsgi, "wsgi"),
    (wsgi_generator, "wsgi"),
    (wsgi_with_an_extra, "wsgi"),
    (wsgi_with_defaults, "wsgi"),
    (wsgi_with_an_unnamed_extra, "wsgi"),
    (functools.partial(wsgi_with_an_extra, extra=1), "wsgi"),
    (WsgiClass, "wsgi"),
    (WsgiInstance(), "wsgi"),
    (WSGIHandler.__new__(WSGIHandler), "wsgi"),
]


@pytest.mark.parametrize(("app", "interface"), APPLICATIONS)
def test_the_interface_is_told_by_how_the_application_is_called(app: Any, interface: Found) -> None:
    assert detect(app) == interface
    if interface == "asgi2":
        assert is_double_callable(app)  # type: ignore[no-untyped-call]
    adapted = adapt(app, "auto", wsgi_threads=1)
    assert isinstance(adapted, WsgiAdapter) is (interface == "wsgi")
    assert isinstance(adapted, Asgi2Adapter) is (interface == "asgi2")
    assert (adapted is app) is (interface == "asgi3")
    assert type(adapt(app, interface, wsgi_threads=1)) is type(adapted)


class Uninstantiated:
    def __init__(self, debug: bool = False) -> None: ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Plain: ...


class NeedsThree:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...


class CallableClass:
    def __init__(self, scope: Any) -> None: ...

    __call__ = int


def make() -> Any: ...


async def make_async() -> Any: ...


async def generator(scope: Any, receive: Any, send: Any) -> Any:
    yield b""


def anything(*args: Any, **kwargs: Any) -> Any: ...


def scope_and_anything(scope: Any, *args: Any) -> Any: ...


def needs_keyword(scope: Any, receive: Any, send: Any, *, option: Any) -> Any: ...


def four(one: Any, two: Any, three: Any, four: Any = "4") -> Any: ...


def five(one: Any, two: Any, three: Any, four: Any, five: Any) -> Any: ...


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (5, "and this int cannot be called"),
        ({"a": 1}, "this dict cannot be called"),
        (make, '"make" takes no arguments. If it makes one, say so: `--factory`'),
        (make_async, '"make_async" takes no arguments'),
        (
            Uninstantiated,
            r"a class whose instances are applications. Serve one: Uninstantiated\(\), or have it made: `--factory`",
        ),
        (Starlette, r"Serve one: Starlette\(\), or"),
        (Plain, '"Plain" is a class that neither ASGI nor WSGI could call'),
        (NeedsThree, '"NeedsThree" is a class that neither'),
        (CallableClass, '"CallableClass" is a class that neither'),
        (generator, '"generator" is an async generator'),
        (anything, r'"anything" takes \(\*args, \*\*kwargs\), which fits several\. Say which'),
        (scope_and_anything, r"takes \(scope, \*args\), which fits several"),
        (needs_keyword, r"takes \(scope, receive, send, \*, option\)\. An application"),
        (five, r"takes \(one, two, three, four, five\)\. An application"),
        (functools.partial(five, 1), r"this partial takes \(two, three, four, five\)\. An application"),
        (getattr, 'does not say what arguments "getattr" takes'),
    ],
)
def test_what_is_no_application_is_refused_with_what_to_try(app: Any, message: str) -> None:
    with pytest.raises(AppLoadError, match=message):
        detect(app)


@pytest.mark.parametrize(
    ("app", "interface", "message"),
    [
        (wsgi, "asgi3", r'called with \(scope, receive, send\), and "wsgi" takes \(environ, start_response\)'),
        (wsgi, "asgi2", r"called with \(scope\), and "),
        (asgi2, "wsgi", r'called with \(environ, start_response\), and "asgi2" takes \(scope\)'),
        (asgi3, "wsgi", '"asgi3" is a coroutine function'),
        (asgi3_with_anything, "asgi2", "is a coroutine function"),
        (None, "wsgi", "this NoneType cannot be called"),
    ],
)
def test_an_interface_that_cannot_be_is_refused(app: Any, interface: Found, message: str) -> None:
    with pytest.raises(AppLoadError, match=message):
        adapt(app, interface, wsgi_threads=1)


@pytest.mark.parametrize("interface", ["asgi3", "asgi2", "wsgi"])
def test_what_cannot_be_told_is_served_as_is_said(interface: Found) -> None:
    assert callable(adapt(anything, interface, wsgi_threads=1))
    assert callable(adapt(getattr, interface, wsgi_threads=1))
