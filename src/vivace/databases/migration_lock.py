"""What all processes that migrate one database agree to lock, be it with Alembic or with `vivace migrate`."""

from __future__ import annotations

# "vivace" in ASCII, the number of PostgreSQL's advisory lock.
LOCK_KEY = 0x766976616365
# A migration of another process may copy a large table; waiting is right, waiting for ever is not.
WAIT_SECONDS = 600.0
