"""Where a request comes from: Sec-Fetch-Site, Origin and Referer, compared with where it goes to.

Every browser since 2023 sends Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/), on https and localhost, and none
lets a page change it; every one since 2020 sends Origin with unsafe requests and WebSocket handshakes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from vivace.web.datastructures import Headers
from vivace.web.types import Scope

_TRUSTED = re.compile(r"(?P<scheme>https?)://(?P<wildcard>\*\.)?(?P<host>[a-z0-9._-]+|\[[a-f0-9:.]+\])(?P<port>:\d+)?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}


class Origins:
    """The origins whose requests are allowed: the site's own, and these.

    "https://example.com" is one; "https://*.example.com" is that one and all its subdomains.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._exact: set[str] = set()
        self._patterns: list[tuple[str, str]] = []
        for text in trusted:
            match = _TRUSTED.fullmatch(text.lower())
            if match is None:
                raise ValueError(
                    f"trusted_origins: {text!r} is no origin. It has a scheme and a host and no path, such as "
                    "'https://example.com', 'https://*.example.com' or 'http://localhost:3000'."
                )
            if match["wildcard"]:
                self._exact.add(_without_default_port(text.lower().replace("*.", "")))  # as in Django: itself too
                self._patterns.append((f"{match['scheme']}://", f".{match['host']}{match['port'] or ''}"))
            else:
                self._exact.add(_without_default_port(text.lower()))

    def trusts(self, origin: str) -> bool:
        """Whether this is one of the trusted origins."""
        origin = origin.lower()
        return origin in self._exact or any(
            origin.startswith(scheme) and origin.endswith(ending) for scheme, ending in self._patterns
        )

    def objection(self, scope: Scope, *, wants_referer: bool = False) -> str | None:
        """Why this request is not one of our own pages', or None when it is, or comes from no browser.

        With `wants_referer` an https request that has none of the three headers is objected to.
        """
        headers = Headers(scope=scope)
        origin: str | None = headers.get("origin")
        if origin is not None and self.trusts(origin):
            return None
        site: str | None = headers.get("sec-fetch-site")
        if site is not None:
            if site in ("same-origin", "none"):  # none: the visitor, not a page (a bookmark, the address bar)
                return None
            return f"The browser says that it is {site}, from {origin or 'an unknown origin'}, which is not trusted."
        own = own_origin(scope, headers)
        if origin is not None:
            return None if origin.lower() == own else f"Origin {origin!r} is not {own!r}, and not trusted."
        if not scope.get("scheme", "").endswith("s"):
            return None
        # Without TLS a Referer could be made up on the way; with it, it is all that an old browser says.
        referer: str | None = headers.get("referer")
        if referer is None:
            return "There is neither Origin nor Referer." if wants_referer else None
        source = _origin_of(referer)
        if source is not None and (source == own or self.trusts(source)):
            return None
        return f"Referer {referer!r} is not of {own!r}, and not trusted."


def own_origin(scope: Scope, headers: Headers) -> str | None:
    """The origin that this request was sent to; None without a Host header."""
    host: str | None = headers.get("host")
    if host is None:
        return None
    scheme = scope.get("scheme", "http")
    return _without_default_port(f"{_PAGE_SCHEMES.get(scheme, scheme)}://{host.lower()}")


def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2].lower()
    return _without_default_port(f"{parts.scheme}://{host}") if parts.scheme and host else None


def _without_default_port(origin: str) -> str:
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], ":"))
