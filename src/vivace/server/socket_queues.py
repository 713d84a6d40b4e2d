"""What the kernel holds of a connection: bytes that we have not read, and bytes that the client has not taken."""

from __future__ import annotations

import sys
from typing import Any

if sys.platform == "win32":  # pragma: no cover

    def unread(connection: Any) -> int:
        """Unknown here."""
        return 0

    def untaken(connection: Any) -> int:
        """Unknown here."""
        return 0

else:
    import array
    import fcntl
    import termios

    def unread(connection: Any) -> int:
        """How many bytes of that socket have come and were not read yet."""
        return _ask(connection, termios.FIONREAD)

    def untaken(connection: Any) -> int:
        """How many bytes written to that socket the client's system has not acknowledged; 0 where that is unknown."""
        # tcp(7), unix(7): SIOCOUTQ, which has the number of TIOCOUTQ.
        return _ask(connection, termios.TIOCOUTQ) if sys.platform == "linux" else 0

    def _ask(connection: Any, what: int) -> int:
        count = array.array("i", [0])
        try:
            fcntl.ioctl(connection.fileno(), what, count)
        except (OSError, ValueError):
            # The socket is closed.
            return 0
        return count[0]
