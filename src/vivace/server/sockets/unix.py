"""Unix sockets: a file that nobody can connect to before its owner and mode are right, and that is removed when it is
left over from a server that is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Iterator

from vivace.server.binds import UnixBind
from vivace.server.errors import BindError

try:
    import fcntl
    import grp
    import pwd
except ImportError:  # pragma: no cover - Windows, which has no Unix sockets for Python either
    pass

# A folder that somebody else keeps locked is gone on with.
LOCK_ATTEMPTS = 20
LOCK_WAIT = 0.05
PROBE_TIMEOUT = 1.0


def open_unix(bind: UnixBind, mode: int = 0o666, owner: str | None = None) -> socket.socket:
    """The bound socket, whose file has that mode and owner ("user", "user:group" or ":group"). Raises BindError.

    A file that no server answers on any more is replaced.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise BindError(f"{bind}: this system has no Unix sockets. Listen on 127.0.0.1:8000 instead.")
    user, group = owner_numbers(owner)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if bind.abstract:
            listener.bind(f"\0{bind.path}")
        else:
            with _locked(os.path.dirname(bind.path) or "."):
                _remove_stale(bind)
                _bind_file(listener, bind.path, mode, user, group)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise BindError(_explain(error, bind, owner)) from error
    except BaseException:
        listener.close()
        raise
    return listener


def owner_numbers(owner: str | None) -> tuple[int, int]:
    """User and group of "user", "user:group" or ":group", by name or number, -1 where none is said.

    Raises BindError for one that is not known.
    """
    user, _, group = (owner or "").partition(":")
    try:
        user_number = -1 if not user else int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        raise BindError(f'uds_owner={owner!r}: there is no user "{user}" on this machine.') from None
    try:
        group_number = -1 if not group else int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise BindError(f'uds_owner={owner!r}: there is no group "{group}" on this machine.') from None
    return user_number, group_number


def file_identity(path: str) -> tuple[int, int] | None:
    """What tells the file from another of the same name; None when there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _bind_file(listener: socket.socket, path: str, mode: int, user: int, group: int) -> None:
    """Nobody can connect before `listen`, which comes later; on Linux the file is closed until then as well."""
    with contextlib.suppress(OSError):
        os.fchmod(listener.fileno(), 0o600)
    listener.bind(path)
    try:
        if (user, group) != (-1, -1):
            os.chown(path, user, group, follow_symlinks=False)
        # The umask would keep out a proxy in front, which runs as another user.
        os.chmod(path, mode)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Of two servers that start at once and find the same stale socket, one must not remove the other's new one."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        # What is wrong with the folder, `bind` tells.
        yield
        return
    try:
        for _ in range(LOCK_ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(LOCK_WAIT)
        yield
    finally:
        os.close(descriptor)


def _remove_stale(bind: UnixBind) -> None:
    """Remove the file of a server that is gone. BindError for one that is served on, or of another kind."""
    try:
        kind = os.lstat(bind.path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise BindError(f"{bind}: there is a file of another kind. Remove it, or use another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT)
        try:
            probe.connect(bind.path)
        except ConnectionRefusedError:
            os.unlink(bind.path)
            return
        except PermissionError:
            raise BindError(
                f"{bind}: there is a socket that this user may not even ask whether it is in use. Remove it if it is "
                "not, or use another path."
            ) from None
        except OSError:
            pass  # busy, or it speaks another kind of socket
    raise BindError(f"The Unix socket {bind.path} is in use by another program. Stop it, or use another path.")


def _explain(error: OSError, bind: UnixBind, owner: str | None) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"The Unix socket {bind} is in use by another program. Stop it, or use another path."
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        folder = os.path.dirname(os.path.abspath(bind.path))
        return f"Cannot listen on {bind}: there is no folder {folder}. Make it first."
    if error.errno == errno.EPERM and owner is not None:
        return f"Not permitted to give {bind} to {owner}: only root gives files to others. Leave uds_owner out."
    if error.errno in {errno.EACCES, errno.EPERM}:
        folder = os.path.dirname(os.path.abspath(bind.path))
        return f"Not permitted to make {bind}: this user may not write to {folder}."
    return f"Cannot listen on {bind}: {error.strerror or error}."
