"""What an application hears of a connection's TLS: the ASGI `tls` extension.

https://asgi.readthedocs.io/en/latest/specs/tls.html
"""

from __future__ import annotations

import functools
import ssl
from typing import Any, cast

# What the versions are called in a ClientHello (RFC 8446 4.2.1, RFC 5246 E.1).
VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# RFC 4514 3: what OpenSSL calls the attribute types that have a short name there. It has names for some others, such as
# emailAddress, and numbers for the rest; those are written as they are, as nginx writes them.
ATTRIBUTE_NAMES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
ESCAPED = str.maketrans({character: f"\\{character}" for character in '"+,;<>\\'} | {"\0": "\\00"})

# A name as `getpeercert()` has it: parts of one or more attributes each.
Subject = tuple[tuple[tuple[str, str], ...], ...]


def tls_extension(connection: ssl.SSLObject) -> dict[str, Any]:
    """The value of `scope["extensions"]["tls"]`, the same for all requests of a connection.

    The client's chain is whole from Python 3.13 on, and its own certificate alone before. `client_cert_error` is None
    always: a certificate that cannot be verified fails the handshake.
    """
    leaf = connection.getpeercert(binary_form=True)
    cipher = connection.cipher()
    return {
        "server_cert": getattr(connection.context, "certificate", None),
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der) for der in client_chain(connection, leaf)],
        "client_cert_name": None if leaf is None else client_name(connection),
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


def client_name(connection: ssl.SSLObject) -> str | None:
    """Whose certificate the client's is, or None when it holds a text that is none."""
    try:
        # OpenSSL has verified it, so there is a dictionary.
        certificate = cast("dict[str, Subject]", connection.getpeercert())
    except (ssl.SSLError, ValueError):
        return None
    return write_name(certificate["subject"])


def write_name(name: Subject) -> str:
    """RFC 4514 2: the last part first, `CN=api,O=Example`."""
    return ",".join(
        "+".join(f"{ATTRIBUTE_NAMES.get(kind, kind)}={escape(text)}" for kind, text in part) for part in reversed(name)
    )


def escape(text: str) -> str:
    """RFC 4514 2.4: what would be read as something else gets a backslash."""
    escaped = text.translate(ESCAPED)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    return escaped


@functools.cache
def cipher_suites() -> dict[str, int]:
    """The two bytes that stand for each suite in a handshake, by OpenSSL's name for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL")
    # OpenSSL puts a 3 and a 0 before the two bytes.
    return {cipher["name"]: int(cipher["id"]) & 0xFFFF for cipher in context.get_ciphers()}
