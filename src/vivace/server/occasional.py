"""Log lines that a stranger can cause as often as he likes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

# Seconds between two warnings.
INTERVAL = 10.0


class OccasionalWarning:
    """Warns once in a while, and counts what it did not warn of; that is there for who logs at debug level."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._next = float("-inf")
        self._omitted = 0

    def __call__(self, message: str, *arguments: object) -> None:
        """Log `message`, as the methods of a logger do."""
        now = self._clock()
        if now < self._next:
            self._omitted += 1
            self._logger.debug(message, *arguments)
            return
        self._next = now + INTERVAL
        if self._omitted:
            message += " (%d more like this since the last such line)"
            arguments += (self._omitted,)
            self._omitted = 0
        self._logger.warning(message, *arguments)
