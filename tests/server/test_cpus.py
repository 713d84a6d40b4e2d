"""CPUs that may be used, under quotas of both versions of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivace.server.cpus import quotas, usable_cpus


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/site\n", {"site/cpu.max": "150000 100000\n", "cpu.max": "max 100000\n"}, [1.5]),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, [0.5]),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "300000 100000\n"}, [3.0, 2.0]),
        # The folder of the group is not to be seen from inside the container.
        (
            "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n",
            {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            [4.0],
        ),
        ("4:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, []),
    ],
)
def test_quotas_of_the_own_group_and_those_above_are_read(
    tmp_path: Path, own: str, files: dict[str, str], expected: list[float]
) -> None:
    write(tmp_path / "own", own)
    for name, text in files.items():
        write(tmp_path / "groups" / name, text)
    assert list(quotas(tmp_path / "groups", tmp_path / "own")) == expected


def test_a_part_of_a_cpu_counts_as_one(tmp_path: Path) -> None:
    write(tmp_path / "own", "0::/\n")
    write(tmp_path / "groups" / "cpu.max", "10000 100000\n")
    assert usable_cpus(tmp_path / "groups", tmp_path / "own") == 1


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path, tmp_path / "none") == len(os.sched_getaffinity(0))
