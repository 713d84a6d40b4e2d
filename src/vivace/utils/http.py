"""Whether a URL that a client named may be redirected to (as in `django.utils.http`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from urllib.parse import urlsplit


def url_has_allowed_host_and_scheme(
    url: str | None, allowed_hosts: str | Collection[str] | None, require_https: bool = False
) -> bool:
    """Whether `url`, such as a `?next=` parameter, stays on one of the hosts; False for an empty one.

    A path is allowed. With a host, it must be among `allowed_hosts` (with its port, if any) and the scheme http or
    https; with `require_https` only https. Browsers read what URLs must not contain in ways of their own, so everything
    that one of them could take for a host is refused: backslashes, three slashes, control characters in front.
    See https://docs.djangoproject.com/en/5.2/ref/utils/#django.utils.http.url_has_allowed_host_and_scheme.
    """
    if url is None or not url.strip():
        return False
    url = url.strip()
    hosts = {allowed_hosts} if isinstance(allowed_hosts, str) else set(allowed_hosts or ())
    # Browsers take a backslash for a slash, in the path as well.
    return all(_is_allowed(one, hosts, require_https=require_https) for one in {url, url.replace("\\", "/")})


def _is_allowed(url: str, hosts: set[str], *, require_https: bool) -> bool:
    # Chrome takes `///example.com` for a host; whatever any of them drops in front must not hide one.
    if url.startswith("///") or unicodedata.category(url[0])[0] == "C":
        return False
    # They drop line breaks and tabs anywhere (WHATWG URL, "remove all ASCII tab or newline"), and so does `urlsplit`.
    if any(unicodedata.category(letter) == "Cc" for letter in url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.netloc
    except ValueError:  # a malformed address in brackets
        return False
    # `http:///example.com` and `javascript:alert()` have a scheme and no host.
    if parts.scheme and not host:
        return False
    scheme = parts.scheme or ("http" if host else "")
    schemes = {"https"} if require_https else {"http", "https"}
    return (not host or host in hosts) and (not scheme or scheme in schemes)
