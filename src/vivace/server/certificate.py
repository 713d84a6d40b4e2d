"""What a certificate says of itself, as far as a server must know: its names, its kind of key, and its end.

Python's `ssl` tells it of certificates that a handshake has verified, and of no others. So the few fields are read here
from the DER encoding (X.690) of RFC 5280's structures.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

BEGIN = "-----BEGIN CERTIFICATE-----"
END = "-----END CERTIFICATE-----"

# X.690 8.1.2: tags, with their class and "constructed" bits.
OID = 0x06
OCTET_STRING = 0x04
SEQUENCE = 0x30
VERSION = 0xA0  # [0] of TBSCertificate
EXTENSIONS = 0xA3  # [3]
DNS_NAME = 0x82  # [2] of GeneralName
IP_ADDRESS = 0x87  # [7]
UTC_TIME = 0x17

SUBJECT_ALT_NAME = bytes.fromhex("551d11")  # 2.5.29.17
KEYS = {
    bytes.fromhex("2a864886f70d010101"): "RSA",  # 1.2.840.113549.1.1.1
    bytes.fromhex("2a8648ce3d0201"): "ECDSA",  # 1.2.840.10045.2.1
    bytes.fromhex("2b6570"): "Ed25519",  # 1.3.101.112
    bytes.fromhex("2b6571"): "Ed448",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """The first certificate of a PEM file."""

    pem: str
    names: tuple[str, ...]  # hosts in lower case, "*.example.org" among them, and IP addresses
    key: str  # RSA, ECDSA, Ed25519 …
    ends: dt.datetime


def read_certificate(text: str) -> Certificate:
    """The first certificate in `text`. ValueError if there is none, or none that can be read."""
    body, found, _ = text[text.find(BEGIN) + len(BEGIN) :].partition(END)
    if BEGIN not in text or not found:
        raise ValueError(f'no certificate in PEM form: there is no "{BEGIN}" with an end in it')
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
        names, key, ends = _fields(der)
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(f"no certificate that can be read ({error})") from None
    return Certificate(f"{BEGIN}{body}{END}\n", names, key, ends)


def _fields(der: bytes) -> tuple[tuple[str, ...], str, dt.datetime]:
    # RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }, and TBSCertificate is a
    # version (if it is not 1), a serial number, the algorithm, issuer, validity, subject, key and extensions.
    (_, certificate) = next(_items(der))
    (_, to_be_signed) = next(_items(certificate))
    fields = list(_items(to_be_signed))
    if fields[0][0] == VERSION:
        del fields[0]
    validity, key_info, rest = fields[3][1], fields[5][1], fields[6:]
    (_, _), (tag, ends) = _items(validity)
    (_, algorithm) = next(_items(key_info))
    (_, identifier) = next(_items(algorithm))
    extensions = b"".join(value for kind, value in rest if kind == EXTENSIONS)
    return tuple(_names(extensions)), KEYS.get(identifier, identifier.hex()), _time(tag, ends)


def _names(extensions: bytes) -> Iterator[str]:
    """RFC 5280 4.2.1.6: the hosts and addresses among the alternative names of the subject."""
    for _, listed in _items(extensions):
        for _, extension in _items(listed):
            parts = list(_items(extension))
            if parts[0] != (OID, SUBJECT_ALT_NAME):
                continue
            (_, names) = next(_items(parts[-1][1]))
            for tag, value in _items(names):
                if tag == DNS_NAME:
                    yield value.decode("ascii").lower()
                elif tag == IP_ADDRESS:
                    yield str(ipaddress.ip_address(value))


def _time(tag: int, value: bytes) -> dt.datetime:
    """RFC 5280 4.1.2.5: UTCTime has two digits of the year, of which 50 and more are in the last century."""
    text = value.decode("ascii")
    if tag == UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value in `data`. IndexError where it is cut off."""
    position = 0
    while position < len(data):
        tag, size = data[position], data[position + 1]
        position += 2
        if size & 0x80:
            # X.690 8.1.3.5: the length is in so many bytes more.
            count = size & 0x7F
            size = int.from_bytes(data[position : position + count], "big")
            position += count
        if position + size > len(data):
            raise IndexError("it is cut off")
        yield tag, data[position : position + size]
        position += size
