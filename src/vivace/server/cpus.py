"""How many CPUs this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cpus(cgroups: Path = CGROUPS, own_groups: Path = OWN_GROUPS) -> int:
    """Those that the system lets this process run on, or fewer when a container has a quota of CPU time; one at least.

    A part of a CPU counts as one.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:  # pragma: no cover - macOS and Windows
        count = os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(quota) for quota in quotas(cgroups, own_groups))]))


def quotas(cgroups: Path, own_groups: Path) -> Iterator[float]:
    """CPUs whose time the control groups of this process, and those above them, may use (man 7 cgroups)."""
    try:
        lines = own_groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = cgroups
        elif "cpu" in controllers.split(","):
            root = cgroups / "cpu"
        else:
            continue
        group = root / path.lstrip("/")
        # In a container the group's own folder may be what is mounted at the root.
        for folder in (group, *group.parents):
            yield from quota(folder)
            if folder == root:
                break


def quota(folder: Path) -> Iterator[float]:
    """That of one group, if it has one: version 2 keeps it in one file, version 1 in two."""
    try:
        if (folder / "cpu.max").exists():
            allowed, period = (folder / "cpu.max").read_text().split()
        else:
            allowed = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
    except OSError:
        return
    if allowed not in ("max", "-1"):
        yield int(allowed) / int(period)
