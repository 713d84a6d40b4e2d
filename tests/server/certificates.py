"""An authority that signs the certificates of tests, and clients that trust it."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authority:
    """Files and contexts; every certificate is for localhost and 127.0.0.1 if nothing else is said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.number = 0

    def issue(self, *names: str, common_name: str | None = None) -> Path:
        """A file with a key and the certificates that lead to the root."""
        self.number += 1
        path = self.folder / f"{self.number}.pem"
        issued = self.ca.issue_cert(*(names or ("localhost", "127.0.0.1")), common_name=common_name)
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        return path

    def client(self, certificate: Path | None = None, *, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """What a client that trusts this authority connects with."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if certificate is not None:
            context.load_cert_chain(certificate)
        if alpn:
            context.set_alpn_protocols(alpn)
        return context


def sign(
    subject: x509.Name,
    *,
    days: tuple[int, int] = (-1, 1),
    purpose: x509.ObjectIdentifier | None = None,
    address: str | None = None,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key and a certificate that it signed itself, valid between two days from now.

    It is for one purpose, or for all; an email address may be its other name.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    begin, end = (now + dt.timedelta(days=number) for number in days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if address is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
    return key, builder.sign(key, hashes.SHA256())


def key_pem(key: ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    """The key, encrypted if there is a password."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)
