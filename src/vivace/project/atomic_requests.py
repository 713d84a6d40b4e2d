"""ATOMIC_REQUESTS: each request is one transaction, stored when it is answered well and undone when it is not."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.databases.transactions import Transaction
    from vivace.web.requests import Request

R = TypeVar("R")

_KEY = "vivace.atomic_request"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class AtomicRequests:
    """ASGI middleware that runs each HTTP request in a transaction of each database.

    The answer is held back until the transaction has ended: it is committed below status 400, rolled back otherwise,
    and after an exception. A streamed answer is sent after the COMMIT. A transaction begins with its first statement,
    so a request without one pays nothing; one that only reads takes no lock for writing.
    """

    def __init__(self, app: ASGIApp, databases: Callable[[], Sequence[Database]]) -> None:
        self.app, self._databases = app, databases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reads = scope["method"] in _READING
        request = _AtomicRequest([each.transaction() if reads else each.atomic() for each in self._databases()], send)
        await request.begin()
        try:
            await self.app({**scope, _KEY: request}, receive, request.send)
        except BaseException:
            await request.end(commit=False)
            raise
        await request.release()


class _AtomicRequest:
    """The transactions of one request, and what is held back of its answer."""

    def __init__(self, transactions: Sequence[Transaction], send: Send) -> None:
        self._transactions, self._send = transactions, send
        self._held: list[Message] = []
        self._is_open = True

    async def begin(self) -> None:
        for transaction in self._transactions:
            await transaction.start()

    async def end(self, *, commit: bool) -> None:
        """Ends the transactions, the last first; does nothing when they have ended."""
        if not self._is_open:
            return
        self._is_open = False
        for transaction in reversed(self._transactions):
            if commit and not transaction.is_aborted:
                await transaction.commit()
            else:
                commit = False
                await transaction.rollback()

    async def send(self, message: Message) -> None:
        """Holds a message back, unless the answer is streamed or the transactions have ended."""
        if not self._is_open:
            await self._send(message)
            return
        self._held.append(message)
        if message["type"] != "http.response.start" and message.get("more_body"):
            await self.release()

    async def release(self) -> None:
        """Ends the transactions by what the answer says, and sends it."""
        status = next((each["status"] for each in self._held if each["type"] == "http.response.start"), 200)
        await self.end(commit=status < 400)
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


def non_atomic_requests(view: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """Takes a view out of ATOMIC_REQUESTS: each of its statements is stored at once, or in blocks of its own."""

    @functools.wraps(view)
    async def alone(request: Request, *args: Any, **kwargs: Any) -> R:
        atomic: _AtomicRequest | None = request.scope.get(_KEY)
        if atomic is not None:
            await atomic.end(commit=True)
        return await view(request, *args, **kwargs)

    return alone
