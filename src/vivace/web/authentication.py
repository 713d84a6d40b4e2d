"""Who asks, and what they may do (Starlette's names); `middleware.authentication` puts it into the scope."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec
from urllib.parse import urlencode

from vivace.web._utils import is_async_callable
from vivace.web.exceptions import HTTPException
from vivace.web.requests import HTTPConnection, Request
from vivace.web.responses import RedirectResponse, Response
from vivace.web.websockets import WebSocket

P = ParamSpec("P")


def has_required_scope(conn: HTTPConnection, scopes: Sequence[str]) -> bool:
    """Whether the credentials of this connection hold all of `scopes`."""
    return all(scope in conn.auth.scopes for scope in scopes)


def requires(
    scopes: str | Sequence[str], status_code: int = 403, redirect: str | None = None
) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Lets only those in whose credentials hold all of `scopes`: `@requires("authenticated")`.

    Others get `status_code`, or are sent to the route called `redirect` with `?next=` where they came from; a WebSocket
    is closed. The function has an argument called `request` or `websocket`; TypeError when it has neither.
    """
    wanted = [scopes] if isinstance(scopes, str) else list(scopes)

    def refuse(request: Request) -> Response:
        if redirect is None:
            raise HTTPException(status_code=status_code)
        query = urlencode({"next": str(request.url)})
        return RedirectResponse(url=f"{request.url_for(redirect)}?{query}", status_code=303)

    def decorator(func: Callable[P, Any]) -> Callable[P, Any]:
        position, kind = _connection_parameter(func)
        if kind == "websocket":

            @functools.wraps(func)
            async def websocket_wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
                websocket = _argument(args, kwargs, position, "websocket", WebSocket)
                if has_required_scope(websocket, wanted):
                    await func(*args, **kwargs)
                else:
                    await websocket.close()

            return websocket_wrapper
        if is_async_callable(func):

            @functools.wraps(func)
            async def async_wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
                request = _argument(args, kwargs, position, "request", Request)
                return await func(*args, **kwargs) if has_required_scope(request, wanted) else refuse(request)

            return async_wrapper

        @functools.wraps(func)
        def sync_wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
            request = _argument(args, kwargs, position, "request", Request)
            return func(*args, **kwargs) if has_required_scope(request, wanted) else refuse(request)

        return sync_wrapper

    return decorator


def _connection_parameter(func: Callable[..., Any]) -> tuple[int, str]:
    for position, name in enumerate(inspect.signature(func).parameters):
        if name in ("request", "websocket"):
            return position, name
    raise TypeError(f'No "request" or "websocket" argument on function "{func}"')


def _argument(args: Any, kwargs: Any, position: int, name: str, expected: type) -> Any:
    value = kwargs[name] if name in kwargs else args[position] if position < len(args) else None
    if not isinstance(value, expected):
        raise _WrongArgumentError(
            f"Parameter with name '{name}' is required to be of type '{expected.__name__}' not '{type(value).__name__}'"
        )
    return value


class _WrongArgumentError(TypeError, AssertionError):
    """Not called as an endpoint is. Starlette raises AssertionError here."""


class AuthenticationError(Exception):
    """Raised by a backend for credentials that are wrong, as opposed to absent."""


class AuthenticationBackend:
    """Subclass with `authenticate`, and give an instance to `AuthenticationMiddleware`."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """The credentials and the user of this connection; None for a stranger; AuthenticationError to refuse."""
        raise NotImplementedError


class AuthCredentials:
    """What somebody may do, as a list of names."""

    def __init__(self, scopes: Sequence[str] | None = None) -> None:
        self.scopes = [] if scopes is None else list(scopes)


class BaseUser:
    """What is asked of every user."""

    @property
    def is_authenticated(self) -> bool:
        raise NotImplementedError

    @property
    def display_name(self) -> str:
        raise NotImplementedError

    @property
    def identity(self) -> str:
        raise NotImplementedError


class SimpleUser(BaseUser):
    """A user that is a name."""

    def __init__(self, username: str) -> None:
        self.username = username

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.username

    @property
    def identity(self) -> str:
        return self.username


class UnauthenticatedUser(BaseUser):
    """A stranger."""

    @property
    def is_authenticated(self) -> bool:
        return False

    @property
    def display_name(self) -> str:
        return ""

    @property
    def identity(self) -> str:
        return ""
