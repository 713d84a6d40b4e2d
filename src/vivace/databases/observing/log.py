"""Every statement in the log `vivace.databases`, at DEBUG: attached when that is switched on at `connect()`."""

from __future__ import annotations

import logging

from vivace.databases.errors import shortened
from vivace.databases.observing.events import QueryEvent

logger = logging.getLogger("vivace.databases")


def log_statement(event: QueryEvent) -> None:
    """A query hook: one line with time, outcome and SQL, without values."""
    if event.error is not None:
        outcome = type(event.error).__name__
    else:
        outcome = "done" if event.rows is None else f"{event.rows} row{'s' * (event.rows != 1)}"
    place = ", in a transaction" if event.in_transaction else ""
    if event.replica is not None:
        place += f", on replica {event.replica}"
    logger.debug("%.1f ms, %s%s: %s", event.duration * 1000, outcome, place, shortened(event.sql))
