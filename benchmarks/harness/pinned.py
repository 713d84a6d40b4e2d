"""Running a load generator on its core."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from benchmarks.harness.processes import ServerFailedError


def run_pinned(core: int | str | None, command: Sequence[str], patience: float) -> str:
    """What the command prints; ServerFailedError if it fails or takes longer than `patience` seconds.

    Any core will do where that is None.
    """
    pin = [] if core is None else ["taskset", "-c", str(core)]
    if isinstance(core, str):
        # On cores that it shares with servers a load generator takes what these leave.
        pin = ["nice", "-n", "19", *pin]
    try:
        done = subprocess.run(
            [*pin, *command],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        raise ServerFailedError(f"{command[0]} does not end") from None
    if done.returncode != 0:
        raise ServerFailedError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
