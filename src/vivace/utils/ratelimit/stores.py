"""What a store of counts does, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from vivace.utils.ratelimit.algorithms import Limit, Outcome

__all__ = ["Decision", "Outcome", "Store", "StoreUnavailable"]


class StoreUnavailable(Exception):
    """The store cannot be asked, and was told to refuse then. `retry_after`: seconds until it is asked again."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Decision(NamedTuple):
    """Whether something is allowed, and what each limit says of it, in their order; nothing where none was asked."""

    allowed: bool
    outcomes: tuple[Outcome, ...] = ()

    @property
    def retry_after(self) -> float:
        """Seconds until it may be allowed; 0 when it is."""
        return max((outcome.retry_after for outcome in self.outcomes), default=0.0)


class Store(Protocol):
    """Keeps how much of its limits each key has used."""

    async def take(self, key: str, limits: Sequence[Limit], cost: int = 1) -> Decision:
        """Take `cost` from all of these limits of `key`, or, when one of them does not have it, from none.

        At once for all who ask, whichever task, thread or process they are in. With a cost of 0, only looks. Raises
        StoreUnavailable when the store cannot answer and is not to let everything pass.
        """
