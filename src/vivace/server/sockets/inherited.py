"""Sockets that the process was started with: by their number, or by systemd's socket activation.

https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
"""

from __future__ import annotations

import os
import socket

from vivace.server.binds import DescriptorBind, SystemdBind
from vivace.server.errors import BindError
from vivace.utils.suggest import did_you_mean

# sd-daemon.h, SD_LISTEN_FDS_START
FIRST_DESCRIPTOR = 3

FAMILIES = tuple(getattr(socket, name) for name in ("AF_INET", "AF_INET6", "AF_UNIX") if hasattr(socket, name))


def open_descriptor(bind: DescriptorBind) -> socket.socket:
    """The socket of that number. Raises BindError when it is none that can be listened on."""
    return take_over(bind.number, str(bind))


def open_systemd(bind: SystemdBind) -> list[socket.socket]:
    """The sockets that systemd has handed over: those of the bind's name, or all. Raises BindError for none."""
    handed = activated()
    if bind.name is None:
        return [take_over(number, f"{bind} (socket {name})") for number, name in handed]
    named = [number for number, name in handed if name == bind.name]
    if not named:
        names = {name for _, name in handed}
        raise BindError(
            f'systemd has handed over no socket of the name "{bind.name}" (FileDescriptorName= in its .socket unit). '
            f"{did_you_mean(bind.name, names, listed_as='Names')}"
        )
    return [take_over(number, str(bind)) for number in named]


def activated() -> list[tuple[int, str]]:
    """Number and name of each socket that was handed over to this very process. Raises BindError for none."""
    count, receiver = os.environ.get("LISTEN_FDS", ""), os.environ.get("LISTEN_PID", "")
    if not (count.isdecimal() and receiver.isdecimal() and int(count) > 0):
        raise BindError(
            "The bind systemd takes sockets from systemd, which has handed over none: there is no LISTEN_FDS in the "
            "environment. Start the .socket unit, not the .service; or name an address, 127.0.0.1:8000."
        )
    if int(receiver) != os.getpid():
        raise BindError(
            f"systemd has handed its sockets to process {receiver}, and this is {os.getpid()}: have the unit start "
            "vivace itself, or its script end in `exec vivace run …`."
        )
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    names += ["unknown"] * (int(count) - len(names))
    return [(FIRST_DESCRIPTOR + index, names[index]) for index in range(int(count))]


def take_over(number: int, what: str) -> socket.socket:
    """The socket with that number, ours from here on; `what` is its name in errors. Raises BindError."""
    try:
        listener = socket.socket(fileno=number)
    except OSError as error:
        raise BindError(
            f"{what}: descriptor {number} is not a socket that can be served on: {error.strerror}. "
            "Whoever starts the server must open it, and pass it on."
        ) from error
    fault = _fault(listener)
    if fault is not None:
        listener.detach()
        raise BindError(f"{what}: descriptor {number} {fault}")
    # The application's own child processes must not keep the port.
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


def _fault(listener: socket.socket) -> str | None:
    """Why connections cannot be accepted on it."""
    if listener.family not in FAMILIES or listener.type != socket.SOCK_STREAM:
        return "is a socket of another kind: TCP and Unix stream sockets are served (ListenStream= in systemd)."
    try:
        listener.getpeername()
    except OSError:
        pass
    else:
        return "is a connection, not a listening socket. In systemd's .socket unit, set Accept=no."
    name = listener.getsockname()
    if not name or (isinstance(name, tuple) and name[1] == 0):
        return "is a socket without an address: whoever opens it must bind it first."
    return None
