"""Names and dates of certificates, compared with the `cryptography` package."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.certificates import sign

from vivace.server.x509 import read_certificate

# The types that RFC 4514 has a name for, and so has `cryptography`.
NAMED = [
    NameOID.COMMON_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.STREET_ADDRESS,
    NameOID.USER_ID,
]


def encoded(*parts: x509.NameAttribute[str] | list[x509.NameAttribute[str]]) -> bytes:
    relative = [x509.RelativeDistinguishedName([part] if not isinstance(part, list) else part) for part in parts]
    return sign(x509.Name(relative))[1].public_bytes(Encoding.DER)


def common(text: str) -> bytes:
    return encoded(x509.NameAttribute(NameOID.COMMON_NAME, text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("api.example", "CN=api.example"),
        ("Bücher", "CN=Bücher"),
        ('James "Jim" Smith, III', 'CN=James \\"Jim\\" Smith\\, III'),
        ("#1", "CN=\\#1"),
        (" a ", "CN=\\ a\\ "),
        (" ", "CN=\\ "),
        ("a\0b", "CN=a\\00b"),
        ("a=b<c>;d+e\\f", "CN=a=b\\<c\\>\\;d\\+e\\\\f"),
    ],
)
def test_text_is_escaped_as_rfc_4514_says(text: str, written: str) -> None:
    assert read_certificate(common(text)).subject == written


def test_the_last_part_comes_first_and_parts_of_several_attributes_are_joined() -> None:
    der = encoded(
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Beispiel"),
        [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Sales"), x509.NameAttribute(NameOID.COMMON_NAME, "J")],
    )
    assert read_certificate(der).subject in {"OU=Sales+CN=J,O=Beispiel,C=DE", "CN=J+OU=Sales,O=Beispiel,C=DE"}


def test_a_type_without_a_name_is_written_as_numbers() -> None:
    der = encoded(x509.NameAttribute(NameOID.EMAIL_ADDRESS, "me@example.org"))
    assert read_certificate(der).subject == "1.2.840.113549.1.9.1=#160e6d65406578616d706c652e6f7267"
    der = encoded(x509.NameAttribute(ObjectIdentifier("2.999.1"), "x"))
    assert read_certificate(der).subject == "2.999.1=#0c0178"


@pytest.mark.parametrize("kind", [_ASN1Type.BMPString, _ASN1Type.UniversalString, _ASN1Type.T61String])
def test_old_kinds_of_text_are_read(kind: _ASN1Type) -> None:
    if kind is _ASN1Type.T61String:
        der = common("Bucher!").replace(b"\x0c\x07Bucher!", b"\x14\x07B\xfccher!")
        assert read_certificate(der).subject == "CN=Bücher!"
        return
    der = encoded(x509.NameAttribute(NameOID.COMMON_NAME, "Bücher", _type=kind))
    assert read_certificate(der).subject == "CN=Bücher"


def test_what_is_not_the_text_that_it_says_is_written_as_bytes() -> None:
    der = encoded(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "é"))
    assert read_certificate(der).subject == "DC=#1602c3a9"


def test_a_certificate_without_a_name_has_an_empty_one() -> None:
    assert read_certificate(sign(x509.Name([]))[1].public_bytes(Encoding.DER)).subject == ""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMED), st.text(min_size=1, max_size=12)), min_size=1, max_size=4))
def test_names_are_those_of_cryptography(parts: list[tuple[ObjectIdentifier, str]]) -> None:
    try:
        name = x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])
        der = sign(name)[1].public_bytes(Encoding.DER)
    except ValueError:
        return  # too long for its type, or not encodable
    assert read_certificate(der).subject == name.rfc4514_string()


@pytest.mark.parametrize("days", [(-1, 1), (-400, -30), (0, 40 * 365)])
def test_dates_are_read_before_and_after_2050(days: tuple[int, int]) -> None:
    certificate = sign(x509.Name([]), days=days)[1]
    read = read_certificate(certificate.public_bytes(Encoding.DER))
    assert read.not_before == certificate.not_valid_before_utc
    assert read.not_after == certificate.not_valid_after_utc
    assert read.not_after.tzinfo is dt.UTC


def test_a_type_of_nothing_is_a_value_error() -> None:
    der = common("a").replace(b"\x06\x03\x55\x04\x03\x0c\x01a", b"\x06\x00\x0c\x04abcd")
    with pytest.raises(ValueError, match="not an X"):
        read_certificate(der)


def test_anything_else_is_a_value_error() -> None:
    der = common("api.example")
    for length in range(len(der)):
        with pytest.raises(ValueError):  # noqa: PT011 - the message is for nobody
            read_certificate(der[:length])
    chance = random.Random(1)
    for _ in range(3000):
        spoiled = bytearray(der)
        for _ in range(chance.randint(1, 4)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        try:
            read_certificate(bytes(spoiled))
        except ValueError:
            continue
