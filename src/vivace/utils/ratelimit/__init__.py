"""Rate limiting: how many of something each key may have in a time.

`rates.py` reads "100/minute"; `algorithms.py` has the token bucket and the sliding window, as arithmetic without a
clock; `memory.py` and `redis.py` keep the counts, in this process or for many. Start with `stores.py`, which says what
a store does. `vivace.web.middleware.ratelimit` is built on it.
"""

from vivace.utils.ratelimit.algorithms import Limit, SlidingWindow, TokenBucket
from vivace.utils.ratelimit.memory import MemoryStore
from vivace.utils.ratelimit.rates import parse_rates
from vivace.utils.ratelimit.redis import RedisStore
from vivace.utils.ratelimit.stores import Decision, Outcome, Store, StoreUnavailable

__all__ = [
    "Decision",
    "Limit",
    "MemoryStore",
    "Outcome",
    "RedisStore",
    "SlidingWindow",
    "Store",
    "StoreUnavailable",
    "TokenBucket",
    "parse_rates",
]
