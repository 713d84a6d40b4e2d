"""Where the control socket of a server is, so that `vivace ctl` finds it again from the same working folder.

A path that is given is that path. Else it is a file in a folder of the user's alone, with the working folder (as a
digest) and the process in its name: servers of one folder have one each.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

from vivace.server.errors import ServerError

FOLDER_MODE = 0o700
# Another user who could write there could put a socket of his own in place of ours.
OTHERS = 0o077
# sockaddr_un of Linux holds 108 bytes with the zero at the end, that of the BSDs 104.
LONGEST_PATH = 103


def runtime_folder() -> Path:
    """The user's own folder for sockets, made if need be. ServerError when it is not safe from other users."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    # `sudo` may leave the variable of the user who called it.
    if given and _is_private(Path(given)):
        return _private_folder(Path(given) / "vivace")
    return _private_folder(Path(tempfile.gettempdir()) / f"vivace-{os.geteuid()}")


def default_path(folder: Path, pid: int) -> Path:
    """The socket of a process that was started in a folder."""
    return runtime_folder() / f"{_digest(folder)}-{pid}.sock"


def sockets_of(folder: Path | None) -> list[Path]:
    """The sockets that servers started in a folder have, or had; of all folders without one."""
    pattern = "*.sock" if folder is None else f"{_digest(folder)}-*.sock"
    return sorted(runtime_folder().glob(pattern))


def remove_stale_sockets() -> None:
    """Remove the sockets in the runtime folder whose processes were killed before they could."""
    for path in sockets_of(None):
        pid = path.stem.rpartition("-")[2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and is_stale(path):
            path.unlink(missing_ok=True)


def is_stale(path: Path) -> bool:
    """Whether it is a socket that nobody listens on."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # One that is too busy to let us in listens.
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def check_length(path: Path) -> None:
    """ServerError for a path that the system cannot bind."""
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        raise ServerError(
            f"The path of a Unix socket has {LONGEST_PATH} bytes at most; {path} has {length}. "
            "Give a shorter control_socket."
        )


def working_folder() -> Path:
    """This folder as the shell calls it: `/srv/site/current` stays so when the link leads to the next release."""
    physical, logical = os.getcwd(), os.environ.get("PWD")
    with contextlib.suppress(OSError):
        if logical is not None and os.path.isabs(logical) and os.path.samefile(logical, physical):
            return Path(logical)
    return Path(physical)


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def _private_folder(path: Path) -> Path:
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(FOLDER_MODE)
    except OSError as error:
        raise ServerError(f"Cannot make {path} for the control socket: {error.strerror}.") from None
    if not _is_private(path):
        raise ServerError(
            f"{path} is where control sockets go, and not a folder of this user's alone (mode 700). "
            "Remove it, or give a control_socket."
        )
    return path


def _is_private(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & OTHERS
