"""A database's address: `DatabaseURL`, with the attributes of encode/databases."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from vivace.utils.suggest import did_you_mean

_COMPONENTS = (
    "scheme",
    "netloc",
    "path",
    "query",
    "fragment",
    "username",
    "password",
    "hostname",
    "port",
    "database",
    "dialect",
    "driver",
    "options",
)


class DatabaseURL:
    """`dialect[+driver]://user:password@host:port/database?option=value`, taken apart and put together again.

    Unchangeable; `replace()` returns another. `repr()` and error messages hide the password, `str()` shows it, as in
    encode/databases. Raises `TypeError` for anything but a string or another `DatabaseURL`, `ValueError` for a URL
    without a dialect or with a port that is no number.
    """

    __slots__ = ("_parts", "_url")

    def __init__(self, url: str | DatabaseURL) -> None:
        if isinstance(url, DatabaseURL):
            self._url: str = url._url
        elif isinstance(url, str):
            self._url = url
        else:
            raise TypeError(f"DatabaseURL takes a string or a DatabaseURL, got {type(url).__name__}")
        self._parts: SplitResult = urlsplit(self._url)
        if not self._parts.scheme:
            raise ValueError(
                'A database URL starts with its dialect, as in "sqlite:///site.db" or "postgresql://host/name"'
            )
        try:
            self._parts.port  # noqa: B018 (urllib checks the port only when asked for it)
        except ValueError:
            raise ValueError(f"The port of {self.obscure_password!r} is not a number from 0 to 65535") from None

    @property
    def components(self) -> SplitResult:
        """The URL as `urllib.parse` splits it."""
        return self._parts

    @property
    def scheme(self) -> str:
        """`postgresql+asyncpg`, as written."""
        return self._parts.scheme

    @property
    def dialect(self) -> str:
        """`postgresql` of `postgresql+asyncpg`."""
        return self._parts.scheme.partition("+")[0]

    @property
    def driver(self) -> str:
        """`asyncpg` of `postgresql+asyncpg`, empty without one."""
        return self._parts.scheme.partition("+")[2]

    @property
    def userinfo(self) -> bytes | None:
        """`user:password` percent-encoded, as bytes; None without a user."""
        if self.username is None:
            return None
        info = quote(self.username, safe="")
        if self.password is not None:
            info += f":{quote(self.password, safe='')}"
        return info.encode("utf-8")

    @property
    def username(self) -> str | None:
        """The user, decoded."""
        return None if self._parts.username is None else unquote(self._parts.username)

    @property
    def password(self) -> str | None:
        """The password, decoded."""
        return None if self._parts.password is None else unquote(self._parts.password)

    @property
    def hostname(self) -> str | None:
        """The host; for a Unix socket the folder given as `?host=` or `?unix_sock=`."""
        if self._parts.hostname:
            return self._parts.hostname
        options = self.options
        return options.get("host") or options.get("unix_sock") or None

    @property
    def port(self) -> int | None:
        """The port, None when the dialect's default is meant."""
        return self._parts.port

    @property
    def netloc(self) -> str | None:
        """`user:password@host:port`, as written."""
        return self._parts.netloc

    @property
    def database(self) -> str:
        """The database's name, or SQLite's file: `sqlite:///x.db` is `x.db`, `sqlite:////x.db` is `/x.db`."""
        return unquote(self._parts.path.removeprefix("/"))

    @property
    def options(self) -> dict[str, str]:
        """The query string as a dictionary; of a repeated key the last value."""
        return dict(parse_qsl(self._parts.query, keep_blank_values=True))

    def replace(self, **changes: Any) -> DatabaseURL:
        """A URL in which `changes` differ: any of this class's attributes, or `urllib.parse.SplitResult`'s.

        Values are given decoded. `options=` replaces the whole query string.
        """
        for name in changes:
            if name not in _COMPONENTS:
                raise TypeError(
                    f"DatabaseURL.replace() has no component {name!r}. "
                    + did_you_mean(name, _COMPONENTS, listed_as="Components")
                )
        if changes.keys() & {"username", "password", "hostname", "port"}:
            changes["netloc"] = self._netloc_with(changes)
        if "database" in changes:
            changes["path"] = "/" + quote(changes.pop("database"), safe="/:")
        if changes.keys() & {"dialect", "driver"}:
            dialect = changes.pop("dialect", self.dialect)
            driver = changes.pop("driver", self.driver)
            changes["scheme"] = f"{dialect}+{driver}" if driver else dialect
        if "options" in changes:
            changes["query"] = urlencode(changes.pop("options"))
        return DatabaseURL(_unsplit(self._parts._replace(**changes)))

    def _netloc_with(self, changes: dict[str, Any]) -> str:
        username = changes.pop("username", self.username)
        password = changes.pop("password", self.password)
        hostname = changes.pop("hostname", self._parts.hostname)
        port = changes.pop("port", self.port)
        netloc = hostname or ""
        if ":" in netloc:  # IPv6
            netloc = f"[{netloc}]"
        if port is not None:
            netloc += f":{port}"
        if username is not None:
            userinfo = quote(username, safe="")
            if password is not None:
                userinfo += f":{quote(password, safe='')}"
            netloc = f"{userinfo}@{netloc}"
        return netloc

    @property
    def obscure_password(self) -> str:
        """The URL with `********` for the password: safe to print."""
        if self.password is None:
            return self._url
        # Built by hand: the stars must not be percent-encoded, nor the rest changed.
        userinfo, _, host = self._parts.netloc.rpartition("@")
        username = userinfo.partition(":")[0]
        return _unsplit(self._parts._replace(netloc=f"{username}:********@{host}"))

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"DatabaseURL({self.obscure_password!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (str, DatabaseURL)):
            return str(self) == str(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._url)


def _unsplit(parts: SplitResult) -> str:
    # urlunsplit drops the empty netloc of `sqlite:///x.db` for schemes it does not know.
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.query:
        url += f"?{parts.query}"
    if parts.fragment:
        url += f"#{parts.fragment}"
    return url
