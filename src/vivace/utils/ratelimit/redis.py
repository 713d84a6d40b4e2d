"""Counts in Redis: one limit for all processes and machines that share it."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from vivace.utils.ratelimit.algorithms import PARTS, Limit, Outcome, SlidingWindow, TokenBucket
from vivace.utils.ratelimit.stores import Decision, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

logger = logging.getLogger("vivace.ratelimit")

SCRIPT = Path(__file__).with_name("take.lua").read_text()
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class RedisStore:
    """Counts in the Redis at `url` ("redis://..."), or of a `redis.asyncio.Redis` of yours; asyncio only.

    Each `take` is one round trip: an atomic script, by Redis' own clock, so that processes whose clocks differ agree.
    All keys of one `take` are in one slot of a cluster. What is not used any more expires.

    When Redis does not answer in `timeout` seconds, everything is allowed (`on_failure="allow"`) or StoreUnavailable is
    raised ("refuse"). That is logged once, and Redis is not asked again for a time that doubles from half a second to
    half a minute, so that a dead one costs one request a timeout and not all. Raises ImportError without the package
    `redis` (`pip install vivace[redis]`).
    """

    def __init__(
        self,
        url: str | Redis,
        *,
        prefix: str = "vivace:ratelimit:",
        timeout: float = 0.25,
        on_failure: Literal["allow", "refuse"] = "allow",
        max_connections: int = 16,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if on_failure not in ("allow", "refuse"):
            raise ValueError(f'on_failure is "allow" or "refuse", got {on_failure!r}')
        if timeout <= 0:
            raise ValueError(f"a timeout is more than 0 seconds, got {timeout}")
        self._errors, self._client = _connect(url, timeout, max_connections)
        self._script: AsyncScript = self._client.register_script(SCRIPT)
        self._prefix = prefix
        self._on_failure = on_failure
        self._clock = clock
        self._timeout = timeout
        # The circuit breaker: not to be asked before `_asks_again`, while `_pause` is not 0.
        self._asks_again = 0.0
        self._pause = 0.0
        self._failures = 0

    async def take(self, key: str, limits: Sequence[Limit], cost: int = 1) -> Decision:
        """See `Store`."""
        if cost < 0:
            raise ValueError(f"a cost is zero or more, got {cost}")
        if self._pause:
            now = monotonic()
            if now < self._asks_again:
                return self._unanswered()
            # One asks; those that come before it is answered do not.
            self._asks_again = now + self._pause
        failures = self._failures
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(key, limits, cost)
        except self._errors as error:
            # Many may have been asking when it failed: that is one failure.
            if failures == self._failures:
                self._failed(error)
            return self._unanswered()
        if self._pause:
            self._pause = 0.0
            logger.info("Redis answers again: rates are limited")
        return Decision(answer[0] == 1, tuple(_outcome(answer[1 + 4 * i : 5 + 4 * i]) for i in range(len(limits))))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, key: str, limits: Sequence[Limit], cost: int) -> list[Any]:
        # The braces keep the keys together in a cluster; a brace in the key must not end them.
        tag = key.replace("}", "%7D")
        keys = [f"{self._prefix}{{{tag}}}:{_name(limit)}" for limit in limits]
        arguments: list[Any] = [cost, "" if self._clock is None else round(self._clock() * 1e6)]
        for limit in limits:
            arguments += _arguments(limit)
        answer: list[Any] = await self._script(keys=keys, args=arguments)
        return answer

    def _unanswered(self) -> Decision:
        if self._on_failure == "allow":
            return Decision(True)
        raise StoreUnavailable("the store of rate limits does not answer", max(self._asks_again - monotonic(), 0.0))

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if not self._pause:
            what = "nothing is limited" if self._on_failure == "allow" else "all that is limited is refused"
            logger.warning("Redis does not answer: %s until it does (%s: %s)", what, type(error).__name__, error)
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        # Not all processes at the same moment.
        self._asks_again = monotonic() + self._pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


def _connect(url: str | Redis, timeout: float, max_connections: int) -> tuple[tuple[type[Exception], ...], Redis]:
    try:
        from redis import asyncio as redis
        from redis.exceptions import RedisError
    except ImportError:
        raise ImportError("RedisStore needs the package redis: pip install vivace[redis]") from None
    errors = (RedisError, OSError, TimeoutError)
    if not isinstance(url, str):
        return errors, url
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
    )
    return errors, redis.Redis.from_pool(pool)


def _name(limit: Limit) -> str:
    kind = "bucket" if isinstance(limit, TokenBucket) else "window"
    return f"{kind}:{limit.maximum}:{limit.count}:{limit.seconds:g}"


def _arguments(limit: Limit) -> list[Any]:
    microseconds = limit.seconds * 1e6
    if isinstance(limit, TokenBucket):
        return ["bucket", limit.maximum, repr(microseconds / limit.count)]
    if isinstance(limit, SlidingWindow):
        return ["window", limit.count, repr(microseconds / PARTS)]
    raise TypeError(f"RedisStore knows SlidingWindow and TokenBucket, got {limit!r}")


def _outcome(values: Sequence[int]) -> Outcome:
    allowed, remaining, reset_after, retry_after = values
    return Outcome(allowed == 1, remaining, reset_after / 1e6, math.inf if retry_after < 0 else retry_after / 1e6)
