"""The options of TLS: what was asked for. `tls.py` makes a context of it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, fields

StrPath = str | os.PathLike[str]

# Where a certificate comes from; without one of them there is no TLS.
SOURCES = ("ssl_certfile", "ssl_self_signed", "ssl_context")
# What is asked of clients. The numbers and members of ssl.VerifyMode are understood as well.
CLIENT_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """Serve over TLS: with a certificate and its key, with a self-signed one for development, or with your context."""

    # PEM: the certificate, then those that lead to the root. Several, for several names, and as many keys or none.
    ssl_certfile: StrPath | Sequence[StrPath] | None = None
    ssl_keyfile: StrPath | Sequence[StrPath] | None = None  # PEM; None: the key is in the certificate's file
    ssl_keyfile_password: str | None = None
    ssl_ca_certs: StrPath | None = None  # PEM: who signs the certificates of clients
    ssl_cert_reqs: str | int = "none"  # of clients: none, optional or required; a wrong one is never accepted
    ssl_ciphers: str | None = None  # in OpenSSL's notation, for TLS 1.2; those of TLS 1.3 are all good
    ssl_minimum_version: str = "1.2"  # or 1.3
    ssl_self_signed: bool = False  # a certificate for localhost, 127.0.0.1 and ::1, kept in the user's cache
    ssl_context: ssl.SSLContext | None = None  # a server's context of your own, instead of all the above

    def __post_init__(self) -> None:
        for name in ("ssl_certfile", "ssl_keyfile"):
            object.__setattr__(self, name, _paths(name, getattr(self, name)))
        object.__setattr__(self, "ssl_cert_reqs", _client_certificates(self.ssl_cert_reqs))
        if self.ssl_minimum_version not in VERSIONS:
            raise ValueError(f'ssl_minimum_version must be "1.2" or "1.3", got {self.ssl_minimum_version!r}')
        given = [item.name for item in fields(self) if getattr(self, item.name) != item.default]
        sources = [name for name in given if name in SOURCES]
        others = [name for name in given if name not in SOURCES]
        if len(sources) > 1:
            raise ValueError(f"{' and '.join(sources)} each bring a certificate; give one of them")
        if others and not sources:
            raise ValueError(f"{others[0]} is for TLS, which needs ssl_certfile, ssl_self_signed or ssl_context")
        if others and self.ssl_context is not None:
            raise ValueError(f"ssl_context decides about {others[0]} as well; give one of them")
        if self.ssl_self_signed and (self.ssl_keyfile is not None or self.ssl_keyfile_password is not None):
            raise ValueError("ssl_keyfile and ssl_keyfile_password belong to ssl_certfile, not to ssl_self_signed")
        certificates, keys = _listed(self.ssl_certfile), _listed(self.ssl_keyfile)
        if keys and len(keys) != len(certificates):
            raise ValueError(
                f"ssl_certfile is given {len(certificates)} times and ssl_keyfile {len(keys)} times: give a key for "
                "each certificate, in the same order; one that holds its key itself is its own keyfile"
            )
        if (self.ssl_cert_reqs == "none") is not (self.ssl_ca_certs is None):
            raise ValueError(
                'ssl_cert_reqs ("optional" or "required") and ssl_ca_certs (who signs the certificates of clients) '
                "belong together; give both"
            )

    @property
    def enabled(self) -> bool:
        """Whether the server speaks TLS."""
        return self.ssl_certfile is not None or self.ssl_self_signed or self.ssl_context is not None

    @property
    def pairs(self) -> list[tuple[StrPath, StrPath | None]]:
        """Each certificate's file with its key's, None for the same file."""
        certificates, keys = _listed(self.ssl_certfile), _listed(self.ssl_keyfile)
        if not keys:
            return [(certificate, None) for certificate in certificates]
        return list(zip(certificates, keys, strict=True))

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """What OpenSSL asks of clients."""
        return CLIENT_CERTIFICATES[str(self.ssl_cert_reqs)]


def _paths(name: str, given: object) -> StrPath | tuple[StrPath, ...] | None:
    """One path as it is, several as a tuple. ValueError for anything else."""
    if given is None or isinstance(given, str | os.PathLike):
        return given
    paths = tuple(given) if isinstance(given, Sequence) else (given,)
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            raise ValueError(f"{name} must be a path or several, got {path!r}")
    return (paths[0] if len(paths) == 1 else paths) if paths else None


def _listed(given: StrPath | Sequence[StrPath] | None) -> Sequence[StrPath]:
    if given is None:
        return []
    return [given] if isinstance(given, str | os.PathLike) else given


def _client_certificates(asked: str | int) -> str:
    """The name of what is asked of clients. ValueError for what is not known."""
    for name, mode in CLIENT_CERTIFICATES.items():
        if asked in (name, mode, str(mode.value)):
            return name
    raise ValueError(f'ssl_cert_reqs must be "none", "optional" or "required", got {asked!r}')
