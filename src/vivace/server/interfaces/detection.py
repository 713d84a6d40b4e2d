"""Tell by how an application can be called which interface it speaks.

ASGI 3 takes three positional arguments, WSGI two, ASGI 2 one. asgiref and uvicorn ask only whether the application is
a coroutine function; so they take an ordinary function that returns a coroutine (a decorator's, often) for ASGI 2, and
know no WSGI.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from inspect import Parameter
from math import inf
from typing import Any, Literal

from vivace.server.errors import AppLoadError

Found = Literal["asgi3", "asgi2", "wsgi"]

ARGUMENTS: dict[Found, tuple[str, ...]] = {
    "asgi3": ("scope", "receive", "send"),
    "asgi2": ("scope",),
    "wsgi": ("environ", "start_response"),
}
# Parameters whose names tell, for a callable that takes two or three arguments, say.
TELLING_NAMES: dict[str, Found] = {"receive": "asgi3", "start_response": "wsgi", "environ": "wsgi"}
WHAT_IS_ONE = "An application takes (scope, receive, send) in ASGI 3 or (environ, start_response) in WSGI."
SAY_WHICH = "Say which it speaks: `--interface asgi3`, `asgi2` or `wsgi` (in code, interface=…)."
FACTORY = "`--factory` (in code, factory=True)."


@dataclass(frozen=True, slots=True)
class Signature:
    """With how many positional arguments something can be called, and how it looks."""

    names: tuple[str, ...]
    least: int
    most: float
    needs_keywords: bool
    text: str

    def takes(self, interface: Found) -> bool:
        """Whether it can be called as `interface` calls its applications."""
        return self.least <= len(ARGUMENTS[interface]) <= self.most and not self.needs_keywords


def detect(app: Any) -> Found:
    """The interface that `app` speaks. Raises AppLoadError when it speaks none, or nobody can tell which."""
    _require_callable(app)
    if getattr(app, "_asgi_single_callable", False):  # asgiref's marks, for what cannot be told from outside
        return "asgi3"
    if getattr(app, "_asgi_double_callable", False):
        return "asgi2"
    signature = _signature(app)
    if signature is None:
        if _is_coroutine_function(app):
            return "asgi3"
        raise AppLoadError(f"Python does not say what arguments {_describe(app)} takes. {SAY_WHICH}")
    found = _detect_class(app, signature) if inspect.isclass(app) else _detect_callable(app, signature)
    if found is None:
        raise AppLoadError(_explain(app, signature))
    return found


def require(app: Any, interface: Found) -> None:
    """Raise AppLoadError if `app` cannot be called as `interface` calls its applications."""
    _require_callable(app)
    signature = _signature(app)
    if interface != "asgi3" and _is_coroutine_function(app):
        problem = f"{_describe(app)} is a coroutine function, as only ASGI 3 has them."
    elif signature is not None and not signature.takes(interface):
        arguments = ", ".join(ARGUMENTS[interface])
        problem = f"that is called with ({arguments}), and {_describe(app)} takes {signature.text}."
    else:
        return
    raise AppLoadError(f'interface="{interface}" was asked for, and {problem} interface="auto" finds out by itself.')


def _require_callable(app: Any) -> None:
    if not callable(app):
        raise AppLoadError(f"An application was expected, and {_describe(app)} cannot be called. {WHAT_IS_ONE}")


def _detect_class(app: type, signature: Signature) -> Found | None:
    """A class is called for each request; what that makes is awaited (ASGI 3), iterated (WSGI) or called (ASGI 2)."""
    if hasattr(app, "__await__"):
        return "asgi3" if signature.takes("asgi3") else None
    if hasattr(app, "__iter__"):
        return "wsgi" if signature.takes("wsgi") else None
    instances = _signature_of_instances(app)
    if signature.takes("asgi2") and instances is not None and instances.least <= 2 <= instances.most:
        return "asgi2"
    return None


def _detect_callable(app: Any, signature: Signature) -> Found | None:
    if inspect.isasyncgenfunction(_called(app)):
        return None
    if _is_coroutine_function(app):
        return "asgi3" if signature.takes("asgi3") else None
    possible = [interface for interface in ARGUMENTS if signature.takes(interface)]
    if len(possible) < 2:
        return possible[0] if possible else None
    for name in signature.names:
        if name in TELLING_NAMES and TELLING_NAMES[name] in possible:
            return TELLING_NAMES[name]
    for interface in possible:
        # Further ones have defaults and are the application's own.
        if signature.least == len(ARGUMENTS[interface]) and signature.most < inf:
            return interface
    raise AppLoadError(
        f"Which interface is meant? {_describe(app)} takes {signature.text}, which fits several. {SAY_WHICH}"
    )


def _explain(app: Any, signature: Signature) -> str:
    """Why `app` is no application, and what may have been meant."""
    if inspect.isclass(app):
        instances = _signature_of_instances(app)
        if instances is not None and (instances.takes("asgi3") or instances.takes("wsgi")):
            return (
                f"{_describe(app)} is a class whose instances are applications. "
                f"Serve one: {app.__name__}(), or have it made: {FACTORY}"
            )
        return f"No application: {_describe(app)} is a class that neither ASGI nor WSGI could call. {WHAT_IS_ONE}"
    if inspect.isasyncgenfunction(_called(app)):
        return f"No application: {_describe(app)} is an async generator. {WHAT_IS_ONE}"
    if signature.most == 0:
        return f"No application: {_describe(app)} takes no arguments. If it makes one, say so: {FACTORY}"
    return f"No application: {_describe(app)} takes {signature.text}. {WHAT_IS_ONE}"


def _describe(app: Any) -> str:
    name = getattr(app, "__qualname__", None)
    return f'"{name}"' if isinstance(name, str) else f"this {type(app).__name__}"


def _signature(app: Any) -> Signature | None:
    """How `app` can be called, None when it does not say (a builtin, some compiled code)."""
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return None
    return _count(list(signature.parameters.values()))


def _signature_of_instances(app: type) -> Signature | None:
    """How an instance of the class can be called, None when it cannot."""
    if not any("__call__" in vars(base) for base in app.__mro__):
        return None
    try:
        signature = inspect.signature(app.__call__)
    except (TypeError, ValueError):
        return None
    return _count(list(signature.parameters.values())[1:])


def _count(parameters: list[Parameter]) -> Signature:
    positional = [
        parameter
        for parameter in parameters
        if parameter.kind in {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
    ]
    kinds = {parameter.kind for parameter in parameters}
    shown = [parameter.replace(annotation=Parameter.empty) for parameter in parameters]
    return Signature(
        names=tuple(parameter.name for parameter in positional),
        least=sum(parameter.default is Parameter.empty for parameter in positional),
        most=inf if Parameter.VAR_POSITIONAL in kinds else len(positional),
        needs_keywords=any(
            parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is Parameter.empty
            for parameter in parameters
        ),
        text=str(inspect.Signature(shown)),
    )


def _called(app: Any) -> Any:
    """The function behind partials and behind an instance's `__call__`."""
    while isinstance(app, functools.partial):
        app = app.func
    if inspect.isroutine(app) or inspect.isclass(app):
        return app
    return app.__call__


def _is_coroutine_function(app: Any) -> bool:
    called = _called(app)
    return inspect.iscoroutinefunction(called) and not inspect.isclass(called)
