"""News for the system's service manager: systemd's notification protocol, which others (runit, s6, Kubernetes) skip.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html; without NOTIFY_SOCKET nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from vivace.server.logging import server_logger


class Notifier:
    """Tells what becomes of this process. Nothing here raises: a service manager that is gone stops nobody."""

    def __init__(self, address: str | None, watchdog: float | None = None) -> None:
        self.address = address
        self.watchdog = watchdog  # seconds without a sign of life after which the process is killed

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """What NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID ask for. An address with @ is abstract."""
        address = environ.get("NOTIFY_SOCKET") or None
        if address is not None and address[0] not in "/@":
            server_logger.warning("NOTIFY_SOCKET=%r is no Unix socket; the service manager is told nothing.", address)
            address = None
        return cls(address, _watchdog(environ))

    def ready(self, status: str) -> None:
        """The service serves; after `reloading`: again."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self, status: str) -> None:
        """It serves on, with what is new soon; `ready` says when."""
        # Type=notify-reload wants to see that the message belongs to the reload it asked for.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", f"STATUS={status}")

    def stopping(self, status: str) -> None:
        """The end has begun."""
        self._send("STOPPING=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """The line that `systemctl status` shows."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send("WATCHDOG=1")

    def hand_over(self, pid: int) -> None:
        """Another process is the service from now on; whatever this one says later is of no interest to anybody."""
        self._send(f"MAINPID={pid}", "READY=1")
        self.address = self.watchdog = None

    def _send(self, *lines: str) -> None:
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        message = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                # A service manager that does not read must not stop the event loop.
                channel.setblocking(False)
                channel.sendto(message.encode(), address)
        except OSError as error:
            server_logger.debug("The service manager at %s was not told %r: %s", self.address, message, error)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """The seconds of WATCHDOG_USEC, if it is for this process."""
    period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not period.isdecimal() or int(period) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(period) / 1_000_000
