"""When a server that cannot be reached is asked again: soon at first, then less and less often."""

from __future__ import annotations

import copy
import random

from vivace.databases.errors import DatabaseError

# Seconds until the second attempt; each later pause is twice as long, up to the longest. All are shortened by up to a
# half at random, so that many processes do not ask together. The longest is how late a server's return is noticed.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.8
# A server that was reached before gets so many seconds to come back (a restart) until those who wait are told. In that
# time it is asked a little more often.
GRACE = 1.0
LONGEST_PAUSE_IN_GRACE = 0.25


class Backoff:
    """What became of the attempts to open connections. Times are those of `time.monotonic()`."""

    __slots__ = ("_attempts", "error", "failed_at", "next_try", "since", "was_up")

    def __init__(self) -> None:
        # Why the last attempt failed; None when it did not.
        self.error: Exception | None = None
        self.was_up = False
        self.since = self.failed_at = self.next_try = 0.0
        self._attempts = 0

    def succeeded(self) -> None:
        """The server answers."""
        self.error = None
        self.was_up = True
        self._attempts = 0

    def failed(self, error: Exception, now: float) -> None:
        """The server does not answer. Attempts that were made together count once."""
        if self.error is None:
            self.since = now
        elif now < self.next_try:
            return
        self.error = error
        self.failed_at = now
        longest = LONGEST_PAUSE if self.has_given_up(now) else LONGEST_PAUSE_IN_GRACE
        pause = min(longest, FIRST_PAUSE * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 10)
        self.next_try = now + pause * random.uniform(0.5, 1.0)  # noqa: S311 (spreading, not secrecy)

    def has_given_up(self, now: float) -> bool:
        """Whether those who wait are told, rather than kept waiting for the next attempt."""
        return self.error is not None and (not self.was_up or now - self.since >= GRACE)

    def again(self, now: float) -> Exception:
        """The last failure, for one more to raise; to be called only when there was one."""
        error = self.error
        if not isinstance(error, DatabaseError):
            return error or DatabaseError("No connection could be opened")
        again = copy.copy(error)
        again.__cause__ = error.__cause__
        if now - self.failed_at > 0.001:
            again.message = f"{error.message} (tried {now - self.failed_at:.1f} s ago, and again soon)"
        return again
