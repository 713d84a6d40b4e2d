"""When to try to connect again: further and further apart, never two at a time, and not all programs at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

# Seconds between two attempts: the first pause, and the longest one.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0


class Backoff:
    """Who may try to connect, and when. As long as attempts succeed everybody may, always.

    After a failure one attempt at a time is made, each after a pause up to twice as long as the one before; its true
    length is drawn by lot, so that many processes do not come back in step.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.failed_at = 0.0
        self.last_failure = ""
        self._not_before = 0.0
        self._is_being_tried = False

    def may_try(self) -> bool:
        """Whether an attempt is welcome now."""
        return not self.failures or (not self._is_being_tried and monotonic() >= self._not_before)

    def reset(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self._not_before = 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next attempt is welcome."""
        return max(0.0, self._not_before - monotonic())

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """An attempt, in a block that raises when it fails. A cancelled one says nothing about the server."""
        # While all is well, many are made side by side.
        is_probe = self.failures > 0
        if is_probe:
            self._is_being_tried = True
        try:
            yield
        except Exception:
            self._failed()
            raise
        finally:
            if is_probe:
                self._is_being_tried = False
        self.reset()

    def _failed(self) -> None:
        now = monotonic()
        if self.failures and now < self._not_before:
            return  # one of many that were under way together; the first has set the pause
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self.failures)
        self.failures += 1
        self.failed_at = now
        self._not_before = now + longest * (0.5 + random.random() / 2)  # noqa: S311 (spreading, not secrecy)
