"""TLS: a context made of the options, with errors that say which file is wrong and why."""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
from dataclasses import dataclass

from vivace.server.errors import TLSError
from vivace.server.options.tls import TLS, VERSIONS, StrPath
from vivace.server.tls_handshake import ServerContext

logger = logging.getLogger("vivace.server")

# RFC 9113 9.2.2 forbids the others of TLS 1.2 to HTTP/2: only ephemeral keys, only authenticated encryption.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

CERTIFICATE = "-----BEGIN CERTIFICATE-----"
CERTIFICATE_END = "-----END CERTIFICATE-----"
KEY = "PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class ServerTLS:
    """What the listeners serve with, and what every connection's scope says of it."""

    context: ssl.SSLContext
    certificate: str | None  # our own as PEM; None where the context is the user's and does not tell

    async def look(self) -> None:
        """Housekeeping."""


def open_tls(options: TLS, *, http2: bool) -> ServerTLS | None:
    """The TLS that `options` ask for, None for none; `http2` is offered by ALPN. Raises TLSError."""
    if options.ssl_context is not None:
        # Whoever makes it decides on everything, ALPN included.
        return ServerTLS(options.ssl_context, None)
    if not options.enabled:
        return None
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[options.ssl_minimum_version]
    # RFC 9113 9.2.1; and each renegotiation costs us far more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    _set_ciphers(context, options.ssl_ciphers)
    if options.ssl_self_signed:
        certificate = _load(context, _development_certificate(), None, None)
    else:
        assert options.ssl_certfile is not None
        certificate = _load(context, options.ssl_certfile, options.ssl_keyfile, options.ssl_keyfile_password)
    if options.ssl_ca_certs is not None:
        _verify_clients(context, options.ssl_ca_certs, options.verify_mode)
    return ServerTLS(context, certificate)


def _development_certificate() -> StrPath:
    try:
        from vivace.server.development_certificate import development_certificate
    except ModuleNotFoundError:
        raise TLSError(
            'A self-signed certificate is made by the package "cryptography", which is not installed: '
            'pip install "vivace[tls]".'
        ) from None
    return development_certificate()


def _set_ciphers(context: ssl.SSLContext, ciphers: str | None) -> None:
    try:
        context.set_ciphers(ciphers or CIPHERS)
    except ssl.SSLError:
        raise TLSError(
            f"ssl_ciphers={ciphers!r} selects none of OpenSSL's ciphers. `openssl ciphers -v` lists them; without the "
            f'option it is "{CIPHERS}".'
        ) from None


def _load(context: ssl.SSLContext, certfile: StrPath, keyfile: StrPath | None, password: str | None) -> str:
    """Load certificates and key; the first certificate as PEM."""
    text = _read("certificate", certfile)
    certificate, found, _ = text[text.find(CERTIFICATE) :].partition(CERTIFICATE_END)
    if not found:
        raise TLSError(f'{certfile} holds no certificate in PEM form: there is no "{CERTIFICATE}" in it.')
    if KEY not in (text if keyfile is None else _read("key", keyfile)):
        where = f"{certfile} holds" if keyfile is None else f"{keyfile} holds"
        hint = " Give its file as ssl_keyfile." if keyfile is None else ""
        raise TLSError(f"{where} no private key in PEM form.{hint}")
    asked = False

    def give_password() -> str:
        # Without a function OpenSSL asks on the terminal, and a server that waits there does not start.
        nonlocal asked
        asked = True
        return password or ""

    try:
        context.load_cert_chain(certfile, keyfile, give_password)
    except (ssl.SSLError, ValueError) as error:
        raise TLSError(_explain(error, certfile, keyfile or certfile, password, asked)) from None
    pem = certificate + CERTIFICATE_END + "\n"
    fault = _fault(context, pem)
    if fault is not None:
        # The clock may be wrong, so it is served all the same.
        logger.warning("Clients will refuse the certificate in %s: %s.", certfile, fault)
    return pem


def _explain(error: Exception, certfile: StrPath, keyfile: StrPath, password: str | None, asked: bool) -> str:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return f"The key in {keyfile} is not the key of the first certificate in {certfile}."
    if reason in {"EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"}:
        return f"OpenSSL refuses the certificate in {certfile} as too weak ({reason}); make one with a larger key."
    if asked:
        if password is None:
            return f"The key in {keyfile} is encrypted: give its password as ssl_keyfile_password."
        return f"The password given as ssl_keyfile_password does not open the key in {keyfile}."
    return f"OpenSSL cannot read {certfile} and its key in {keyfile}: {error}."


def _verify_clients(context: ssl.SSLContext, ca_certs: StrPath, mode: ssl.VerifyMode) -> None:
    _read("CA certificates", ca_certs)
    try:
        context.load_verify_locations(cafile=ca_certs)
    except ssl.SSLError:
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
