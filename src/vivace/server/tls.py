"""TLS as the options ask for it: which certificate a client gets, and certificates that are renewed while we serve."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterable, Sequence

from vivace.server.errors import TLSError
from vivace.server.options.tls import TLS, StrPath
from vivace.server.tls_context import CertificateFile, make_context, read_files, warn_of_fault
from vivace.server.tls_handshake import ServerContext, UserContext

logger = logging.getLogger("vivace.server")

# What tells a file from the one that has taken its place: device, number, size, time of its last change.
Signature = tuple[tuple[int, int, int, int] | None, ...]


class Certificates:
    """A context for each name, made of the files as they were at one moment."""

    def __init__(self, options: TLS, pairs: Sequence[tuple[StrPath, StrPath | None]], *, http2: bool) -> None:
        """Raises TLSError."""
        self.options = options
        self.http2 = http2
        self.contexts: dict[tuple[CertificateFile, ...], ServerContext] = {}
        files = [read_files(certfile, keyfile, options.ssl_keyfile_password) for certfile, keyfile in pairs]
        for item in files:
            warn_of_fault(options, item)
        chosen = choose_by_name(files)
        self.by_name = {name: self._context(several) for name, several in chosen.items()}
        first = files[0]
        same_names = [item for item in files if item.certificate.names == first.certificate.names]
        self.default = self._context(_of_different_keys(same_names))

    def _context(self, files: tuple[CertificateFile, ...]) -> ServerContext:
        if files not in self.contexts:
            self.contexts[files] = make_context(self.options, files, http2=self.http2)
        return self.contexts[files]

    def find(self, name: str | None) -> ServerContext:
        """The context for the name that a client has asked for; that of the first certificate where none has it."""
        if not name:
            return self.default
        name = name.lower()
        found = self.by_name.get(name)
        if found is None:
            # RFC 9525 6.3: "*" stands for one whole label, the first.
            found = self.by_name.get("*." + name.partition(".")[2], self.default)
        return found


def choose_by_name(files: Sequence[CertificateFile]) -> dict[str, tuple[CertificateFile, ...]]:
    """The certificates for each name, one of each kind of key. Logs those that nobody will ever get."""
    named: dict[str, list[CertificateFile]] = {}
    for item in files:
        if not item.certificate.names and len(files) > 1:
            logger.warning(
                "The certificate in %s has no names (subjectAltName): no client will ask for it.", item.certfile
            )
        for name in item.certificate.names:
            for other in named.setdefault(name, []):
                if other.certificate.key == item.certificate.key:
                    logger.warning(
                        'Two certificates are for "%s": that in %s is used, and that in %s is not.',
                        name,
                        other.certfile,
                        item.certfile,
                    )
            named[name].append(item)
    return {name: _of_different_keys(several) for name, several in named.items()}


def _of_different_keys(files: Iterable[CertificateFile]) -> tuple[CertificateFile, ...]:
    """The first of each kind of key: OpenSSL holds one of each, and takes what the client can verify."""
    by_key: dict[str, CertificateFile] = {}
    for item in files:
        by_key.setdefault(item.certificate.key, item)
    return tuple(by_key.values())


class ServerTLS:
    """The TLS of all listeners.

    `context` is what the loop gets, once and for good. Every handshake asks which certificate is the current one for
    the client's name. The keys of session tickets are the context's: processes that are forked with it resume each
    other's sessions, and a renewed certificate ends none.
    """

    def __init__(self, options: TLS, *, http2: bool) -> None:
        """Raises TLSError."""
        self.options = options
        self.http2 = http2
        self._pairs = _pairs(options)
        self._seen = self._signature()
        self._changing: Signature | None = None
        self._certificates = self._load()
        # A connection's settings are always those of this one. Certificates, and who signs those of clients, are those
        # of the one that is chosen; so are the protocols of ALPN, which are the same in all.
        self.context: ssl.SSLContext = self._certificates.default
        self.context.sni_callback = self._choose

    @property
    def certificate(self) -> str | None:
        """The first certificate, as PEM."""
        return self._certificates.default.certificate

    def _load(self) -> Certificates:
        return Certificates(self.options, self._pairs, http2=self.http2)

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """ssl: a client has said hello. It is called for those that name nobody, too."""
        chosen = self._certificates.find(name)
        if chosen is not connection.context:
            connection.context = chosen

    def reload(self) -> bool:
        """Read the certificates anew, for connections that come from here on.

        Where something is wrong with them it is logged, the old ones stay, and the answer is False.
        """
        try:
            self._certificates = self._load()
        except TLSError as error:
            logger.warning("The old certificates are served on, for the new ones cannot be: %s", error)
            return False
        logger.info("Certificates were read anew: %s.", ", ".join(str(certfile) for certfile, _ in self._pairs))
        return True

    def changed(self) -> bool:
        """Whether a file has changed since this was last true, and has not since the last time it was asked.

        Whoever renews certificates writes more than one file, one after the other.
        """
        seen = self._signature()
        if seen == self._seen:
            self._changing = None
        elif seen != self._changing:
            self._changing = seen
        else:
            self._seen = seen
            return True
        return False

    def _signature(self) -> Signature:
        paths = [path for pair in self._pairs for path in pair if path is not None]
        if self.options.ssl_ca_certs is not None:
            paths.append(self.options.ssl_ca_certs)
        return tuple(_file_signature(path) for path in paths)


class UserTLS(ServerTLS):
    """TLS with a context that the user has made, who decides on everything, ALPN and new certificates included."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = UserContext(context)

    @property
    def certificate(self) -> None:
        """None: the context does not tell."""

    def reload(self) -> bool:
        """Nothing: whoever made the context can load another certificate into it."""
        return True

    def changed(self) -> bool:
        """Never."""
        return False


def open_tls(options: TLS, *, http2: bool) -> ServerTLS | None:
    """The TLS that `options` ask for, None for none; `http2` is offered by ALPN. Raises TLSError."""
    if options.ssl_context is not None:
        return UserTLS(options.ssl_context)
    return ServerTLS(options, http2=http2) if options.enabled else None


def _pairs(options: TLS) -> Sequence[tuple[StrPath, StrPath | None]]:
    return [(_development_certificate(), None)] if options.ssl_self_signed else options.pairs


def _file_signature(path: StrPath) -> tuple[int, int, int, int] | None:
    """Of the file that a symbolic link leads to: certbot has links, and replaces them."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _development_certificate() -> StrPath:
    try:
        from vivace.server.development_certificate import development_certificate
    except ModuleNotFoundError:
        raise TLSError(
            'A self-signed certificate is made by the package "cryptography", which is not installed: '
            'pip install "vivace[tls]".'
        ) from None
    return development_certificate()
