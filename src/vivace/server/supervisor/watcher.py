"""Says which files change: a program of its own, which the supervisor starts and reads.

The package watchfiles has threads, and a process that forks must have none. Started by path it imports nothing of
Vivace, and so is ready soon. It ends when its standard input does, with the supervisor.

    python -P watcher.py '{"folders": ["/srv/site"], "files": [], "exclude": [], "since": 0.0}'

Out, a line of JSON each: {"changed": [paths]}, {"note": text}, {"watching": number of folders}. In: {"files": [paths]},
which replaces the files that are watched beside the folders.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypedDict

# Milliseconds. Editors write a file in a few steps; a checkout of many goes on for longer.
STEP = 20
LONGEST = 500
MANY = 10
QUIET = 120
# How often the end of the supervisor is looked for.
PATIENCE = 500
POLL_DELAY = 200
# A folder costs the system a watch; this many are a mistake, such as a home folder.
MOST_FOLDERS = 20_000
IGNORED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}
# File systems that tell nothing of what other machines do.
SILENT_FILE_SYSTEMS = {"9p", "cifs", "fuse.sshfs", "fuse.vmhgfs-fuse", "nfs", "nfs4", "smb3", "vboxsf", "drvfs"}

Stamp = tuple[int, int, int]
Snapshot = dict[str, Stamp]


class Plan(TypedDict):
    """What is watched: whole folders, single files, and what of the folders is left out (globs)."""

    folders: list[str]
    files: list[str]
    exclude: list[str]
    since: float  # when the application began to be imported: what changed after that counts


class Tree:
    """The folders and files of a plan, as they are now."""

    def __init__(self, plan: Plan) -> None:
        self.roots = plan["folders"]
        self.files = set(plan["files"])
        self.exclude = plan["exclude"]

    def folders(self) -> list[str]:
        """Every folder in the roots that is worth watching, links followed, none twice; roots first."""
        found: dict[str, str] = {}
        waiting = [root for root in self.roots if os.path.isdir(root)]
        for folder in waiting:
            real = os.path.realpath(folder)
            if real in found:
                continue
            found[real] = folder
            if len(found) >= MOST_FOLDERS:
                break
            waiting.extend(self._subfolders(folder))
        return list(found.values())

    def _subfolders(self, folder: str) -> list[str]:
        with _entries(folder) as entries:
            return sorted(entry.path for entry in entries if _is_folder(entry) and self.is_wanted(entry.path))

    def is_wanted(self, folder: str) -> bool:
        """Whether a folder in a watched one is watched as well: not hidden, no virtual environment."""
        name = os.path.basename(folder)
        if name.startswith(".") or name in IGNORED_FOLDERS or name.endswith(".egg-info"):
            return False
        if any(matches(folder, glob) for glob in self.exclude):
            return False
        return not os.path.exists(os.path.join(folder, "pyvenv.cfg"))

    def snapshot(self, folders: Iterable[str]) -> Snapshot:
        """Every file in the folders and beside them, and a stamp that another content has not."""
        found: Snapshot = {}
        for folder in folders:
            with _entries(folder) as entries:
                for entry in entries:
                    if not _is_folder(entry):
                        _stamp(entry.path, found)
        for file in self.files:
            _stamp(file, found)
        return found

    def lone_folders(self, folders: Iterable[str]) -> set[str]:
        """The folders of the files that are watched by themselves."""
        return {os.path.dirname(file) for file in self.files} - set(folders)


class Watcher:
    """Tells of changes by what the system says (watchfiles), or where it says nothing by looking again and again."""

    def __init__(self, plan: Plan) -> None:
        self.tree = Tree(plan)
        self.since = plan["since"]
        self.folders: list[str] = []
        self.orders = b""

    def run(self) -> None:
        """Write lines until standard input ends."""
        self.folders = self.tree.folders()
        if len(self.folders) >= MOST_FOLDERS:
            note(f"Only {MOST_FOLDERS} folders are watched; say which with reload_dirs, or reload_exclude.")
        if is_polling_wanted(os.environ, self.folders):
            self.poll()
            return
        try:
            self.listen()
        except ImportError:
            note("The package watchfiles cannot be imported: files are looked at again and again instead.")
            self.poll()
        except OSError as error:
            note(f"The system does not tell of changes ({error}): files are looked at again and again instead.")
            self.poll()

    def listen(self) -> None:
        """Changes as the system tells them. ImportError, OSError: it cannot."""
        from watchfiles._rust_notify import RustNotify

        def watch() -> Any:
            lone = sorted(folder for folder in self.tree.lone_folders(self.folders) if os.path.isdir(folder))
            return RustNotify([*self.folders, *lone], False, False, POLL_DELAY, False, True)

        notify = watch()
        self._tell_what_changed_meanwhile()
        while True:
            changed = _collect(notify)
            before = set(self.folders)
            if self._read_orders() or self._are_new(changed, before):
                # The new watch begins before the old one ends, so that nothing falls between them.
                self.folders = self.tree.folders()
                successor = watch()
                changed |= _collect(notify, patience=1)
                notify.close()
                notify = successor
                changed |= set(self.tree.snapshot(folder for folder in self.folders if folder not in before))
            tell(self._files(changed))

    def poll(self) -> None:
        """Changes found by comparing."""
        delay = float(os.environ.get("WATCHFILES_POLL_DELAY_MS") or POLL_DELAY) / 1000
        known = self.tree.snapshot(self.folders)
        self._tell_what_changed_meanwhile()
        while True:
            begun = time.monotonic()
            self.folders = self.tree.folders()
            found = self.tree.snapshot(self.folders)
            tell(path for path in known.keys() | found.keys() if known.get(path) != found.get(path))
            known = found
            # A large tree on a slow file system gets longer rests.
            time.sleep(max(delay, 4 * (time.monotonic() - begun)))
            if self._read_orders():
                # Only what is watched from now on begins anew: of the rest a change may be waiting to be seen.
                known = self.tree.snapshot(self.folders) | {path: known[path] for path in self._files(known)}

    def _tell_what_changed_meanwhile(self) -> None:
        """What was saved after the start of the application and before anybody watched."""
        since, now = self.since * 1e9, time.time_ns()
        tell(path for path, stamp in self.tree.snapshot(self.folders).items() if since < stamp[0] <= now)
        say({"watching": len(self.folders)})

    def _are_new(self, changed: Iterable[str], known: set[str]) -> bool:
        """Whether a folder has come."""
        return any(path not in known and os.path.isdir(path) and self.tree.is_wanted(path) for path in changed)

    def _files(self, changed: Iterable[str]) -> list[str]:
        """Without folders, and without the neighbours of files that are watched by themselves."""
        folders = set(self.folders)
        return [
            path
            for path in changed
            if (path in self.tree.files or os.path.dirname(path) in folders) and not os.path.isdir(path)
        ]

    def _read_orders(self) -> bool:
        """Whether there are other files to watch. Ends the program when the supervisor has ended."""
        number = sys.stdin.fileno()
        readable, _, _ = select.select([number], [], [], 0)
        if not readable:
            return False
        received = os.read(number, 65536)
        if not received:
            # Without the clean-up of the interpreter, which would wait for the threads of watchfiles.
            os._exit(0)
        *lines, self.orders = (self.orders + received).split(b"\n")
        if lines:
            self.tree.files = set(json.loads(lines[-1])["files"])
        return bool(lines)


def matches(path: str, glob: str) -> bool:
    """Whether a glob means this file or a folder that it is in: `*.md`, `media`, `media/*`, `/srv/site/media`."""
    if not glob.startswith("/"):
        glob = f"*/{glob}"
    return fnmatch(path, glob) or fnmatch(path, glob.rstrip("/*") + "/*")


def is_polling_wanted(environ: Mapping[str, str], folders: Iterable[str]) -> bool:
    """Whether the system cannot tell of changes: as WATCHFILES_FORCE_POLLING says, else by the kind of file system."""
    said = environ.get("WATCHFILES_FORCE_POLLING", "").lower()
    if said:
        return said not in ("false", "disable", "disabled", "0")
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return False
    kinds = {mount[1].replace(r"\040", " "): mount[2] for mount in mounts if len(mount) > 2}
    return any(_file_system(os.path.realpath(folder), kinds) in SILENT_FILE_SYSTEMS for folder in folders)


def _file_system(folder: str, kinds: Mapping[str, str]) -> str:
    while folder not in kinds:
        parent = os.path.dirname(folder)
        if parent == folder:
            return ""
        folder = parent
    return kinds[folder]


def _collect(notify: Any, patience: int = PATIENCE) -> set[str]:
    """What has changed when it is quiet again: soon after a save, later when many files change."""
    changed: set[str] = set()
    step = STEP
    while True:
        found = notify.watch(LONGEST, step, patience, None)
        if not isinstance(found, set):
            return changed
        changed |= {path for _, path in found}
        if len(changed) < MANY:
            return changed
        step, patience = QUIET // 2, QUIET


def _entries(folder: str) -> Any:
    """The entries of a folder, none of one that is gone or not ours to read."""
    try:
        return os.scandir(folder)
    except OSError:
        return _Nothing()


class _Nothing:
    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        return iter(())

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to close."""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _stamp(path: str, into: Snapshot) -> None:
    try:
        status = os.stat(path)
    except OSError:
        return
    into[path] = (status.st_mtime_ns, status.st_size, status.st_ino)


def tell(changed: Iterable[str]) -> None:
    """A line about changes, if there are any."""
    paths = sorted(changed)
    if paths:
        say({"changed": paths})


def note(text: str) -> None:
    """A line for the supervisor's log."""
    say({"note": text})


def say(message: dict[str, Any]) -> None:
    """A line to the supervisor; without one, the end."""
    try:
        print(json.dumps(message), flush=True)
    except BrokenPipeError:
        os._exit(0)


def main() -> None:
    """Watch what the first argument says."""
    # Ctrl+C is the supervisor's, which ends this by closing the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Watcher(json.loads(sys.argv[1])).run()


if __name__ == "__main__":
    main()
