"""What caches may do with a response: Vary and Cache-Control, as helpers and decorators (Django's names).

RFC 9111 5.2.2 has the directives of Cache-Control, RFC 9110 12.5.5 has Vary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from vivace.web._decorators import after
from vivace.web.datastructures._headers import encode_value
from vivace.web.responses import Response

Handler = TypeVar("Handler", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def patch_vary_headers(response: Response, newheaders: Iterable[str]) -> None:
    """Adds to Vary the request headers that the response depends on; a name that is there stays as it is."""
    add_vary(response.raw_headers, *newheaders)


def add_vary(headers: list[tuple[bytes, bytes]], *names: str) -> None:
    """As `patch_vary_headers`, for headers as ASGI carries them; the list is changed."""
    there = [each.strip() for name, value in headers if name == b"vary" for each in value.decode("latin-1").split(",")]
    there = [each for each in there if each]
    known = {each.lower() for each in there}
    added = [name for name in names if name.lower() not in known]
    if not added or "*" in known:  # RFC 9110 12.5.5: the asterisk says that there is no knowing
        return
    value = "*" if "*" in added else ", ".join([*there, *added])
    headers[:] = [*(field for field in headers if field[0] != b"vary"), (b"vary", encode_value(value))]


def patch_cache_control(response: Response, **directives: str | float | bool) -> None:
    """Adds these directives to Cache-Control, `max_age=60` as `max-age=60`, `private=True` as `private`.

    A smaller `max_age` that is there stays; `private` and `public` replace each other; `False` takes one away.
    ValueError for what is no directive.
    """
    current = _parse(response.headers.get("cache-control", ""))
    wanted = {_directive(name): value for name, value in directives.items()}
    if "max-age" in current and "max-age" in wanted:
        wanted["max-age"] = _smaller(current["max-age"], wanted["max-age"])
    if wanted.get("private"):
        current.pop("public", None)
    if wanted.get("public"):
        current.pop("private", None)
    merged = {name: value for name, value in {**current, **wanted}.items() if value is not False}
    text = ", ".join(name if value is True else f"{name}={value}" for name, value in merged.items())
    if text:
        response.headers["cache-control"] = text
    else:
        del response.headers["cache-control"]


def add_never_cache_headers(response: Response) -> None:
    """Says that nobody may keep the response, nor show it again without asking."""
    patch_cache_control(response, max_age=0, no_cache=True, no_store=True, must_revalidate=True, private=True)


def cache_control(**directives: str | float | bool) -> Callable[[Handler], Handler]:
    """`@cache_control(private=True, max_age=3600)` over a handler: `patch_cache_control` for its responses."""
    for name in directives:
        _directive(name)
    return after(lambda request, response: patch_cache_control(response, **directives))


def never_cache(handler: Handler) -> Handler:
    """`@never_cache` over a handler: `add_never_cache_headers` for its responses."""
    return after(lambda request, response: add_never_cache_headers(response))(handler)


def vary_on_headers(*headers: str) -> Callable[[Handler], Handler]:
    """`@vary_on_headers("User-Agent", "Cookie")` over a handler: its responses depend on these request headers."""
    return after(lambda request, response: patch_vary_headers(response, headers))


def vary_on_cookie(handler: Handler) -> Handler:
    """`@vary_on_cookie` over a handler: its responses depend on who asks."""
    return vary_on_headers("Cookie")(handler)


def _directive(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no directive of Cache-Control, such as max_age or no_store.")
    return name.replace("_", "-").lower()


def _parse(value: str) -> dict[str, str | float | bool]:
    directives: dict[str, str | float | bool] = {}
    for part in _split(value):
        name, equals, argument = part.partition("=")
        if name.strip():
            directives[name.strip().lower()] = argument.strip() if equals else True
    return directives


def _split(value: str) -> list[str]:
    """The directives; commas in quotes (`private="set-cookie, x"`) part nothing."""
    return re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+', value)


def _smaller(current: str | float | bool, wanted: str | float | bool) -> str | float | bool:
    try:
        return min(int(current), int(wanted))
    except ValueError:
        return wanted
