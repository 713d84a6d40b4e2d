"""As much of an X.509 certificate as a server wants to know: whose it is, and when it is valid (RFC 5280 4.1).

Python's `ssl` verifies certificates. It does not tell the name of one in the form that ASGI asks for, nor the dates
of our own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

# Tags of ASN.1 values in DER (X.690 8.1.2).
INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, VERSION = 0x02, 0x06, 0x30, 0x31, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
TEXT_ENCODINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString
    0x16: "ascii",  # IA5String
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}

# RFC 4514 3: the attribute types that go by a name; all others are written as numbers, and their values as bytes.
ATTRIBUTE_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
ESCAPED = str.maketrans({character: f"\\{character}" for character in '"+,;<>\\'} | {"\0": "\\00"})


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate's subject as RFC 4514 writes it (`CN=api.example,O=Example`), and the times it is valid between."""

    subject: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Value:
    """One ASN.1 value: its tag, its content, and both as they were."""

    tag: int
    content: bytes
    encoded: bytes

    def members(self, *tags: int) -> list[Value]:
        """The values inside, the first of which must have these tags. ValueError when they have not."""
        found = list(read_values(self.content))
        if tuple(value.tag for value in found[: len(tags)]) != tags:
            raise ValueError("not an X.509 certificate")
        return found


def read_certificate(der: bytes) -> Certificate:
    """What `der` says. ValueError when it is not a certificate; whether to trust it, OpenSSL has decided."""
    (certificate,) = read_values(der)
    (to_be_signed, *_) = certificate.members(SEQUENCE)
    fields = to_be_signed.members()
    if fields and fields[0].tag == VERSION:
        del fields[0]
    if [field.tag for field in fields[:5]] != [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE]:
        raise ValueError("not an X.509 certificate")
    _serial, _algorithm, _issuer, validity, subject, *_ = fields
    not_before, not_after = (read_time(value) for value in validity.members())
    return Certificate(read_name(subject), not_before, not_after)


def read_values(data: bytes) -> Iterator[Value]:
    """The values that `data` consists of. ValueError when it ends within one."""
    position = 0
    while position < len(data):
        start = position
        if len(data) < start + 2:
            raise ValueError("the certificate is cut short")
        length = data[start + 1]
        position = start + 2
        if length >= 0x80:
            # X.690 8.1.3.5: so many bytes of length follow.
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size])
            position += size
        content = data[position : position + length]
        position += length
        if position > len(data):
            raise ValueError("the certificate is cut short")
        yield Value(data[start], content, data[start:position])


def read_time(value: Value) -> datetime:
    """RFC 5280 4.1.2.5: two digits for years up to 2049, four from then on; always UTC, with seconds."""
    text = value.content.decode("ascii")
    if value.tag == UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    elif value.tag != GENERALIZED_TIME:
        raise ValueError("not an X.509 certificate")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def read_name(name: Value) -> str:
    """RFC 4514 2.1: the parts of a name, the last one first."""
    parts = []
    for relative in name.members():
        attributes = (attribute.members(OBJECT_IDENTIFIER) for attribute in relative.members())
        parts.append("+".join(read_attribute(kind, value) for kind, value in attributes))
    return ",".join(reversed(parts))


def read_attribute(kind: Value, value: Value) -> str:
    """RFC 4514 2.3 and 2.4: `CN=text`, or numbers and bytes for a type that has no name, or a value that is no text."""
    number = read_object_identifier(kind.content)
    name = ATTRIBUTE_NAMES.get(number)
    if name is not None and value.tag in TEXT_ENCODINGS:
        with contextlib.suppress(UnicodeDecodeError):
            return f"{name}={escape(value.content.decode(TEXT_ENCODINGS[value.tag]))}"
    return f"{name or number}=#{value.encoded.hex()}"


def read_object_identifier(content: bytes) -> str:
    """X.690 8.19: seven bits a byte, the first two numbers in one."""
    numbers = []
    number = 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        raise ValueError("not an X.509 certificate")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def escape(text: str) -> str:
    """RFC 4514 2.4: what would be read as something else gets a backslash."""
    escaped = text.translate(ESCAPED)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    return escaped
