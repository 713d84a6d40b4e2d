"""What can go wrong around serving: each error is one message for a person, and `run` ends with exit code 3 on it."""

from __future__ import annotations

import traceback
from collections.abc import Collection

from vivace.utils.asgi import ClientDisconnected as ClientDisconnected  # a leaf's, for utils/wsgi raises it too


class ServerError(Exception):
    """The base of the server's errors; `str(error)` says what was asked, what was found and what to try."""


class ConfigError(ServerError, ValueError):
    """An option is unknown or has a value that cannot be served with."""


class CompiledCoreMissing(ServerError):
    """The compiled core was not built; there is no slow second implementation."""


class AppLoadError(ServerError):
    """`module:app` or `file.py` could not be imported, or holds no ASGI application."""


class BindError(ServerError):
    """The address could not be listened on: taken, not ours, or not permitted."""


class TLSError(ServerError):
    """The certificate or its key cannot be served with."""


class LifespanError(ServerError):
    """The application failed, or refused, to start up."""


def describe(error: BaseException, *, hidden: Collection[str] = ()) -> str:
    """The error with its traceback, without the frames of files named in `hidden` and of Python's import machinery."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen importlib") and frame.filename not in hidden
    ]
    return "".join(traceback.format_list(frames) + traceback.format_exception_only(error)).rstrip()
