"""What is read of a certificate is what the package `cryptography` put into it."""

from __future__ import annotations

import datetime as dt
import ipaddress
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.server.certificates import certificate_pem

from vivace.server.certificate import read_certificate

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
ENDS = dt.datetime(2031, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
EC = ec.generate_private_key(ec.SECP256R1())
SIGNERS = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "ECDSA": EC,
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}


def made(names: list[x509.GeneralName], *, key: str = "ECDSA", ends: dt.datetime = ENDS) -> str:
    signer = SIGNERS[key]
    builder = (
        x509.CertificateBuilder(NAME, NAME, signer.public_key(), 77)  # type: ignore[attr-defined]  # all have one
        .not_valid_before(dt.datetime(1999, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=bool(len(names) % 2))
    algorithm = hashes.SHA256() if key in {"RSA", "ECDSA"} else None
    return certificate_pem(builder.sign(signer, algorithm)).decode()  # type: ignore[arg-type]  # one of four kinds


@pytest.mark.parametrize("key", SIGNERS)
def test_names_key_and_end_are_read(key: str) -> None:
    pem = made(
        [
            x509.DNSName("Www.Example.org"),
            x509.DNSName("*.example.net"),
            x509.RFC822Name("me@example.org"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
            x509.UniformResourceIdentifier("https://example.org/"),
        ],
        key=key,
    )
    certificate = read_certificate("# Bag Attributes\n" + pem + made([]))
    assert certificate.pem == pem
    assert certificate.names == ("www.example.org", "*.example.net", "192.0.2.1", "2001:db8::1")
    assert certificate.key == key
    assert certificate.ends == ENDS


def test_many_names_and_long_lengths_are_read() -> None:
    names = [f"host-{number}.example.org" for number in range(2000)]
    assert read_certificate(made([x509.DNSName(name) for name in names])).names == tuple(names)


def test_a_certificate_may_have_no_names_and_last_beyond_2050() -> None:
    ends = dt.datetime(2075, 1, 1, tzinfo=dt.UTC)
    certificate = read_certificate(made([], ends=ends))
    assert certificate.names == ()
    assert certificate.ends == ends


@pytest.mark.parametrize(
    "text",
    [
        "",
        "To whom it may concern",
        "-----BEGIN CERTIFICATE-----\nMIIB",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        read_certificate(text)


def test_whatever_is_broken_in_one_is_refused_or_read_and_nothing_else_happens() -> None:
    chaos = random.Random(4)
    pem = made([x509.DNSName("example.org"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
    refused = 0
    for _ in range(2000):
        broken = bytearray(pem.encode())
        place = chaos.randrange(30, len(broken) - 30)
        broken[place] = chaos.choice(b"ABCDEFGHIJabcdefghij0123456789+/")
        try:
            read_certificate(broken.decode())
        except ValueError:
            refused += 1
    assert refused
