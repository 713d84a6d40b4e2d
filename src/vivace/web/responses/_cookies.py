"""The text of a Set-Cookie header (RFC 6265 section 4.1, and `Partitioned` on every Python)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What http.cookies leaves as it is (and allows in names), and what it escapes inside quotes.
_PLAIN = re.compile(r"[\w!#$%&'*+\-.^`|~:]+", re.ASCII)
_ESCAPE = re.compile(r"""[^\w!#$%&'*+\-.^`|~: ()/<=>?@\[\]{}]""", re.ASCII)


def format_cookie(
    key: str,
    value: str,
    *,
    max_age: int | None,
    expires: datetime | str | int | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: str | None,
    partitioned: bool,
) -> str:
    """One cookie with its attributes. ValueError for a name, value or attribute that would say something else."""
    if _PLAIN.fullmatch(key) is None:
        raise ValueError(f"{key!r} is not a cookie name: letters, digits and hyphens are allowed")
    if samesite is not None and samesite.lower() not in ("strict", "lax", "none"):
        raise ValueError(f"samesite must be either 'strict', 'lax' or 'none', not {samesite!r}")
    attributes = [f"{key}={_quote(value)}"]
    if domain is not None:
        attributes.append(f"Domain={_attribute('domain', domain)}")
    if expires is not None:
        attributes.append(f"expires={_attribute('expires', _date(expires))}")
    if httponly:
        attributes.append("HttpOnly")
    if max_age is not None:
        attributes.append(f"Max-Age={int(max_age)}")
    if partitioned:
        attributes.append("Partitioned")
    if path is not None:
        attributes.append(f"Path={_attribute('path', path)}")
    if samesite is not None:
        attributes.append(f"SameSite={samesite}")
    if secure:
        attributes.append("Secure")
    return "; ".join(attributes)


def _quote(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(f"a cookie value cannot contain control characters: {value!r}")
    if not value.isascii() and max(value) > "\xff":
        raise ValueError(f"a cookie value holds Latin-1, urllib.parse.quote() makes it so of other text: {value!r}")
    if _PLAIN.fullmatch(value):
        return value
    return '"' + _ESCAPE.sub(_escape, value) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return "\\" + character if character in '"\\' else f"\\{ord(character):03o}"


def _attribute(name: str, value: str) -> str:
    if ";" in value or _CONTROL.search(value):
        raise ValueError(f"the {name} of a cookie cannot contain ';' or control characters: {value!r}")
    return value


def _date(expires: datetime | str | int) -> str:
    if isinstance(expires, str):
        return expires
    if isinstance(expires, int):
        return formatdate(time.time() + expires, usegmt=True)
    if expires.tzinfo is None:
        raise ValueError("expires needs an aware datetime, such as datetime.now(UTC)")
    return format_datetime(expires.astimezone(UTC), usegmt=True)
