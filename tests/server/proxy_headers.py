"""PROXY headers, put together from the specification's tables."""

from __future__ import annotations

import socket
from struct import pack

from vivace.server.protocol.crc32c import crc32c

SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
LOCAL, PROXY = 0x20, 0x21
UNSPEC, TCP4, UDP4, TCP6, UNIX = 0x00, 0x11, 0x12, 0x21, 0x31

V1 = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"


def tlv(kind: int, value: bytes) -> bytes:
    return pack("!BH", kind, len(value)) + value


def ssl_tlv(client: int, verify: int, *parts: bytes) -> bytes:
    return tlv(0x20, pack("!BI", client, verify) + b"".join(parts))


def v2(family: int, addresses: bytes, *tlvs: bytes, command: int = PROXY) -> bytes:
    block = addresses + b"".join(tlvs)
    return SIGNATURE + pack("!BBH", command, family, len(block)) + block


def tcp4(*tlvs: bytes, client: str = "192.0.2.1", command: int = PROXY) -> bytes:
    """From 192.0.2.1:56324 to 198.51.100.1:443."""
    addresses = socket.inet_aton(client) + socket.inet_aton("198.51.100.1") + pack("!HH", 56324, 443)
    return v2(TCP4, addresses, *tlvs, command=command)


def tcp6(*tlvs: bytes, client: str = "2001:db8::1") -> bytes:
    """From [2001:db8::1]:56324 to [2001:db8::2]:443."""
    hosts = [socket.inet_pton(socket.AF_INET6, host) for host in (client, "2001:db8::2")]
    return v2(TCP6, b"".join(hosts) + pack("!HH", 56324, 443), *tlvs)


def unix(client: bytes, server: bytes) -> bytes:
    return v2(UNIX, client.ljust(108, b"\0") + server.ljust(108, b"\0"))


def with_checksum(*tlvs: bytes, wrong: int = 0) -> bytes:
    """The same from 192.0.2.1, with a CRC32c between the other values."""
    whole = tcp4(tlv(0x03, bytes(4)), *tlvs)
    at = 16 + 12 + 3
    return whole[:at] + pack("!I", crc32c(whole) ^ wrong) + whole[at + 4 :]
