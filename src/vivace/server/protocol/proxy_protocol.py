"""The PROXY protocol, versions 1 and 2: what a proxy says of a connection before its first byte.

https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt; the numbers in comments are its sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from vivace.server.protocol.addresses import parse_address
from vivace.server.protocol.crc32c import crc32c

V1 = b"PROXY "
V2 = b"\r\n\r\n\0\r\nQUIT\n"
# 2.1: a whole line of version 1, with its end. 2.2: the fixed part of version 2, in front of `length` more.
LONGEST_V1 = 107
V2_HEAD = 16
# The length field could say 64 KiB; a certificate and a session of TLS fit into this.
LONGEST_V2 = 16384
LONGEST_UNIQUE_ID = 128

LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNIX = 0x11, 0x21, 0x31
ADDRESSES = {TCP4: 12, TCP6: 36, UNIX: 216}

# 2.2.1
ALPN, AUTHORITY, CRC32C, UNIQUE_ID, SSL, NETNS, AWS, AZURE = 0x01, 0x02, 0x03, 0x05, 0x20, 0x30, 0xEA, 0xEE
SSL_TEXTS = {0x21: "version", 0x22: "cn", 0x23: "cipher", 0x24: "sig_alg", 0x25: "key_alg", 0x26: "group"}
SSL_USED, SSL_CERTIFICATE, SSL_CERTIFICATE_OF_SESSION = 1, 2, 4

Address = tuple[str, int]
TLVs = tuple[tuple[int, bytes], ...]


class ProxyProtocolError(ValueError):
    """What came is no PROXY header, or not a right one; `foreign` says that it does not even begin like one."""

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.foreign = foreign


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """Who is connected with whom, as the proxy says. Without `relayed` it says nothing: the connection is its own, such
    as a health check, or of a kind that it has no words for.

    The client is None on a Unix socket, whose path is the server's name then. `tlvs` are those of version 2.
    """

    version: int
    relayed: bool
    client: Address | None = None
    server: tuple[str, int | None] | None = None
    tlvs: TLVs = ()

    def extension(self) -> dict[str, Any]:
        """What an application hears of it; None for what the proxy does not tell."""
        values = dict(self.tlvs)
        return {
            "version": self.version,
            "relayed": self.relayed,
            "alpn": _text(values.get(ALPN)),
            "authority": _text(values.get(AUTHORITY)),
            "unique_id": values.get(UNIQUE_ID),
            "netns": _text(values.get(NETNS)),
            "ssl": _ssl(values.get(SSL)),
            "aws_vpc_endpoint": _text(_subtype(values.get(AWS), 1)),
            "azure_private_endpoint": _number(_subtype(values.get(AZURE), 1)),
            "tlvs": list(self.tlvs),
        }

    @property
    def encrypted(self) -> bool:
        """Whether the client speaks TLS with the proxy."""
        return any(kind == SSL and value[0] & SSL_USED for kind, value in self.tlvs)


class ProxyHeaderReader:
    """Reads the header that a connection begins with; `header` is there when it is complete."""

    def __init__(self) -> None:
        self.header: ProxyHeader | None = None
        self._read = bytearray()

    def feed(self, data: bytes) -> int:
        """Take what belongs to the header from the next bytes, and return how many these are; the rest is others'.

        0 when they are too few to tell: call again with more of them. ProxyProtocolError for anything else; what was
        not taken before is not taken then.
        """
        start = bytes(self._read[: len(V2)]) + data[: len(V2)]
        if not (start.startswith((V1, V2)) or V1.startswith(start) or V2.startswith(start)):
            raise ProxyProtocolError("it does not begin with a PROXY header", foreign=True)
        if not start.startswith((V1, V2)):
            return 0
        size = self._feed_v1(data) if start.startswith(V1) else self._feed_v2(data)
        self._read += data[:size]
        if self._is_complete():
            whole = bytes(self._read)
            self.header = read_v1(whole) if whole.startswith(V1) else read_v2(whole)
        return size

    def _feed_v1(self, data: bytes) -> int:
        seen = len(self._read)
        # The line's end may come in two pieces.
        end = (bytes(self._read[-1:]) + data).find(b"\r\n")
        size = len(data) if end < 0 else end + 2 - min(seen, 1)
        if seen + size > LONGEST_V1 or (end < 0 and seen + size == LONGEST_V1):
            raise ProxyProtocolError("a PROXY line without end")
        return size

    def _feed_v2(self, data: bytes) -> int:
        head = bytes(self._read) + data[: V2_HEAD - len(self._read)] if len(self._read) < V2_HEAD else self._read
        if len(head) < V2_HEAD:
            return len(data)
        total = V2_HEAD + int.from_bytes(head[14:16], "big")
        if total > LONGEST_V2:
            raise ProxyProtocolError(f"a PROXY header of {total} bytes; {LONGEST_V2} are the most here")
        return min(len(data), total - len(self._read))

    def _is_complete(self) -> bool:
        read = self._read
        if read.startswith(V1):
            return read.endswith(b"\r\n")
        return len(read) >= V2_HEAD and len(read) == V2_HEAD + int.from_bytes(read[14:16], "big")


def read_v1(line: bytes) -> ProxyHeader:
    """A line with its end (2.1). ProxyProtocolError."""
    words = line[:-2].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(1, relayed=False)
    if words[1] not in ("TCP4", "TCP6") or len(words) != 6:
        raise ProxyProtocolError("a PROXY line is not as it should be")
    kind = IPv4Address if words[1] == "TCP4" else IPv6Address
    client, server = ((_v1_host(host, kind), _v1_port(port)) for host, port in zip(words[2:4], words[4:6], strict=True))
    return ProxyHeader(1, relayed=True, client=client, server=server)


def _v1_host(text: str, kind: type[IPv4Address | IPv6Address]) -> str:
    try:
        kind(text)
    except ValueError:
        raise ProxyProtocolError("a PROXY line with an invalid address") from None
    return str(parse_address(text))


def _v1_port(text: str) -> int:
    # 2.1: no zeros in front.
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and str(int(text)) == text and int(text) <= 65535):
        raise ProxyProtocolError("a PROXY line with an invalid port")
    return int(text)


def read_v2(data: bytes) -> ProxyHeader:
    """A whole header of version 2 (2.2). ProxyProtocolError."""
    command, family = data[12], data[13]
    if command not in (LOCAL, PROXY):
        raise ProxyProtocolError("a PROXY header of an unknown version or command")
    size = ADDRESSES.get(family)
    if command == LOCAL or size is None:
        # 2.2: the receiver uses the addresses of the connection, and ignores the rest.
        return ProxyHeader(2, relayed=False)
    block = data[V2_HEAD:]
    if len(block) < size:
        raise ProxyProtocolError("a PROXY header is too short for its addresses")
    tlvs = tuple(_tlvs(block[size:]))
    _check(data, tlvs, V2_HEAD + size)
    if family == UNIX:
        path = block[108:216].partition(b"\0")[0].decode("utf-8", "surrogateescape")
        return ProxyHeader(2, relayed=True, server=(path, None) if path else None, tlvs=tlvs)
    width = (size - 4) // 2
    hosts = [_host(block[:width]), _host(block[width : 2 * width])]
    ports = [int.from_bytes(block[at : at + 2], "big") for at in (2 * width, 2 * width + 2)]
    return ProxyHeader(2, relayed=True, client=(hosts[0], ports[0]), server=(hosts[1], ports[1]), tlvs=tlvs)


def _host(packed: bytes) -> str:
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    return str(parse_address(str(address)))


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        end = position + 3 + int.from_bytes(data[position + 1 : position + 3], "big")
        if len(data) < position + 3 or len(data) < end:
            raise ProxyProtocolError("a PROXY header ends within a value")
        yield data[position], data[position + 3 : end]
        position = end


def _check(data: bytes, tlvs: TLVs, position: int) -> None:
    """2.2.2 and on: a checksum is right, lengths are what they must be."""
    for kind, value in tlvs:
        position += 3
        if kind == CRC32C:
            # 2.2.4: over the whole header, with zeros in the place of the checksum.
            zeroed = data[:position] + bytes(4) + data[position + 4 :]
            if len(value) != 4 or crc32c(zeroed) != int.from_bytes(value, "big"):
                raise ProxyProtocolError("a PROXY header with a wrong checksum")
        elif kind == UNIQUE_ID and len(value) > LONGEST_UNIQUE_ID:
            raise ProxyProtocolError(f"a PROXY header whose unique id is longer than {LONGEST_UNIQUE_ID} bytes")
        elif kind == SSL:
            if len(value) < 5:
                raise ProxyProtocolError("a PROXY header that says too little of TLS")
            for _ in _tlvs(value[5:]):
                pass
        position += len(value)


def _ssl(value: bytes | None) -> dict[str, Any] | None:
    """2.2.6: what the proxy says of its TLS with the client."""
    if value is None:
        return None
    flags, has_failed = value[0], value[1:5] != bytes(4)
    values = dict(_tlvs(value[5:]))
    has_certificate = bool(flags & (SSL_CERTIFICATE | SSL_CERTIFICATE_OF_SESSION))
    return {
        "used": bool(flags & SSL_USED),
        "client_cert": has_certificate,
        "verified": has_certificate and not has_failed,
        **{name: _text(values.get(kind)) for kind, name in SSL_TEXTS.items()},
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _subtype(value: bytes | None, kind: int) -> bytes | None:
    return value[1:] if value and value[0] == kind else None


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "little") if value is not None and len(value) == 4 else None
