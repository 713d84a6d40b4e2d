"""How MySQL and MariaDB are connected to: the options of the URL, and TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, fields
from typing import Any

from vivace.databases.errors import InterfaceError
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

STRICT = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_IN_DATE,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION"

_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_ALIASES = {
    "pool_recycle": "max_lifetime",  # encode/databases, SQLAlchemy
    "timeout": "connect_timeout",
    "unix_sock": "unix_socket",
    "ssl_mode": "ssl",
    "sslmode": "ssl",
    "minsize": "min_size",  # aiomysql
    "maxsize": "max_size",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said in the URL's query string or as keyword of `Database`."""

    min_size: int = 1
    """Connections opened at the start and kept."""
    max_size: int = 10
    """Connections at most; three already keep one Python process busy."""
    acquire_timeout: float = 10.0
    """Seconds to wait for a connection before `PoolTimeout`."""
    check_after: float = 30.0
    """A connection that idled for so many seconds is checked before it is used."""
    max_lifetime: float = 3600.0
    """Seconds after which a connection is replaced; also called pool_recycle."""
    connect_timeout: float = 10.0
    """Seconds that connecting may take, with the greetings and TLS."""
    unix_socket: str | None = None
    """The server's socket file, instead of host and port; a host that begins with a slash is one, too."""
    ssl: Any = None
    """True or `verify_identity`, `verify_ca`, `required`, `disabled` (the default), or an `ssl.SSLContext`."""
    ssl_ca: str | None = None
    """File with the certificates of the authorities that are trusted; the system's without."""
    ssl_cert: str | None = None
    """File with the client's own certificate."""
    ssl_key: str | None = None
    """File with its key, when it is not in ssl_cert."""
    statement_cache_size: int = 100
    """Prepared statements kept by each connection; 0 prepares none, for proxies that cannot have it."""
    charset: str = "utf8mb4"
    """Always utf8mb4: the server converts what its tables hold."""
    sql_mode: str = STRICT
    """The session's sql_mode; `server` keeps the server's own."""
    init_command: str | None = None
    """A statement for each new connection, such as `SET SESSION innodb_lock_wait_timeout = 5`."""
    program_name: str = "vivace"
    """The name this program has in performance_schema."""

    @classmethod
    def of(cls, url: DatabaseURL, keywords: dict[str, Any]) -> Options:
        """Options of a URL and of keywords, which win. Raises `InterfaceError` for unknown names and wrong values."""
        given: dict[str, Any] = {}
        known = {option.name for option in fields(cls)}
        for said, value in {**url.options, **keywords}.items():
            if said == "host" or _is_default_elsewhere(said, value):  # host: read by DatabaseURL.hostname
                continue
            name = _ALIASES.get(said, said)
            if name not in known:
                raise InterfaceError(
                    f"MySQL has no option {name!r}. " + did_you_mean(name, known | {"host"}, listed_as="Options")
                )
            given[name] = _converted(name, value)
        return cls(**given)

    def socket_of(self, url: DatabaseURL) -> str | None:
        """The path of the Unix socket, if one is meant."""
        host = url.hostname
        return self.unix_socket or (host if host is not None and host.startswith("/") else None)

    def tls(self) -> ssl.SSLContext | None:
        """What to encrypt with, None for a plain connection. Raises `InterfaceError` when a file cannot be read."""
        if isinstance(self.ssl, ssl.SSLContext):
            return self.ssl
        if self.ssl in (None, "disabled", False):
            if self.ssl is None and (self.ssl_ca or self.ssl_cert):
                raise InterfaceError('ssl_ca and ssl_cert mean something only with ssl, such as "verify_identity"')
            return None
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca)
            if self.ssl_cert is not None:
                context.load_cert_chain(self.ssl_cert, self.ssl_key)
        except (OSError, ssl.SSLError) as error:
            raise InterfaceError(f"A file of ssl_ca, ssl_cert or ssl_key cannot be used: {error}") from error
        if self.ssl != "verify_identity":
            context.check_hostname = False
            if self.ssl == "required":
                context.verify_mode = ssl.CERT_NONE
        return context


# Keywords of aiomysql's and asyncmy's pools that have one sensible value here.
_ELSEWHERE = {
    "autocommit": (True, "each statement commits itself; for several together there is database.transaction()"),
    "use_unicode": (True, "text is always str"),
    "echo": (False, "statements are logged with query hooks"),
    "local_infile": (False, "LOAD DATA LOCAL would let the server read this machine's files"),
    "read_default_file": (None, "say user, password, host and database in the URL"),
    "read_default_group": (None, "say user, password, host and database in the URL"),
}


def _is_default_elsewhere(name: str, value: Any) -> bool:
    if name not in _ELSEWHERE:
        return False
    only, reason = _ELSEWHERE[name]
    if (_BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value) != only:
        raise InterfaceError(f"MySQL's option {name} is not taken: {reason}")
    return True


_INTEGERS = frozenset({"min_size", "max_size", "statement_cache_size"})
_NUMBERS = frozenset({"acquire_timeout", "check_after", "max_lifetime", "connect_timeout"})

# MySQL's words and libpq's.
_TLS_WORDS = {
    "disable": "disabled",
    "require": "required",
    "verify_full": "verify_identity",
    **{word: word for word in ("disabled", "required", "verify_ca", "verify_identity")},
}


def _converted(name: str, value: Any) -> Any:
    if name == "ssl":
        return _tls_word(value)
    if name == "charset":
        if str(value).lower() not in ("utf8mb4", "utf8", "utf8mb3"):
            raise InterfaceError(
                f"MySQL's option charset is utf8mb4, got {value!r}. The server converts between it and what its tables "
                "hold; other character sets of a connection only lose characters"
            )
        return "utf8mb4"
    if name == "sql_mode":
        return _sql_mode(value)
    try:
        number = int(value) if name in _INTEGERS else float(value) if name in _NUMBERS else None
    except (TypeError, ValueError):
        raise InterfaceError(f"MySQL's option {name} is a number, got {value!r}") from None
    if number is None:
        return value
    if name == "connect_timeout" and number <= 0:
        raise InterfaceError(f"MySQL's option connect_timeout is more than 0 seconds, got {value!r}")
    if name == "max_lifetime" and number < 0:
        return float("inf")  # pool_recycle=-1 says "never" elsewhere
    return number


def _tls_word(value: Any) -> Any:
    if value is None or isinstance(value, ssl.SSLContext):
        return value
    word = str(value).lower().replace("-", "_")
    word = {True: "verify_identity", False: "disabled"}[_BOOLEANS[word]] if word in _BOOLEANS else word
    if word in ("prefer", "preferred", "allow"):
        raise InterfaceError(
            f'ssl={value!r} would fall back to a plain connection unseen; say "required" or "disabled"'
        )
    if word not in _TLS_WORDS:
        raise InterfaceError(
            f"MySQL's option ssl is true, false or a word, got {value!r}. "
            + did_you_mean(word, _TLS_WORDS, listed_as="Words")
        )
    return _TLS_WORDS[word]


def _sql_mode(value: Any) -> str:
    modes = str(value)
    if not all(character.isalnum() or character in "_, " for character in modes):
        raise InterfaceError("MySQL's option sql_mode is a list of modes with commas between them")
    if "NO_BACKSLASH_ESCAPES" in modes.upper():
        raise InterfaceError(
            "sql_mode NO_BACKSLASH_ESCAPES is not supported: where a string in raw SQL ends would depend on it"
        )
    return modes
