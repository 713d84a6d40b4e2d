"""What an application hears of a connection's TLS: the ASGI `tls` extension.

https://asgi.readthedocs.io/en/latest/specs/tls.html
"""

from __future__ import annotations

import functools
import ssl
from typing import Any

from vivace.server.x509 import read_certificate

# What the versions are called in a ClientHello (RFC 8446 4.2.1, RFC 5246 E.1).
VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def tls_extension(connection: ssl.SSLObject, server_certificate: str | None) -> dict[str, Any]:
    """The value of `scope["extensions"]["tls"]`, the same for all requests of a connection.

    The client's chain is whole from Python 3.13 on, and its own certificate alone before. `client_cert_error` is None
    always: a certificate that cannot be verified fails the handshake.
    """
    leaf = connection.getpeercert(binary_form=True)
    cipher = connection.cipher()
    return {
        "server_cert": server_certificate,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der) for der in client_chain(connection, leaf)],
        "client_cert_name": None if leaf is None else subject(leaf),
        "client_cert_error": None,
        "tls_version": VERSIONS.get(connection.version() or ""),
        "cipher_suite": None if cipher is None else cipher_suites().get(cipher[0]),
    }


def client_chain(connection: ssl.SSLObject, leaf: bytes | None) -> list[bytes]:
    """The client's certificates, its own first."""
    if leaf is None:
        return []
    verified_chain = getattr(connection, "get_verified_chain", list)  # Python 3.13
    # A resumed session remembers its own certificate alone.
    return verified_chain() or [leaf]


def subject(leaf: bytes) -> str | None:
    """Whose certificate it is (RFC 4514), or None when its name is no proper text."""
    try:
        return read_certificate(leaf).subject
    except ValueError:
        return None


@functools.cache
def cipher_suites() -> dict[str, int]:
    """The two bytes that stand for each suite in a handshake, by OpenSSL's name for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL")
    # OpenSSL puts a 3 and a 0 before the two bytes.
    return {cipher["name"]: int(cipher["id"]) & 0xFFFF for cipher in context.get_ciphers()}
