"""What may be said about a PostgreSQL connection: in the URL's query string, or as keyword of `Database`.

The names are asyncpg's (`connect` and `create_pool`) and libpq's. Each is converted and checked here, when the
`Database` is made; a name that is not known gets a hint.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from vivace.databases.backends.postgresql import option_names
from vivace.databases.errors import InterfaceError
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

ConnectionFunction = Callable[[Any], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said in the URL's query string or as keyword of `Database`."""

    # The pool.
    min_size: int = 1
    """Connections opened at the start and kept."""
    max_size: int = 10
    """Connections at most; three already keep one Python process busy."""
    acquire_timeout: float = 10.0
    """Seconds to wait for a connection before `PoolTimeout`."""
    check_after: float = 30.0
    """A connection that idled for so many seconds is checked before it is used."""
    max_lifetime: float = 3600.0
    """Seconds after which a connection is replaced."""
    max_inactive_connection_lifetime: float = 300.0
    """Connections above `min_size` that idled for so many seconds are closed; 0 never."""
    max_queries: int = 0
    """Taken for asyncpg's sake and without effect: `max_lifetime` is what replaces connections."""
    pgbouncer: bool = False
    """The URL leads to a PgBouncer in transaction mode: no prepared statements, no state of a session."""
    batch_reads: bool = True
    """Equal reads of the ORM that are awaited at the same time are sent together."""

    # Where, and as whom.
    host: Any = None
    """Instead of the URL's: a name, the folder of a Unix socket, or several of them with commas or as a list."""
    port: Any = None
    """Instead of the URL's: a number, or one for each host."""
    user: str | None = None
    """Instead of the URL's."""
    password: Any = field(default=None, repr=False)
    """Instead of the URL's; also a function, plain or async, that is asked for it at each connection."""
    database: str | None = None
    """Instead of the URL's; libpq's `dbname` too."""
    passfile: str | None = None
    """The file of passwords, by default `~/.pgpass`."""
    service: str | None = None
    """A section of the connection service file."""
    servicefile: str | None = None
    """That file, by default `~/.pg_service.conf`."""
    target_session_attrs: str | None = None
    """With several hosts: `any`, `primary`, `standby`, `prefer-standby`, `read-write`, `read-only`."""
    timeout: float = 10.0
    """Seconds that connecting may take; libpq's `connect_timeout` too. 0: no limit."""
    krbsrvname: str | None = None
    """The service name of Kerberos."""
    gsslib: str | None = None
    """`gssapi` or `sspi`."""

    # TLS.
    ssl: Any = None
    """True, False, an `ssl.SSLContext`, or libpq's words (`sslmode` too): `prefer` (the default), `verify-full`…"""
    direct_tls: bool | None = None
    """TLS from the first byte (PostgreSQL 17)."""
    sslcert: str | None = None
    """The file of the client's certificate."""
    sslkey: str | None = None
    """The file of its key."""
    sslpassword: str | None = field(default=None, repr=False)
    """The password of that key."""
    sslrootcert: str | None = None
    """The file of the authorities trusted."""
    sslcrl: str | None = None
    """The file of certificates revoked."""
    sslnegotiation: str | None = None
    """`postgres`, or `direct`: as `direct_tls`."""
    ssl_min_protocol_version: str | None = None
    """`TLSv1.2`, `TLSv1.3`…"""
    ssl_max_protocol_version: str | None = None
    """`TLSv1.2`, `TLSv1.3`…"""

    # The session.
    application_name: str = "vivace"
    """The name this program has in pg_stat_activity."""
    server_settings: dict[str, str] = field(default_factory=dict)
    """Settings of the session, such as `{"search_path": "shop"}`; in the URL: `options=-c search_path=shop`."""
    options: str | None = None
    """libpq's command line for the server's process: `-c search_path=shop -c statement_timeout=5s`."""
    init: ConnectionFunction | None = None
    """An async function that is given each new asyncpg connection; for codecs of types, say."""
    setup: ConnectionFunction | None = None
    """As `init`, and called again when a connection has been reset."""

    # Statements.
    command_timeout: float | None = None
    """Seconds that a statement may take; no limit by default."""
    statement_cache_size: int = 512
    """Prepared statements kept by each connection; 0 with `pgbouncer`."""
    max_cached_statement_lifetime: int = 300
    """Seconds that asyncpg keeps a prepared statement; 0: for ever."""
    max_cacheable_statement_size: int = 15 * 1024
    """Statements longer than this are not kept prepared; 0: all are."""

    @classmethod
    def of(cls, url: DatabaseURL, keywords: Mapping[str, Any]) -> Options:
        """Options of a URL and of keywords, which win. Raises `InterfaceError` for unknown names and wrong values."""
        given: dict[str, Any] = {}
        for said in (url.options, keywords):
            given.update(_under_our_names(said))
        known = {option.name for option in fields(cls)}
        for name in given:
            if name not in known:
                raise InterfaceError(option_names.unknown(name, known))
        values = {name: _converted(name, value) for name, value in given.items()}
        if values.get("pgbouncer"):
            if values.get("statement_cache_size"):
                raise InterfaceError(
                    "pgbouncer=true does without prepared statements, so statement_cache_size must be 0. PgBouncer "
                    "1.21 and later keep them by themselves (max_prepared_statements): leave pgbouncer=true out then"
                )
            values["statement_cache_size"] = 0
        return cls(**values)


def _under_our_names(said: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in said.items():
        if option_names.is_needless(name, value):
            continue
        given[option_names.SYNONYMS.get(name, name)] = value
    return given


_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_SSL_WORDS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SESSION_ATTRIBUTES = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")

# What a value must be at least.
_INTEGERS = {
    "min_size": 0,
    "max_size": 1,
    "max_queries": 0,
    "statement_cache_size": 0,
    "max_cached_statement_lifetime": 0,
    "max_cacheable_statement_size": 0,
}
_SECONDS = frozenset(
    {
        "acquire_timeout",
        "check_after",
        "max_lifetime",
        "max_inactive_connection_lifetime",
        "timeout",
        "command_timeout",
    }
)
_SWITCHES = frozenset({"pgbouncer", "batch_reads", "direct_tls"})
_FUNCTIONS = frozenset({"init", "setup"})
_OF_ANY_TYPE = frozenset({"host", "port", "password", "passfile", "servicefile"})


def _converted(name: str, value: Any) -> Any:
    """`value` of the option `name` with its type. Raises `InterfaceError` for one that cannot be meant."""
    if name in _INTEGERS:
        return _number(name, value, int, _INTEGERS[name])
    if name in _SECONDS:
        # asyncpg's None: no limit. Only a statement may take for ever; waiting for a connection may not.
        return None if value is None and name == "command_timeout" else _number(name, value, float, 0)
    if name in _SWITCHES:
        return _switch(name, value)
    if name == "ssl":
        return _ssl(value)
    if name == "server_settings":
        return _settings(value)
    if name == "target_session_attrs" and value is not None:
        return _word(name, value, _SESSION_ATTRIBUTES)
    if name in _FUNCTIONS:
        if value is not None and not callable(value):
            raise InterfaceError(f"PostgreSQL's option {name} is an async function that takes a connection")
    elif name not in _OF_ANY_TYPE and value is not None and not isinstance(value, str):
        raise InterfaceError(f"PostgreSQL's option {name} is text, got {type(value).__name__}")
    return value


def _number(name: str, value: Any, kind: type[int | float], least: int) -> int | float:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = kind(value)
    except (ValueError, TypeError):
        raise InterfaceError(f"PostgreSQL's option {name} is a number, got {value!r}") from None
    if not number >= least:  # nan too
        raise InterfaceError(f"PostgreSQL's option {name} is {least} or more, got {value!r}")
    return number


def _switch(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(str(value).lower())
    if known is None:
        raise InterfaceError(f"PostgreSQL's option {name} is true or false, got {value!r}")
    return known


def _ssl(value: Any) -> Any:
    if value is None or isinstance(value, (bool, ssl_module.SSLContext)):
        return value
    if str(value).lower() in _BOOLEANS:
        return _BOOLEANS[str(value).lower()]
    return _word("ssl", value, _SSL_WORDS)


def _word(name: str, value: Any, words: tuple[str, ...]) -> str:
    word = str(value).lower().replace("_", "-")
    if word not in words:
        raise InterfaceError(
            f"PostgreSQL's option {name} cannot be {value!r}. " + did_you_mean(word, words, listed_as="Words")
        )
    return word


def _settings(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InterfaceError(
            "PostgreSQL's option server_settings is a dictionary, given as keyword of Database(); in a URL, "
            "options=-c search_path=shop does the same"
        )
    return {str(name): str(setting) for name, setting in value.items()}
