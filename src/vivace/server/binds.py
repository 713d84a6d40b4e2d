"""Where to listen, as it is written: `127.0.0.1:8000`, `[::1]:8000`, `:8000`, `unix:/run/site.sock`, `fd://3` or
`systemd`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

FORMS = "127.0.0.1:8000, [::1]:8000, :8000 (all addresses), unix:/run/site.sock, fd://3 or systemd"
# What others write before an address, and we do not.
SCHEMES = ("http://", "https://", "tcp://", "tcp:", "tcp4:", "tcp6:", "ssl:", "tls://")
# Linux keeps 108 bytes for a Unix socket's path, the last of which is zero; others keep 104.
LONGEST_PATH = 107 if sys.platform == "linux" else 103


@dataclass(frozen=True, slots=True)
class TCPBind:
    """A host, empty for all addresses of the machine, and a port, 0 for one that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixBind:
    """The path of a Unix socket; one that begins with "@" is a name in Linux's abstract namespace, without a file."""

    path: str
    abstract: bool = False

    def __str__(self) -> str:
        return f"unix:{'@' if self.abstract else ''}{self.path}"


@dataclass(frozen=True, slots=True)
class DescriptorBind:
    """A listening socket that the process was started with."""

    number: int

    def __str__(self) -> str:
        return f"fd://{self.number}"


@dataclass(frozen=True, slots=True)
class SystemdBind:
    """The sockets that systemd, or one that does as it, has handed over: those of a name, or all."""

    name: str | None = None

    def __str__(self) -> str:
        return "systemd" if self.name is None else f"systemd:{self.name}"


Bind = TCPBind | UnixBind | DescriptorBind | SystemdBind


def parse_bind(text: str) -> Bind:
    """What `text` means. ValueError says what is wrong with it and what to write."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not the text of an address; write {FORMS}")
    for scheme in SCHEMES:
        if text.lower().startswith(scheme):
            rest = text[len(scheme) :].strip("/") or "127.0.0.1:8000"
            hint = " (a certificate makes it https)" if scheme == "https://" else ""
            raise ValueError(f'"{text}" is an address without "{scheme}": write {rest}{hint}')
    if not text or text != text.strip() or not text.isprintable():
        raise ValueError(f"{text!r} is not an address; write {FORMS}")
    if text.startswith("unix:"):
        return _unix(text)
    if text.startswith("fd:"):
        return _descriptor(text)
    if text == "systemd" or text.startswith("systemd:"):
        return _systemd(text)
    return _tcp(text)


def _unix(text: str) -> UnixBind:
    path = text.removeprefix("unix:")
    if path.startswith("//"):
        if not path.startswith("///"):
            raise ValueError(f'"{text}" has two slashes, of which a path has one or three: write unix:{path[1:]}')
        path = path[2:]
    abstract = path.startswith("@")
    if abstract and sys.platform != "linux":
        raise ValueError(f'"{text}" is in the abstract namespace, which Linux alone has: write unix:/run/site.sock')
    if not path.strip("@") or path.endswith("/"):
        raise ValueError(f'"{text}" does not name a file: write unix:/run/site.sock')
    return unix_bind(path.removeprefix("@"), abstract=abstract)


def unix_bind(path: str, *, abstract: bool = False) -> UnixBind:
    """The bind of a path. ValueError for one that is too long for the system."""
    size = len(path.encode(errors="surrogateescape")) + abstract
    if size > LONGEST_PATH:
        raise ValueError(
            f'the path of a Unix socket has {LONGEST_PATH} bytes at most here, and "{path}" has {size}; a relative '
            "one may be shorter"
        )
    return UnixBind(path, abstract)


def _descriptor(text: str) -> DescriptorBind:
    number = text.removeprefix("fd:").removeprefix("//")
    if not _is_number(number):
        raise ValueError(f'"{text}" does not name a descriptor by its number: write fd://3')
    if not text.startswith("fd://"):
        raise ValueError(f'"{text}" is written fd://{number}')
    return DescriptorBind(int(number))


def _systemd(text: str) -> SystemdBind:
    _, colon, name = text.partition(":")
    if colon and not name:
        raise ValueError(
            f'"{text}" names no sockets: write systemd for all, or systemd:NAME with the FileDescriptorName of one'
        )
    return SystemdBind(name or None)


def _tcp(text: str) -> TCPBind:
    host, colon, port = text.rpartition(":")
    if text.startswith("["):
        return _ipv6(text)
    if not colon:
        raise ValueError(_without_port(text))
    if ":" in host:
        raise ValueError(f'"{text}" has more than one colon: write an IPv6 address in brackets, [::1]:8000')
    if "/" in text:
        raise ValueError(f'"{text}" is a path or a URL, not an address: write {FORMS}')
    if host == "*":
        raise ValueError(f'"{text}": all addresses are written :{port}, and all of IPv4 0.0.0.0:{port}')
    return TCPBind(host, _port(text, port))


def _ipv6(text: str) -> TCPBind:
    host, bracket, rest = text[1:].partition("]")
    if not bracket or ":" not in host or "[" in host:
        raise ValueError(f'"{text}" is no IPv6 address in brackets: write [::1]:8000')
    if not rest.startswith(":"):
        raise ValueError(f'"{text}" has no port: write [{host}]:8000')
    return TCPBind(host, _port(text, rest[1:]))


def _without_port(text: str) -> str:
    if _is_number(text):
        return f'"{text}" has no host: write 127.0.0.1:{text} for this machine alone, or :{text} for everybody'
    if "/" in text or text.endswith(".sock"):
        return f'"{text}" has no port; if it is the path of a Unix socket, write unix:{text}'
    return f'"{text}" has no port: write {text}:8000'


def _port(text: str, port: str) -> int:
    if not _is_number(port) or int(port) > 65535:
        raise ValueError(f'"{text}" needs a port from 0 to 65535 after the last colon, got "{port}"')
    return int(port)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
