"""User and group that the application runs as, when the server was started by root for the sake of its sockets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from vivace.server.errors import ServerError
from vivace.server.options.process import Process

try:
    import grp
    import pwd
except ImportError:  # pragma: no cover - Windows, where `Process` refuses user and group
    grp = pwd = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom to become; found, and found possible, before anything is opened."""

    uid: int
    gid: int
    name: str | None  # of a user with an account
    home: str | None

    @classmethod
    def of(cls, options: Process) -> Self | None:
        """Whom `user` and `group` name, or None without them. ServerError: unknown, or we are not root."""
        if options.user is None and options.group is None:
            return None
        account = None if options.user is None else _account(str(options.user))
        uid = os.geteuid() if options.user is None else _user_number(str(options.user), account)
        if options.group is not None:
            gid = _group_number(str(options.group))
        elif account is not None:
            gid = account.pw_gid
        else:
            raise ServerError(f'user "{options.user}" has no account that would name its group; give group as well.')
        name, home = (None, None) if account is None else (account.pw_name, account.pw_dir)
        identity = cls(uid, gid, name, home)
        if os.geteuid() != 0 and not identity.is_current:
            asked = " and ".join(f"{key} {value!r}" for key in ("user", "group") if (value := getattr(options, key)))
            raise ServerError(
                f"Only root can become {asked}; this process runs as {_current_name()}. Start it as root, "
                "or leave the option out."
            )
        return identity

    @property
    def is_current(self) -> bool:
        """Whether the process is that already."""
        return os.getresuid() == (self.uid,) * 3 and os.getresgid() == (self.gid,) * 3

    def own(self, path: str | os.PathLike[str]) -> None:
        """Give a file to them: they will open it again. What is not ours to give stays as it is."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def assume(self) -> None:
        """Become them for good: the real, effective and saved ids, and the groups; HOME and USER follow."""
        if os.geteuid() == 0:
            # Groups first: whoever is not root any more cannot give them up.
            if self.name is not None:
                os.initgroups(self.name, self.gid)
            else:
                os.setgroups([self.gid])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        if not self.is_current or (self.uid != 0 and _can_become_root()):
            raise ServerError(f"The system did not let the process become user {self.name or self.uid} for good.")
        if self.name is not None and self.home is not None:
            os.environ.update(USER=self.name, LOGNAME=self.name, HOME=self.home)


def _account(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        return None


def _user_number(user: str, account: pwd.struct_passwd | None) -> int:
    if account is not None:
        return account.pw_uid
    if user.isdecimal() and int(user) < 2**32 - 1:
        return int(user)
    raise ServerError(f'There is no user "{user}" on this machine. `getent passwd` lists them.')


def _group_number(group: str) -> int:
    if group.isdecimal() and int(group) < 2**32 - 1:
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ServerError(f'There is no group "{group}" on this machine. `getent group` lists them.') from None


def _current_name() -> str:
    account = _account(str(os.geteuid()))
    return f"user {os.geteuid()}" if account is None else f'"{account.pw_name}"'


def _can_become_root() -> bool:
    try:
        os.setuid(0)
    except PermissionError:
        return False
    return True
