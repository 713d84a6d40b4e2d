"""The file that says which process the server is, for scripts and service managers."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from vivace.server.errors import ServerError

# A process that began so many seconds after its number was written down is another one with the same number. Clocks
# of files and of processes may differ by a little.
TOLERANCE = 5.0
LONGEST_CONTENT = 32


class PidFile:
    """`claim` at the start, `remove` at the end. It holds this process's number and nothing else."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    def claim(self, *, heir_of: int | None = None) -> None:
        """Write the file. One that a dead process left is replaced; ServerError for one of a running process.

        The heir of a running server leaves that one's file as it is until it may `take_over`.
        """
        holder = self.holder()
        if heir_of is not None and holder == heir_of:
            return
        if holder is not None and holder != os.getpid() and self._is_running(holder):
            raise ServerError(
                f"{self.path} belongs to process {holder}, which is running. Stop that server first "
                f"(`kill {holder}`), or give this one another pid_file."
            )
        self._write(fresh=holder is None and not self.path.exists())

    def take_over(self) -> None:
        """Write the file, whoever's it was."""
        if self.holder() != os.getpid():
            self._write(fresh=False)

    def remove(self) -> None:
        """Remove the file if it is still this process's; where the folder is not ours to change, it stays."""
        with contextlib.suppress(OSError, ServerError):
            if self.holder() == os.getpid():
                self.path.unlink()

    def holder(self) -> int | None:
        """The number in the file, or None without one. ServerError when the file holds something else."""
        try:
            with self.path.open("rb") as file:
                content = file.read(LONGEST_CONTENT).strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ServerError(f"Cannot read pid_file {self.path}: {error.strerror or error}.") from None
        if not content:
            return None
        if not content.isdigit():
            raise ServerError(f"pid_file {self.path} exists and holds no process's number; it was not overwritten.")
        return int(content)

    def _is_running(self, pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except PermissionError:
            pass
        except (ProcessLookupError, OverflowError):
            return False
        # Numbers are used again: after a restart of the machine, and in containers at every start.
        begun = _begin_of(pid)
        return begun is None or begun <= self.path.stat().st_mtime + TOLERANCE

    def _write(self, *, fresh: bool) -> None:
        """Never half written for a reader; `fresh` only if no other process was quicker."""
        temporary = None
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{os.getpid()}\n")
                os.fchmod(file.fileno(), 0o644 & ~_umask())
            if fresh:
                os.link(temporary, self.path)
            else:
                os.replace(temporary, self.path)
                temporary = None
        except FileExistsError:
            raise ServerError(f"pid_file {self.path} was just written by another server that starts.") from None
        except OSError as error:
            raise ServerError(f"Cannot write pid_file {self.path}: {error.strerror or error}.") from None
        finally:
            if temporary is not None:
                os.unlink(temporary)


def _begin_of(pid: int) -> float | None:
    """When a process began, in seconds since 1970; None where the system does not tell."""
    try:
        # proc_pid_stat(5): field 22, after the name in brackets, in ticks since the machine's start
        ticks = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
        lines = Path("/proc/stat").read_text().splitlines()
        boot = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
