"""A database's address: `DatabaseURL`, with the attributes of encode/databases."""

from __future__ import annotations

import re
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


# What is a secret in a query string, as libpq and drivers name it.
_SECRETS = frozenset({"password", "passwd", "sslpassword"})
_STARS = "********"
# How a query string begins that is one, and not the rest of a password.
_OPTION = re.compile(r"[A-Za-z_]\w*=", re.ASCII)


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
        if "://" not in self._url:
            raise ValueError(
                'A database URL starts with its dialect, as in "sqlite:///site.db" or "postgresql://host/name"'
            )
        self._parts: SplitResult = _split(self._url)

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
        """`user:password` as written, percent-encoded, as bytes; None without a user."""
        username, password = self._parts.username, self._parts.password
        if not username:
            return None
        return (f"{username}:{password}" if password else username).encode("utf-8")

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
        """The host; for a Unix socket the folder given as `?host=` or `?unix_sock=`.

        Several hosts (`one:5432,two:5432`, for PostgreSQL) are given as written, with their ports.
        """
        if self._parts.hostname:
            return _several_hosts(self._parts) or self._parts.hostname
        options = self.options
        return options.get("host") or options.get("unix_sock") or None

    @property
    def port(self) -> int | None:
        """The port, None when the dialect's default is meant or there are several hosts."""
        return None if _several_hosts(self._parts) else self._parts.port

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
        """The query string as a dictionary; of a repeated key the last value, nothing of a key without a value."""
        return dict(parse_qsl(self._parts.query))

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
        parts = self._parts
        # What does not change stays as it was written.
        username = _quoted(changes.pop("username")) if "username" in changes else parts.username
        password = _quoted(changes.pop("password")) if "password" in changes else parts.password
        port = changes.pop("port", self.port)
        netloc = changes.pop("hostname", _several_hosts(parts) or parts.hostname) or ""
        if ":" in netloc and "," not in netloc:  # IPv6
            netloc = f"[{netloc}]"
        if port is not None:
            netloc += f":{port}"
        if username is not None:
            userinfo = username if password is None else f"{username}:{password}"
            netloc = f"{userinfo}@{netloc}"
        return netloc

    @property
    def obscure_password(self) -> str:
        """The URL with `********` for the password: safe to print.

        Also where the password stands in the query string, and where it was not percent-encoded and so tore the URL.
        """
        parts = self._parts
        userinfo, at, host = parts.netloc.rpartition("@")
        rest = _unsplit(parts._replace(scheme="", netloc="")).removeprefix("://")
        is_torn = "@" in parts.path + parts.fragment or ("@" in rest and not (at and _OPTION.match(parts.query)))
        if parts.netloc and is_torn:
            return f"{parts.scheme}://{_STARS}@{rest.rpartition('@')[2]}"
        if parts.netloc and "@" in parts.query:
            parts = parts._replace(query=_STARS)
        if parts.password is not None:
            # Built by hand: the stars must not be percent-encoded, nor the rest changed.
            parts = parts._replace(netloc=f"{userinfo.partition(':')[0]}:{_STARS}@{host}")
        if _SECRETS.intersection(option.lower() for option in self.options):
            pairs = [pair.partition("=") for pair in parts.query.split("&")]
            shown = [
                f"{name}={_STARS}" if unquote(name).lower() in _SECRETS else name + is_ + value
                for name, is_, value in pairs
            ]
            parts = parts._replace(query="&".join(shown))
        return self._url if parts is self._parts else _unsplit(parts)

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


def _split(url: str) -> SplitResult:
    """`urlsplit`, whose own errors may quote the password."""
    try:
        parts = urlsplit(url)
        if _several_hosts(parts) is None:
            parts.port  # noqa: B018 (urllib checks the port only when asked for it)
    except ValueError:
        # Without the URL: what looks like a port may well be the password.
        raise ValueError(
            f"This {url.partition('://')[0]} URL cannot be read: its port is not a number from 0 to 65535, or its user "
            "or password has a special character such as / ? # [ that is not percent-encoded "
            '(urllib.parse.quote(password, safe="") does that)'
        ) from None
    return parts


def _several_hosts(parts: SplitResult) -> str | None:
    """`one:5432,two:5432` of the netloc, None when there is one host or none."""
    hosts = parts.netloc.rpartition("@")[2]
    return hosts if "," in hosts else None


def _quoted(value: str | None) -> str | None:
    return None if value is None else quote(value, safe="")


def _unsplit(parts: SplitResult) -> str:
    # urlunsplit drops the empty netloc of `sqlite:///x.db` for schemes it does not know.
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.query:
        url += f"?{parts.query}"
    if parts.fragment:
        url += f"#{parts.fragment}"
    return url
