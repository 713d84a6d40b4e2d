"""How often somebody may ask; `rest_framework.throttling`, but counted atomically.

    class Burst(UserRateThrottle):
        rate = "60/min"

Counts are kept by a store of `vivace.utils.ratelimit`: in this process, or with `store = RedisStore(url)` (or the
setting `THROTTLE_STORE`) in Redis for all of them. However many ask at once, no more pass than the rate says.
"""

from __future__ import annotations

import functools
import ipaddress
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from vivace.rest.exceptions import Throttled
from vivace.rest.settings import current, setting
from vivace.utils.ratelimit import MemoryStore, SlidingWindow, Store, StoreUnavailable, parse_rates
from vivace.utils.suggest import did_you_mean

# What a header may say of who asks: longer is no address.
MAX_IDENT_LENGTH = 200


class BaseThrottle:
    """Says whether a request is one too many; both methods may be `async def`."""

    def allow_request(self, request: Any, view: Any) -> Any:
        """Whether the request may be answered now."""
        raise NotImplementedError(f"{type(self).__name__}.allow_request() is needed")

    def wait(self) -> Any:
        """Seconds until the next request is allowed, or None when that is not known."""
        return None

    def get_ident(self, request: Any) -> str:
        """Whose requests are counted together: the client's address; of an IPv6 address, its /64 network.

        With the setting NUM_PROXIES, it is the address that the outermost of so many proxies saw, from X-Forwarded-For.
        Without, the header is not believed: anybody could write another address into each request.
        """
        client = request.scope.get("client")
        address: str = client[0] if client and client[0] else "unknown"
        proxies: int | None = current().NUM_PROXIES
        forwarded = request.headers.get("x-forwarded-for")
        if proxies and forwarded:
            addresses = forwarded.split(",")
            address = addresses[-min(proxies, len(addresses))].strip()[:MAX_IDENT_LENGTH]
        return _network(address)


@functools.lru_cache(maxsize=4096)
def _network(host: str) -> str:
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))  # what one customer has (RFC 6177)


@functools.cache
def _limits(rate: str) -> tuple[SlidingWindow, ...]:
    return tuple(SlidingWindow(count, seconds) for count, seconds in parse_rates(rate))


_memory = MemoryStore()


class SimpleRateThrottle(BaseThrottle):
    """A rate ("100/day", "5 per 10 seconds", several with ";") for each key that `get_cache_key()` gives.

    The rate is the class's `rate`, else what the setting DEFAULT_THROTTLE_RATES has for its `scope`; None is no limit.
    """

    rate: str | None = None
    scope: str | None = None
    store: ClassVar[Store | None] = setting("THROTTLE_STORE")
    THROTTLE_RATES: Mapping[str, str | None] = setting("DEFAULT_THROTTLE_RATES")
    cache_format = "throttle_%(scope)s_%(ident)s"
    _retry_after: float | None = None

    def get_cache_key(self, request: Any, view: Any) -> Any:
        """What is counted, or None for a request that is not; may be `async def`."""
        raise NotImplementedError(f"{type(self).__name__}.get_cache_key() is needed")

    def get_rate(self) -> str | None:
        """The rate of this throttle. Raises ValueError for a scope without one."""
        if self.rate is not None:
            return self.rate
        if not self.scope:
            raise ValueError(f"{type(self).__name__} needs a `rate`, or a `scope` with one in DEFAULT_THROTTLE_RATES")
        try:
            return self.THROTTLE_RATES[self.scope]
        except KeyError:
            choices = did_you_mean(self.scope, self.THROTTLE_RATES, listed_as="Scopes")
            raise ValueError(f'DEFAULT_THROTTLE_RATES has no rate for the scope "{self.scope}". {choices}') from None

    async def allow_request(self, request: Any, view: Any) -> bool:
        rate = self.get_rate()
        if rate is None:
            return True
        key = self.get_cache_key(request, view)
        if hasattr(key, "__await__"):
            key = await key
        if key is None:
            return True
        store = self.store or _memory
        try:
            decision = await store.take(key, _limits(rate))
        except StoreUnavailable as error:
            raise Throttled(error.retry_after) from error
        self._retry_after = decision.retry_after
        return decision.allowed

    def wait(self) -> float | None:
        wait = self._retry_after
        return None if wait is None or math.isinf(wait) else wait

    def key_of(self, ident: object) -> str:
        """The key that counts `ident` in this throttle's scope."""
        return self.cache_format % {"scope": self.scope or type(self).__qualname__, "ident": ident}


def _user_ident(throttle: BaseThrottle, request: Any) -> object:
    user = request.user
    if user and getattr(user, "is_authenticated", False):
        known = (getattr(user, name, None) for name in ("pk", "id", "identity", "username"))
        return next((found for found in known if found is not None), user)
    return throttle.get_ident(request)


class AnonRateThrottle(SimpleRateThrottle):
    """Limits strangers, by their address."""

    scope = "anon"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        if request.user and getattr(request.user, "is_authenticated", False):
            return None
        return self.key_of(self.get_ident(request))


class UserRateThrottle(SimpleRateThrottle):
    """Limits each user, and strangers by their address."""

    scope = "user"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.key_of(_user_ident(self, request))


class ScopedRateThrottle(SimpleRateThrottle):
    """Limits what has a `throttle_scope`, each scope at its own rate; other views are not limited."""

    scope_attr = "throttle_scope"

    async def allow_request(self, request: Any, view: Any) -> bool:
        self.scope = getattr(view, self.scope_attr, None)
        return True if not self.scope else await super().allow_request(request, view)

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.key_of(_user_ident(self, request))
