"""Where the server listens, besides `host` and `port`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Binds:
    """Addresses to listen on: `127.0.0.1:8000`, `[::1]:8000`, `:8000`, `unix:/run/site.sock`, `fd://3`, `systemd`.

    With one of the first two given, `host`, `port`, `uds` and `fd` are not.
    """

    bind: tuple[str, ...] = ()
    insecure_bind: tuple[str, ...] = ()  # without TLS, beside those with it
    redirect_bind: tuple[str, ...] = ()  # answers every request with a redirect to https
    uds_mode: str = "666"  # permissions of Unix sockets, in octal
    uds_owner: str | None = None  # user, user:group or :group
    reuse_port: bool = False  # SO_REUSEPORT: several programs share a port
