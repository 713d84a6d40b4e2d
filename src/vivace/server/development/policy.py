"""What a page's Content-Security-Policy says of a script of the server's own (CSP level 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SELF = "'self'"
# Of them, `data:` and the like are none of ours.
ANYWHERE = {"*", "http:", "https:"}


class Permission(NamedTuple):
    """Whether the script may run, and the nonce that it needs for that."""

    granted: bool
    nonce: str | None = None


def permission(policies: Iterable[str]) -> Permission:
    """Whether all policies (values of the header) allow a script of the page's own origin that listens to events."""
    nonce: str | None = None
    for text in ",".join(policies).split(","):
        directives = _directives(text)
        if not _allows_own(_first(directives, "connect-src", "default-src")):
            return Permission(False)
        sources = _first(directives, "script-src-elem", "script-src", "default-src")
        if _allows_own(sources) and "'strict-dynamic'" not in (sources or ()):
            continue
        given = next((source[7:-1] for source in sources or () if source.lower().startswith("'nonce-")), None)
        if given is None or (nonce is not None and nonce != given):
            return Permission(False)
        nonce = given
    return Permission(True, nonce)


def _directives(policy: str) -> dict[str, Sequence[str]]:
    """The first of each name counts (CSP 2.2.1)."""
    directives: dict[str, Sequence[str]] = {}
    for part in policy.split(";"):
        name, *values = part.split() or [""]
        directives.setdefault(name.lower(), values)
    if "sandbox" in directives and "allow-scripts" not in directives["sandbox"]:
        directives["script-src"] = directives["script-src-elem"] = ()
    return directives


def _first(directives: dict[str, Sequence[str]], *names: str) -> Sequence[str] | None:
    """The sources of the first of these directives that is there; None: anything goes."""
    return next((directives[name] for name in names if name in directives), None)


def _allows_own(sources: Sequence[str] | None) -> bool:
    return sources is None or any(source.lower() == SELF or source.lower() in ANYWHERE for source in sources)
