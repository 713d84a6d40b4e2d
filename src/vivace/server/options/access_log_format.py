"""The format of the access log's line: gunicorn's atoms, and ours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vivace.utils.suggest import did_you_mean

# What each stands for; docs/server/logs.md has the same list.
ATOMS = {
    "h": "the client's address",
    "l": "a dash",
    "u": "the user of HTTP Basic authentication",
    "t": "the local time, as in [31/Jan/2026:12:00:00 +0000]",
    "r": "the request line",
    "m": "the method",
    "U": "the path",
    "q": "the query",
    "H": "the protocol, as in HTTP/1.1",
    "s": "the status",
    "st": "the status in words",
    "B": "bytes of the response's body",
    "b": "the same, a dash for none",
    "f": "the header referer",
    "a": "the header user-agent",
    "T": "the duration in seconds",
    "M": "the duration in milliseconds",
    "D": "the duration in microseconds",
    "L": "the duration in seconds, as in 0.001500",
    "p": "the process, as in <123>",
    "S": "the scheme, as in https",
    "client": "the client's address and port",
    "request_id": "the request's id, with request_id_header",
    "tls_version": "as in TLSv1.3",
    "tls_cipher": "OpenSSL's name of the cipher suite",
    "close_code": "a WebSocket's close code",
    "worker": "the worker's number, with workers",
}
# {name} and then one of these.
NAMED_ATOMS = {"i": "a header of the request", "o": "a header of the response", "e": "a variable of the environment"}

ATOM = re.compile(r"%(?:\((?:\{(?P<name>[^{}]+)\}(?P<kind>\w+)|(?P<atom>\w+))\)[sd]|(?P<percent>%))")


@dataclass(frozen=True, slots=True)
class Atom:
    """Something to be filled in; `name` is the header's, lower-case, or the variable's."""

    kind: str
    name: str = ""


def parse_access_log_format(text: str) -> list[str | Atom]:
    """The format as literal texts and atoms. ValueError for what is no atom."""
    pieces: list[str | Atom] = []
    literal = ""
    end = 0
    for found in ATOM.finditer(text):
        literal += without_percent(text[end : found.start()])
        end = found.end()
        if found["percent"]:
            literal += "%"
            continue
        if literal:
            pieces.append(literal)
            literal = ""
        pieces.append(atom_of(found))
    literal += without_percent(text[end:])
    if literal:
        pieces.append(literal)
    return pieces


def atom_of(found: re.Match[str]) -> Atom:
    """The atom that was written. ValueError for one that there is not."""
    kind, name = found["kind"], found["name"]
    if kind is not None:
        if kind not in NAMED_ATOMS:
            raise ValueError(
                f"access_log_format: {found[0]!r} is not known. In braces stands the name of a header of the request, "
                "%({x}i)s, of the response, %({x}o)s, or of a variable of the environment, %({x}e)s"
            )
        return Atom(kind, name if kind == "e" else name.lower())
    atom = found["atom"]
    if atom not in ATOMS:
        # A full stop is added by whoever shows the message.
        advice = did_you_mean(atom, [*ATOMS, *("{header}" + each for each in NAMED_ATOMS)], listed_as="Atoms")
        raise ValueError(f"access_log_format: {found[0]!r} is not known. {advice.removesuffix('.')}")
    return Atom(atom)


def without_percent(literal: str) -> str:
    """The literal as it is. ValueError when it begins what is no atom, or ends the line."""
    at = literal.find("%")
    if at >= 0:
        raise ValueError(
            f"access_log_format: {literal[at : at + 12]!r} is no atom; those look like %(h)s, and %% is a percent sign"
        )
    if not literal.isprintable():
        raise ValueError(f"access_log_format must be one line of printable text, got {literal!r}")
    return literal
