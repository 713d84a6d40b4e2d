"""The TLS context of one certificate, or of several for the same names, with errors that say which file is wrong."""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from vivace.server.certificate import Certificate, read_certificate
from vivace.server.errors import TLSError
from vivace.server.options.tls import TLS, VERSIONS, StrPath
from vivace.server.tls_handshake import ServerContext

logger = logging.getLogger("vivace.server")

# RFC 9113 9.2.2 forbids the others of TLS 1.2 to HTTP/2: only ephemeral keys, only authenticated encryption.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

KEY = "PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A certificate, and where it and its key are."""

    certificate: Certificate
    certfile: StrPath
    keyfile: StrPath | None
    password: str | None


def read_files(certfile: StrPath, keyfile: StrPath | None, password: str | None) -> CertificateFile:
    """What the files hold. Raises TLSError."""
    text = _read("certificate", certfile)
    try:
        certificate = read_certificate(text)
    except ValueError as error:
        raise TLSError(f"{certfile} holds {error}.") from None
    if KEY not in (text if keyfile is None else _read("key", keyfile)):
        where = f"{certfile} holds" if keyfile is None else f"{keyfile} holds"
        hint = " Give its file as ssl_keyfile." if keyfile is None else ""
        raise TLSError(f"{where} no private key in PEM form.{hint}")
    return CertificateFile(certificate, certfile, keyfile, password)


def make_context(options: TLS, files: Sequence[CertificateFile], *, http2: bool) -> ServerContext:
    """A context that serves with these certificates, of which each has another kind of key. Raises TLSError."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[options.ssl_minimum_version]
    # RFC 9113 9.2.1; and each renegotiation costs us far more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    _set_ciphers(context, options.ssl_ciphers)
    for item in files:
        _load(context, item)
    context.certificate = files[0].certificate.pem
    if options.ssl_ca_certs is not None:
        _verify_clients(context, options.ssl_ca_certs, options.verify_mode)
    return context


def warn_of_fault(options: TLS, item: CertificateFile) -> None:
    """Log what clients will find wrong with a certificate. The clock may be wrong, so it is served all the same."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[options.ssl_minimum_version]
    _set_ciphers(context, options.ssl_ciphers)
    _load(context, item)
    fault = _fault(context, item.certificate.pem)
    if fault is not None:
        logger.warning("Clients will refuse the certificate in %s: %s.", item.certfile, fault)


def _set_ciphers(context: ssl.SSLContext, ciphers: str | None) -> None:
    try:
        context.set_ciphers(ciphers or CIPHERS)
    except ssl.SSLError:
        raise TLSError(
            f"ssl_ciphers={ciphers!r} selects none of OpenSSL's ciphers. `openssl ciphers -v` lists them; without the "
            f'option it is "{CIPHERS}".'
        ) from None


def _load(context: ssl.SSLContext, item: CertificateFile) -> None:
    asked = False

    def give_password() -> str:
        # Without a function OpenSSL asks on the terminal, and a server that waits there does not start.
        nonlocal asked
        asked = True
        return item.password or ""

    try:
        context.load_cert_chain(item.certfile, item.keyfile, give_password)
    except (OSError, ValueError) as error:
        raise TLSError(_explain(error, item, asked)) from None


def _explain(error: Exception, item: CertificateFile, asked: bool) -> str:
    reason = getattr(error, "reason", None)
    certfile, keyfile = item.certfile, item.keyfile or item.certfile
    if reason == "KEY_VALUES_MISMATCH":
        return f"The key in {keyfile} is not the key of the first certificate in {certfile}."
    if reason in {"EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"}:
        return f"OpenSSL refuses the certificate in {certfile} as too weak ({reason}); make one with a larger key."
    if asked:
        if item.password is None:
            return f"The key in {keyfile} is encrypted: give its password as ssl_keyfile_password."
        return f"The password given as ssl_keyfile_password does not open the key in {keyfile}."
    return f"OpenSSL cannot read {certfile} and its key in {keyfile}: {error}."


def _verify_clients(context: ssl.SSLContext, ca_certs: StrPath, mode: ssl.VerifyMode) -> None:
    _read("CA certificates", ca_certs)
    try:
        context.load_verify_locations(cafile=ca_certs)
    except OSError:
        raise TLSError(f"{ca_certs} holds no certificates in PEM form to verify those of clients with.") from None
    context.verify_mode = mode


def _read(what: str, path: StrPath) -> str:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except OSError as error:
        where = os.path.abspath(path)
        raise TLSError(f"The TLS {what} cannot be read from {where}: {error.strerror}.") from None


def _fault(context: ssl.SSLContext, pem: str) -> str | None:
    """What even a client that trusts this certificate by itself finds wrong with it, such as "certificate has expired".

    Python shows a certificate only to who has verified it in a handshake, so there is one, in memory.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # no need for its authority
    trusting.load_verify_locations(cadata=pem)
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(theirs, ours)
    server = context.wrap_bio(ours, theirs, server_side=True)
    try:
        for side in (client, server, client):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLError as error:
        # A handshake that fails otherwise says nothing of the certificate.
        return getattr(error, "verify_message", None)
    return None
