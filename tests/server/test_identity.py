"""The user and group that the application runs as: for real where the tests run as root, else how it is refused."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vivace.server import ServerError
from vivace.server.identity import Identity
from vivace.server.options.process import Process

IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
ME = pwd.getpwuid(os.geteuid())

BECOME = """
import os, sys
from vivace.server.identity import Identity
from vivace.server.options.process import Process

identity = Identity.of(Process(user={user!r}, group={group!r}))
identity.assume()
identity.assume()
print(*os.getresuid(), *os.getresgid())
print(*sorted(os.getgroups()))
print(os.environ["HOME"], os.environ.get("USER"))
for regain in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.seteuid(0), lambda: os.setgroups([0])):
    try:
        regain()
        print("root again")
    except PermissionError:
        pass
"""


def become(user: str | None, group: str | None = None) -> list[str]:
    """What a process says after it became somebody."""
    result = subprocess.run(
        [sys.executable, "-c", BECOME.format(user=user, group=group)], capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()


def test_without_user_and_group_nobody_is_become() -> None:
    assert Identity.of(Process()) is None


@pytest.mark.parametrize("user", ["nobody", str(NOBODY.pw_uid)])
def test_a_user_brings_its_group_groups_and_home(user: str) -> None:
    if not IS_ROOT:
        with pytest.raises(ServerError, match=f"Only root can become user '{user}'; this process runs as"):
            Identity.of(Process(user=user))
        return
    uid, gid = NOBODY.pw_uid, NOBODY.pw_gid
    ids, groups, home = become(user)
    assert ids == f"{uid} {uid} {uid} {gid} {gid} {gid}"
    assert groups.split() == [str(number) for number in sorted(os.getgrouplist("nobody", gid))]
    assert home == f"{NOBODY.pw_dir} nobody"


def test_a_group_may_be_another_than_the_user_s() -> None:
    daemon = grp.getgrnam("daemon").gr_gid
    if not IS_ROOT:
        with pytest.raises(ServerError, match="Only root can become user 'nobody' and group 'daemon'"):
            Identity.of(Process(user="nobody", group="daemon"))
        return
    assert become("nobody", "daemon")[0] == f"{NOBODY.pw_uid} " * 3 + f"{daemon} {daemon} {daemon}"
    assert become("12345", str(daemon))[:2] == [f"12345 12345 12345 {daemon} {daemon} {daemon}", str(daemon)]


def test_a_group_alone_leaves_the_user() -> None:
    if not IS_ROOT:
        with pytest.raises(ServerError, match="Only root can become group 'nogroup'"):
            Identity.of(Process(group="nogroup"))
        return
    nogroup = grp.getgrnam("nogroup").gr_gid
    assert become(None, "nogroup")[:2] == [f"0 0 0 {nogroup} {nogroup} {nogroup}", str(nogroup)]


def test_who_one_is_already_can_be_asked_for_without_root() -> None:
    identity = Identity.of(Process(user=ME.pw_name, group=str(os.getegid())))
    assert identity is not None
    assert identity.is_current


def test_unprivileged_processes_are_told_that_only_root_can() -> None:
    code = (
        "import os; from vivace.server.identity import Identity; from vivace.server.options.process import Process\n"
        f"if os.geteuid() == 0: os.setresuid({NOBODY.pw_uid}, {NOBODY.pw_uid}, {NOBODY.pw_uid})\n"
        "Identity.of(Process(user='root'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Only root can become user 'root'; this process runs as" in result.stderr
    assert "Start it as root, or leave the option out." in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user": "nemo"}, 'There is no user "nemo" on this machine'),
        ({"user": "4294967295"}, 'There is no user "4294967295"'),
        ({"group": "nemo"}, 'There is no group "nemo" on this machine'),
        ({"user": "12345"}, 'user "12345" has no account that would name its group; give group as well'),
    ],
)
def test_whom_the_system_does_not_know_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ServerError, match=message):
        Identity.of(Process(**options))


def test_a_file_is_given_to_them(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.touch()
    identity = Identity.of(Process(user="nobody" if IS_ROOT else ME.pw_name))
    assert identity is not None
    identity.own(file)
    assert file.stat().st_uid == identity.uid
