"""Where the server listens, besides `host` and `port`."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.server.binds import Bind, UnixBind, parse_bind

DEFAULT_MODE = "666"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binds:
    """Addresses to listen on: `127.0.0.1:8000`, `[::1]:8000`, `:8000`, `unix:/run/site.sock`, `fd://3`, `systemd`.

    `bind` replaces `host`, `port`, `uds` and `fd`; the other two are beside it or them.
    """

    bind: tuple[str, ...] = ()
    insecure_bind: tuple[str, ...] = ()  # without TLS, beside those with it
    redirect_bind: tuple[str, ...] = ()  # answers every request with a redirect to https
    redirect_port: int | None = None  # of https as clients see it; None: the first one that is served with TLS
    uds_mode: str = DEFAULT_MODE  # permissions of Unix sockets, in octal
    uds_owner: str | None = None  # user, user:group or :group
    reuse_port: bool = False  # SO_REUSEPORT: several programs share a port

    def __post_init__(self) -> None:
        seen: dict[Bind, str] = {}
        for option in ("bind", "insecure_bind", "redirect_bind"):
            written = getattr(self, option)
            addresses = (written,) if isinstance(written, str) else tuple(written)
            object.__setattr__(self, option, addresses)
            for address in addresses:
                self._check_address(option, address, seen)
        port = self.redirect_port
        if port is not None and (type(port) is not int or not 0 < port <= 65535):
            raise ValueError(f"redirect_port must be a whole number from 1 to 65535, got {port!r}")
        if port is not None and not self.redirect_bind:
            raise ValueError("redirect_port says where redirect_bind redirects to; give redirect_bind as well")
        mode: object = self.uds_mode
        if not isinstance(mode, str) or not 0 < len(mode) <= 4 or mode.strip("01234567") or int(mode, 8) > 0o777:
            raise ValueError(f'uds_mode must be the text of an octal mode such as "660", got {mode!r}')
        owner = self.uds_owner
        if owner is not None and (not owner.strip(":") or owner.count(":") > 1 or " " in owner):
            raise ValueError(f'uds_owner must be "user", "user:group" or ":group", got {owner!r}')

    def _check_address(self, option: str, address: str, seen: dict[Bind, str]) -> None:
        try:
            bind = parse_bind(address)
        except ValueError as error:
            raise ValueError(f"{option}: {error}") from None
        if bind in seen and not str(bind).endswith(":0"):
            raise ValueError(f'{option}: "{address}" is given twice, first by {seen[bind]}; one socket serves one way')
        if isinstance(bind, UnixBind) and bind.abstract and (self.uds_mode != DEFAULT_MODE or self.uds_owner):
            raise ValueError(
                f'{option}: "{address}" is in the abstract namespace, where sockets have neither mode nor owner: '
                "every user of the machine may connect. Use the path of a file"
            )
        seen[bind] = option

    @property
    def mode(self) -> int:
        """The permissions of Unix sockets."""
        return int(self.uds_mode, 8)
