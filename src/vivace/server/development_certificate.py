"""A certificate that this machine signs for itself, to develop on https://localhost.

It is kept, because browsers ask again for every new one: one file in the user's cache, which nobody else can read.
Only this module needs the package `cryptography`, of the extra `vivace[tls]`.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vivace.server.errors import TLSError

logger = logging.getLogger("vivace.server")

ADDRESSES = ("127.0.0.1", "::1")
# Browsers refuse certificates for longer than 398 days.
LIFETIME = timedelta(days=365)
RENEWED_BEFORE = timedelta(days=7)


def development_certificate() -> Path:
    """The file of a certificate for localhost, 127.0.0.1 and ::1, and its key; made now if there is none that is valid.

    Raises TLSError when the file cannot be written.
    """
    path = cache_folder() / "localhost.pem"
    if not _is_good(path):
        try:
            _write(path, _make())
        except OSError as error:
            raise TLSError(
                f"The self-signed certificate cannot be kept in {path.parent}: {error.strerror}. Set XDG_CACHE_HOME to "
                "a folder that can be written to, or give a certificate as ssl_certfile."
            ) from None
        logger.info("Made a self-signed certificate for localhost in %s; browsers ask once whether to trust it.", path)
    return path


def cache_folder() -> Path:
    """Where it is kept: `$XDG_CACHE_HOME/vivace/tls`, or `~/.cache/vivace/tls`."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "vivace" / "tls"


def _is_good(path: Path) -> bool:
    """Whether the file is ours alone, whole, and valid for a while yet."""
    try:
        if path.stat().st_mode & 0o077 or path.stat().st_uid != os.getuid():
            return False
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, password="")
    except (OSError, ValueError):
        return False
    return datetime.now(UTC) + RENEWED_BEFORE < certificate.not_valid_after_utc


def _write(path: Path, content: bytes) -> None:
    """In one step, for another process may read it just now."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:  # nobody else may read it
        file.write(content)
    try:
        os.replace(file.name, path)
    except OSError:
        os.unlink(file.name)
        raise


def _make() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vivace development (localhost)")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # Whoever trusts it trusts it for these names only: it signs no others.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
