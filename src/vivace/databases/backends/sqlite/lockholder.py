"""Which process holds the lock of a SQLite file, as far as the system tells."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

# SQLite's write lock is in the -shm file with a WAL, else in the database file itself.
_LOCKS = Path("/proc/locks")


def lock_holder(connection: sqlite3.Connection) -> str:
    """`process 1234 (python)`, or `another process`.

    The files are only looked up, never opened: closing one would let go of all locks this process has on it (POSIX).
    """
    try:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        inodes = {os.stat(name).st_ino for name in (path, f"{path}-shm") if os.path.exists(name)}
        for line in _LOCKS.read_text().splitlines():
            # 1: POSIX  ADVISORY  WRITE 1234 08:01:131093 120 120
            words = line.split()
            pid, inode = int(words[4]), int(words[5].rpartition(":")[2])
            if words[3] == "WRITE" and inode in inodes and pid not in (0, os.getpid()):
                return f"process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    except (OSError, ValueError, IndexError, sqlite3.Error):
        pass  # another system, or it has ended meanwhile
    return "another process"
