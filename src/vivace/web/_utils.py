"""Small helpers that several modules of the toolkit share."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anyio

# Starlette has it here, and what is built on Starlette takes it from here.
from vivace.utils.route_path import get_route_path as get_route_path

if sys.version_info >= (3, 13):
    from inspect import iscoroutinefunction
else:
    from asyncio import iscoroutinefunction  # the one of `inspect` does not know marked callables before 3.12

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T_co = TypeVar("T_co", covariant=True)


def is_async_callable(obj: Any) -> bool:
    """Whether calling `obj` gives a coroutine: functions, methods, partials of them, objects with `async __call__`."""
    while isinstance(obj, functools.partial):
        obj = obj.func
    return iscoroutinefunction(obj) or (callable(obj) and iscoroutinefunction(obj.__call__))


class AwaitableOrContextManager(Awaitable[T_co], AbstractAsyncContextManager[T_co], Protocol[T_co]):
    """Something to `await`, or to use in `async with` when it should also be closed."""


class SupportsAsyncClose(Protocol):
    async def close(self) -> None: ...


Closing = TypeVar("Closing", bound=SupportsAsyncClose)


class AwaitableOrContextManagerWrapper(Generic[Closing]):
    """Makes an awaitable of a closable thing usable as `async with`, which closes it at the end."""

    __slots__ = ("awaitable", "entered")

    def __init__(self, awaitable: Awaitable[Closing]) -> None:
        self.awaitable = awaitable

    def __await__(self) -> Generator[Any, None, Closing]:
        return self.awaitable.__await__()

    async def __aenter__(self) -> Closing:
        self.entered = await self.awaitable
        return self.entered

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.entered.close()


@asynccontextmanager
async def create_collapsing_task_group() -> AsyncIterator[TaskGroup]:
    """An anyio task group that raises a lone exception as itself instead of in a group of one."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as caught:
        if len(caught.exceptions) != 1:
            raise
        alone = caught.exceptions[0]
        context = None if alone.__suppress_context__ else alone.__context__
        raise alone from alone.__cause__ or context


# RFC 3986 section 3.2.2: a registered name, an IPv4 address or an IP literal in brackets, then an optional port.
# Anything else could change the path or the authority of a URL that is built from the Host header.
_HOST = re.compile(
    r"(?P<host>[A-Za-z0-9._~%!$&'()*+,;=-]+"
    r"|\[(?:(?P<ipv6>[A-Fa-f0-9]*:[A-Fa-f0-9.:]+)|v[A-Fa-f0-9]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\])"
    r"(?::(?P<port>[0-9]+))?"
)


@dataclass(frozen=True, slots=True)
class ParsedHost:
    """The two halves of a Host header; `host` keeps the brackets of an IP literal, `port` is as sent."""

    host: str
    port: str | None

    @property
    def authority(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_valid_port(self) -> bool:
        if self.port is None:
            return True
        digits = self.port.lstrip("0")
        return len(digits) <= 5 and int(digits or "0") <= 65535


def parse_host_header(host_header: str | None) -> ParsedHost | None:
    """Splits a Host header; None when there is none or when it is not one that RFC 3986 allows."""
    if host_header is None:
        return None
    match = _HOST.fullmatch(host_header)
    if match is None:
        return None
    if match["ipv6"] is not None:
        try:
            IPv6Address(match["ipv6"])
        except AddressValueError:
            return None
    return ParsedHost(match["host"], match["port"])
