"""No more requests of anybody than is said: 429 with Retry-After, and the RateLimit headers of the IETF.

The counting is `vivace.utils.ratelimit`'s, whose stores and limits are named here as well; `_ratelimit_headers.py` says
what clients are told.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Awaitable, Callable, Collection, Iterable
from copy import copy
from typing import Any, Literal, ParamSpec, TypeVar

from vivace.utils.ratelimit import (
    Decision,
    Limit,
    MemoryStore,
    RedisStore,
    SlidingWindow,
    Store,
    StoreUnavailable,
    TokenBucket,
    parse_rates,
)
from vivace.utils.route_path import get_route_path
from vivace.web._refusal import refuse
from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.exceptions import HTTPException
from vivace.web.middleware._ratelimit_headers import Headers, HeaderStyle, policy_names
from vivace.web.middleware._ratelimit_keys import KEYS, Key
from vivace.web.middleware._start import ANY_START, HTTP_START, editing_start
from vivace.web.requests import HTTPConnection
from vivace.web.responses import Response
from vivace.web.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "MemoryStore",
    "RateLimitMiddleware",
    "RedisStore",
    "SlidingWindow",
    "TokenBucket",
    "rate_limit",
]

P = ParamSpec("P")
T = TypeVar("T")

Rate = str | Limit | Iterable[str | Limit]
Cost = int | Callable[[HTTPConnection], int]


class RateLimiter:
    """What the middleware and the decorator have in common: the limits, whose they are, and what a client is told."""

    def __init__(
        self,
        rate: Rate,
        *,
        key: Literal["client", "user"] | Key = "client",
        store: Store | None = None,
        cost: Cost = 1,
        name: str = "default",
        algorithm: Literal["sliding-window", "token-bucket"] = "sliding-window",
        headers: HeaderStyle | Collection[HeaderStyle] | None = "ietf",
    ) -> None:
        if isinstance(key, str) and key not in KEYS:
            raise ValueError(f"a rate limit's key is {', '.join(map(repr, KEYS))} or a function, got {key!r}")
        if isinstance(cost, int) and cost < 1:
            raise ValueError(f"a rate limit's cost is one or more, got {cost}")
        self.limits = _limits(rate, algorithm)
        self.store = MemoryStore() if store is None else store
        self.name = name
        self._key: Key = KEYS[key] if isinstance(key, str) else key
        self._cost = cost
        self._headers = Headers(policy_names(name, self.limits), self.limits, headers)

    async def check(self, connection: HTTPConnection) -> list[tuple[bytes, bytes]]:
        """Count a request. Returns the headers for its response; raises HTTPException (429 or 503) to refuse it."""
        found = self._key(connection)
        key = await found if inspect.isawaitable(found) else found
        if key is None:
            return []
        cost = self._cost if isinstance(self._cost, int) else self._cost(connection)
        try:
            decision = await self.store.take(f"{self.name}:{key}", self.limits, cost)
        except StoreUnavailable as error:
            after = str(max(math.ceil(error.retry_after), 1))
            raise HTTPException(503, "Service Unavailable", {"Retry-After": after}) from error
        fields = self._headers.fields(decision.outcomes)
        if not decision.allowed:
            raise _refusal(decision, fields)
        return fields


class RateLimitMiddleware:
    """Lets no key make more requests than `rate`: "100/minute", several ("10/second; 1000/hour"), or limits.

    * `key`: whose requests are counted together: "client" (the address; the /64 network of an IPv6 address), "user"
      (who is logged in, by `request.user`, else the address), or a function of the `HTTPConnection`, async or not,
      whose result is a str, or None for what is not limited.
    * `store`: where it is counted; in this process if it is None. `RedisStore(url)` counts for all of them.
    * `cost`: how much a request takes, or a function of the connection; 0 takes nothing.
    * `exempt`: paths that are not limited, exactly, or all below when they end with "/*".
    * `name`: what these limits are called in headers and in the store. Limits in one store with the same name share
      their counts.
    * `algorithm`: how the texts of `rate` are meant: "sliding-window" is never more than that in any such time;
      "token-bucket" lets that many pass at once after a pause, and then as many as come in evenly.
    * `headers`: "ietf" (draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy and RateLimit), "legacy" (its drafts
      until 06: RateLimit-Limit, -Remaining and -Reset), "x" (X-RateLimit-Limit and so on), several of them, or None.

    HTTP requests are refused with 429 and Retry-After by the application's handler for it; WebSockets before they
    open. Where the store does not answer and is not to let all pass, that is 503. Raises ValueError for what is no
    rate.
    """

    def __init__(
        self,
        app: ASGIApp,
        rate: Rate,
        *,
        key: Literal["client", "user"] | Key = "client",
        store: Store | None = None,
        cost: Cost = 1,
        exempt: Collection[str] = (),
        name: str = "default",
        algorithm: Literal["sliding-window", "token-bucket"] = "sliding-window",
        headers: HeaderStyle | Collection[HeaderStyle] | None = "ietf",
    ) -> None:
        self.app = app
        self._limiter = RateLimiter(
            rate, key=key, store=store, cost=cost, name=name, algorithm=algorithm, headers=headers
        )
        self._exempt = frozenset(path for path in exempt if not path.endswith("/*"))
        self._exempt_below = tuple(path[:-1] for path in exempt if path.endswith("/*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_exempt(scope):
            await self.app(scope, receive, send)
            return
        try:
            fields = await self._limiter.check(HTTPConnection(scope))
        except HTTPException as refusal:
            await refuse(scope, receive, send, refusal)
            return
        if fields:
            kinds = HTTP_START if scope["type"] == "http" else ANY_START
            send = editing_start(send, lambda headers: headers.extend(fields), kinds)
        await self.app(scope, receive, send)

    def _is_exempt(self, scope: Scope) -> bool:
        if not self._exempt and not self._exempt_below:
            return False
        path = get_route_path(scope)
        return path in self._exempt or path.startswith(self._exempt_below)


def rate_limit(
    rate: Rate,
    *,
    key: Literal["client", "user"] | Key = "client",
    store: Store | None = None,
    cost: Cost = 1,
    name: str | None = None,
    algorithm: Literal["sliding-window", "token-bucket"] = "sliding-window",
    headers: HeaderStyle | Collection[HeaderStyle] | None = "ietf",
) -> Callable[[Callable[P, T]], Callable[P, Awaitable[Any]]]:
    """`@rate_limit("5/minute")` above one endpoint: a function or a method that is called with a request or WebSocket.

    The arguments are RateLimitMiddleware's; `name` is the function's own if it is None. A request that is refused is an
    HTTPException (429), raised before the endpoint runs; a plain function runs in a thread as it would have.
    """

    def decorate(endpoint: Callable[P, T]) -> Callable[P, Awaitable[Any]]:
        function: Callable[P, Any] = endpoint
        limiter = RateLimiter(
            rate,
            key=key,
            store=store,
            cost=cost,
            name=name or getattr(endpoint, "__qualname__", "endpoint").replace("<locals>.", ""),
            algorithm=algorithm,
            headers=headers,
        )
        is_async = is_async_callable(endpoint)

        @functools.wraps(endpoint)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> Any:
            fields = await limiter.check(_connection_among(endpoint, [*args, *kwargs.values()]))
            result = await function(*args, **kwargs) if is_async else await run_in_threadpool(function, *args, **kwargs)
            if fields and isinstance(result, Response):
                # A copy: the endpoint may give one response to many.
                result = copy(result)
                result.raw_headers = [*result.raw_headers, *fields]
            return result

        return limited

    return decorate


def _connection_among(endpoint: Any, arguments: Iterable[Any]) -> HTTPConnection:
    for argument in arguments:
        if isinstance(argument, HTTPConnection):
            return argument
    raise TypeError(f"@rate_limit: {endpoint!r} was called without a Request or WebSocket, so there is nobody to limit")


def _limits(rate: Rate, algorithm: str) -> tuple[Limit, ...]:
    kinds: dict[str, Callable[[int, float], Limit]] = {"sliding-window": SlidingWindow, "token-bucket": TokenBucket}
    if algorithm not in kinds:
        raise ValueError(f"a rate limit's algorithm is {' or '.join(map(repr, kinds))}, got {algorithm!r}")
    limits: list[Limit] = []
    rates = rate if isinstance(rate, Iterable) and not isinstance(rate, str) else [rate]
    for each in rates:
        if isinstance(each, str):
            limits.extend(kinds[algorithm](count, seconds) for count, seconds in parse_rates(each))
        else:
            limits.append(each)
    if not limits:
        raise ValueError("a rate limit without rates limits nothing")
    return tuple(dict.fromkeys(limits))


def _refusal(decision: Decision, fields: list[tuple[bytes, bytes]]) -> HTTPException:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
    after = decision.retry_after
    if math.isinf(after):
        # It costs more than there ever is: no time to come back at.
        return HTTPException(429, "Too Many Requests: this one costs more than its rate limit allows at all", headers)
    seconds = max(math.ceil(after), 1)
    headers["Retry-After"] = str(seconds)
    return HTTPException(429, f"Too Many Requests: try again in {seconds} second{'' if seconds == 1 else 's'}", headers)
