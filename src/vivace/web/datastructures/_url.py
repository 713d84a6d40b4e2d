"""URLs: taken apart only when asked, never changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from vivace.web._utils import parse_host_header
from vivace.web.datastructures._multidict import MultiDict, parse_query
from vivace.web.types import Scope

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SCHEMES = {("http", False): "http", ("http", True): "https", ("websocket", False): "ws", ("websocket", True): "wss"}
# What `quote` leaves alone in a query string: all of ASCII, so that only bytes that are not UTF-8 change.
_ASCII = "".join(map(chr, range(128)))


class Address(NamedTuple):
    """The other end of a connection."""

    host: str
    port: int


class URL:
    """A URL from text, from an ASGI scope, or from components such as `scheme="https", hostname="example.org"`.

    `replace()` and the query methods return a new URL. ValueError when text that is no URL is taken apart.
    """

    __slots__ = ("_components", "_url")
    _url: str

    def __init__(self, url: str = "", scope: Scope | None = None, **components: Any) -> None:
        if bool(url) + (scope is not None) + bool(components) > 1:
            raise TypeError('URL takes only one of "url", "scope" and components')
        self._components: SplitResult | None = None
        if scope is not None:
            url = _url_of_scope(scope)
        elif components:
            url = URL().replace(**components)._url
        self._url = url

    @property
    def components(self) -> SplitResult:
        if self._components is None:
            self._components = urlsplit(self._url)
        return self._components

    @property
    def scheme(self) -> str:
        return self.components.scheme

    @property
    def netloc(self) -> str:
        return self.components.netloc

    @property
    def path(self) -> str:
        return self.components.path

    @property
    def query(self) -> str:
        return self.components.query

    @property
    def fragment(self) -> str:
        return self.components.fragment

    @property
    def username(self) -> str | None:
        return self.components.username

    @property
    def password(self) -> str | None:
        return self.components.password

    @property
    def hostname(self) -> str | None:
        return self.components.hostname

    @property
    def port(self) -> int | None:
        return self.components.port

    @property
    def is_secure(self) -> bool:
        return self.scheme in ("https", "wss")

    def replace(self, **kwargs: Any) -> URL:
        """A URL with other components: `scheme`, `netloc` or its parts `username, password, hostname, port`,
        `path`, `query`, `fragment`."""
        if not kwargs.keys().isdisjoint(("username", "password", "hostname", "port")):
            kwargs["netloc"] = self._netloc_with(kwargs)
        return type(self)(self.components._replace(**kwargs).geturl())

    def _netloc_with(self, parts: dict[str, Any]) -> str:
        port = parts.pop("port", self.port)
        username = parts.pop("username", self.username)
        password = parts.pop("password", self.password)
        hostname = parts.pop("hostname", None)
        if hostname is None:
            hostname = self.netloc.rpartition("@")[2]
            if not hostname.endswith("]"):
                hostname = hostname.rsplit(":", 1)[0]
        netloc = _in_brackets(hostname)
        if port is not None:
            netloc += f":{port}"
        if username is None:
            return netloc
        return f"{username}@{netloc}" if password is None else f"{username}:{password}@{netloc}"

    def include_query_params(self, **kwargs: Any) -> URL:
        """Sets these parameters and keeps the others."""
        params = MultiDict(parse_query(self.query))
        params.update({str(key): str(value) for key, value in kwargs.items()})
        return self.replace(query=urlencode(params.multi_items()))

    def replace_query_params(self, **kwargs: Any) -> URL:
        """Has these parameters only."""
        return self.replace(query=urlencode([(str(key), str(value)) for key, value in kwargs.items()]))

    def remove_query_params(self, keys: str | Sequence[str]) -> URL:
        """Drops these parameters and keeps the others."""
        gone = {keys} if isinstance(keys, str) else set(keys)
        return self.replace(query=urlencode([pair for pair in parse_query(self.query) if pair[0] not in gone]))

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self._url)

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        url = str(self.replace(password="********")) if self.password else self._url  # noqa: S106
        return f"{type(self).__name__}({url!r})"


def _in_brackets(hostname: str) -> str:
    if ":" not in hostname or hostname.startswith("["):
        return hostname
    try:
        IPv6Address(hostname)
    except AddressValueError:
        return hostname
    return f"[{hostname}]"


def _url_of_scope(scope: Scope) -> str:
    scheme: str = scope.get("scheme", "http")
    # The path is decoded already; these three would end it or pass for a slash when it is read again.
    path: str = scope["path"].replace("?", "%3F").replace("#", "%23").replace("\\", "%5C")
    query = _query_text(scope.get("query_string", b""))
    netloc = _netloc_of_scope(scope, scheme)
    if netloc is not None:
        return SplitResult(scheme, netloc, path, query, "").geturl()
    if path.startswith("//"):
        # Without a host, a leading `//` would be read as one.
        path = "/%2F" + path[2:]
    return f"{path}?{query}" if query else path


def _query_text(query_string: bytes) -> str:
    try:
        return query_string.decode()
    except UnicodeDecodeError:
        return quote(query_string, safe=_ASCII)


def _netloc_of_scope(scope: Mapping[str, Any], scheme: str) -> str | None:
    for name, value in scope["headers"]:
        if name == b"host":
            host = parse_host_header(value.decode("latin-1"))
            if host is not None and host.is_valid_port:
                return host.authority
            break
    server = scope.get("server")
    # A Unix socket is announced as (path, None): that is no authority.
    if server is None or server[1] is None:
        return None
    hostname, port = _in_brackets(server[0]), server[1]
    return hostname if port == _DEFAULT_PORTS.get(scheme) else f"{hostname}:{port}"


class URLPath(str):
    """A path that the router made, with the protocol and the host of its route, if these are known."""

    __slots__ = ("host", "protocol")
    protocol: Literal["http", "websocket", ""]
    host: str

    def __new__(cls, path: str, protocol: Literal["http", "websocket", ""] = "", host: str = "") -> Self:
        if protocol not in ("http", "websocket", ""):
            raise ValueError(f'protocol is "http", "websocket" or "", not {protocol!r}')
        path = path.replace("\\", "%5C")
        if path.startswith("//"):
            # Browsers would take what follows a leading `//` for a host.
            path = "/%2F" + path[2:]
        self = super().__new__(cls, path)
        self.protocol = protocol
        self.host = host
        return self

    def make_absolute_url(self, base_url: str | URL) -> URL:
        """The URL below `base_url`, with the scheme that suits the protocol."""
        base = URL(base_url) if isinstance(base_url, str) else base_url
        scheme = _SCHEMES[self.protocol, base.is_secure] if self.protocol else base.scheme
        return URL(scheme=scheme, netloc=self.host or base.netloc, path=base.path.rstrip("/") + str(self))
