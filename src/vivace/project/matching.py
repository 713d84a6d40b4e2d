"""Which route answers a path, and why those before it do not: `vivace routes --path /books/x`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from vivace.project.routing import RouteLine, own_path, route_lines
from vivace.web.routing import PARAM_REGEX, flatten

_DJANGO_PARAMETER = re.compile(r"<(?:([^>:]+):)?([^>]+)>")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A route that was asked: the line of it, and what it said. `answers` of the one that takes the request."""

    line: RouteLine
    said: str
    answers: bool = False


def explain(
    routes: Sequence[Any], path: str, *, method: str = "GET", host: str = "localhost", scope_type: str = "http"
) -> Iterator[Attempt]:
    """The routes that come near the path, in order, up to the one that answers. Those far from it are left out."""
    scope = {
        "type": scope_type,
        "method": method,
        "path": unquote(path),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", host.encode("idna" if not host.isascii() else "ascii"))],
        "path_params": {},
    }
    yield from _explain(routes, scope, "", "")


def _explain(routes: Sequence[Any], scope: dict[str, Any], prefix: str, name: str) -> Iterator[Attempt]:
    for route in flatten(routes):
        match, child_scope = route.matches(dict(scope))
        below = list(getattr(route, "routes", None) or ())
        own_name = getattr(route, "name", None) or ""
        full_name = ":".join(part for part in (name, own_name) if part)
        if match.name == "FULL" and below:
            attempts = list(_explain(below, {**scope, **child_scope}, prefix + own_path(route), full_name))
            yield from attempts
            if not attempts or not attempts[-1].answers:
                # A mount keeps what is below it, also what nothing in it answers; 405 and redirects included.
                mount = RouteLine(prefix + own_path(route), "any", full_name, "")
                yield Attempt(mount, "takes all below it, and none of its routes answers", answers=True)
            return
        line = next(iter(route_lines([route], prefix, name)), None)
        if line is None:
            continue
        if match.name == "FULL":
            parameters = dict(child_scope.get("path_params", {}))
            yield Attempt(line, f"answers{_with(parameters)}", answers=True)
            return
        said = f"the path fits, the method does not: {line.methods}" if match.name == "PARTIAL" else _why(route, scope)
        if said is not None:
            yield Attempt(line, said)


def _with(parameters: dict[str, Any]) -> str:
    return f" with {', '.join(f'{key}={value!r}' for key, value in parameters.items())}" if parameters else ""


def _why(route: Any, scope: dict[str, Any]) -> str | None:
    """Why a route does not fit though it is near; None for one that is far."""
    if getattr(route, "host", None):
        return f"another host than {scope['headers'][0][1].decode()}"
    path = scope["path"][len(scope["root_path"]) :]
    own = own_path(route)
    other = path.rstrip("/") if path.endswith("/") else path + "/"
    if route.matches({**scope, "path": scope["root_path"] + other})[0].name != "NONE":
        return "differs by a slash at the end"
    kind = next((kind for kind in ("http", "websocket") if kind != scope["type"]), "")
    if route.matches({"method": "GET", **scope, "type": kind})[0].name != "NONE":
        return "is for WebSockets" if kind == "websocket" else "is for HTTP"
    loose, kinds = _loosely(own)
    found = loose.fullmatch(path)
    if found is None:
        return None
    texts = ", ".join(f"{name}={text!r} is no {kind}" for (name, kind), text in zip(kinds, found.groups(), strict=True))
    return f"the parameters do not fit: {texts}"


def _loosely(path: str) -> tuple[re.Pattern[str], list[tuple[str, str]]]:
    """A pattern in which each parameter is any text, and the name and kind of each."""
    is_django = "<" in path
    parameter = _DJANGO_PARAMETER if is_django else PARAM_REGEX
    kinds = [
        (found[2], found[1] or "str") if is_django else (found[1], found[2] or "str")
        for found in parameter.finditer(path)
    ]
    texts = re.split(r"<[^>]+>" if is_django else r"\{[^{}]+\}", path)
    return re.compile("([^/]+)".join(map(re.escape, texts))), kinds
