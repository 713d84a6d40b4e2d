"""Certificates and keys are loaded, or the error says which file is wrong and why."""

from __future__ import annotations

import datetime as dt
import logging
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.server.certificates import Authority, certificate_pem, key_pem, sign

from vivace.server import TLS, TLSError
from vivace.server.tls import ServerTLS, open_tls

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """cert.pem, key.pem, both.pem, locked.pem (password "open sesame"), other.pem (another key) …"""
    key, certificate = sign(NAME)
    (tmp_path / "cert.pem").write_bytes(certificate_pem(certificate))
    (tmp_path / "key.pem").write_bytes(key_pem(key))
    (tmp_path / "both.pem").write_bytes(key_pem(key) + certificate_pem(certificate))
    (tmp_path / "locked.pem").write_bytes(key_pem(key, "open sesame"))
    (tmp_path / "other.pem").write_bytes(key_pem(sign(NAME)[0]))
    (tmp_path / "text.pem").write_text("To whom it may concern")
    for name, days in (("expired", (-30, -2)), ("early", (2, 30))):
        key, certificate = sign(NAME, days=days)
        (tmp_path / f"{name}.pem").write_bytes(key_pem(key) + certificate_pem(certificate))
    key, certificate = sign(NAME, purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    (tmp_path / "client.pem").write_bytes(key_pem(key) + certificate_pem(certificate))
    return tmp_path


def opened(options: TLS, *, http2: bool = True) -> ServerTLS:
    tls = open_tls(options, http2=http2)
    assert tls is not None
    return tls


def test_nothing_asked_for_is_no_tls() -> None:
    assert open_tls(TLS(), http2=True) is None


@pytest.mark.parametrize(
    ("certificate", "key", "password"),
    [("both.pem", None, None), ("cert.pem", "key.pem", None), ("cert.pem", "locked.pem", "open sesame")],
)
def test_the_key_is_in_the_same_file_or_another_or_locked(
    files: Path, certificate: str, key: str | None, password: str | None
) -> None:
    tls = opened(
        TLS(
            ssl_certfile=files / certificate,
            ssl_keyfile=None if key is None else str(files / key),
            ssl_keyfile_password=password,
        )
    )
    assert tls.certificate == (files / "cert.pem").read_text()
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.context.verify_mode == ssl.CERT_NONE
    assert tls.context.options & ssl.OP_NO_RENEGOTIATION


def test_every_cipher_of_tls_1_2_is_one_that_http2_allows(files: Path) -> None:
    ciphers = opened(TLS(ssl_certfile=files / "both.pem")).context.get_ciphers()
    assert ciphers
    for cipher in ciphers:
        assert cipher["protocol"] == "TLSv1.3" or (cipher["aead"] and cipher["kea"] == "kx-ecdhe"), cipher["name"]


def test_ciphers_and_version_are_the_users(files: Path) -> None:
    options = TLS(
        ssl_certfile=files / "both.pem", ssl_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256", ssl_minimum_version="1.3"
    )
    context = opened(options).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    names = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    assert names == {"ECDHE-ECDSA-AES128-GCM-SHA256"}


def test_a_context_of_ones_own_makes_the_connections_as_it_is(files: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "both.pem")
    context.set_alpn_protocols(["http/1.1"])
    tls = opened(TLS(ssl_context=context))
    connection = tls.context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    assert connection.context is context
    assert tls.reload()
    assert not tls.changed()
    assert tls.certificate is None


def test_clients_are_verified_against_the_given_authority(files: Path, authority: Authority) -> None:
    options = TLS(ssl_certfile=files / "both.pem", ssl_ca_certs=authority.ca_file, ssl_cert_reqs="required")
    context = opened(options).context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ssl_certfile": "none.pem"}, "The TLS certificate cannot be read from {folder}/none.pem: No such file"),
        ({"ssl_certfile": "cert.pem", "ssl_keyfile": "none.pem"}, "The TLS key cannot be read from {folder}/none.pem"),
        ({"ssl_certfile": "."}, "Is a directory"),
        ({"ssl_certfile": "text.pem"}, "text.pem holds no certificate in PEM form"),
        ({"ssl_certfile": "key.pem"}, "key.pem holds no certificate in PEM form"),
        ({"ssl_certfile": "cert.pem"}, "cert.pem holds no private key in PEM form. Give its file as ssl_keyfile."),
        ({"ssl_certfile": "cert.pem", "ssl_keyfile": "text.pem"}, "text.pem holds no private key"),
        ({"ssl_certfile": "cert.pem", "ssl_keyfile": "other.pem"}, "other.pem is not the key of the first certificate"),
        ({"ssl_certfile": "cert.pem", "ssl_keyfile": "locked.pem"}, "is encrypted: give its password as"),
        (
            {"ssl_certfile": "cert.pem", "ssl_keyfile": "locked.pem", "ssl_keyfile_password": "abracadabra"},
            "ssl_keyfile_password does not open the key in {folder}/locked.pem",
        ),
        ({"ssl_certfile": "both.pem", "ssl_ciphers": "ROT13"}, "ssl_ciphers='ROT13' selects none"),
        ({"ssl_certfile": "both.pem", "ssl_ca_certs": "none.pem", "ssl_cert_reqs": "required"}, "No such file"),
        (
            {"ssl_certfile": "both.pem", "ssl_ca_certs": "text.pem", "ssl_cert_reqs": "required"},
            "text.pem holds no certificates in PEM form to verify",
        ),
        ({"ssl_certfile": "spoiled.pem"}, "spoiled.pem holds no certificate that can be read"),
    ],
)
def test_an_error_says_which_file_and_why(files: Path, options: dict[str, str], message: str) -> None:
    (files / "spoiled.pem").write_text((files / "both.pem").read_text().replace("M", "N"))
    for name in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"):
        if name in options:
            options = options | {name: str(files / options[name])}
    with pytest.raises(TLSError) as caught:
        open_tls(TLS(**options), http2=True)  # type: ignore[arg-type]  # the options here are text
    assert message.format(folder=files) in str(caught.value)


def test_a_key_that_openssl_finds_too_small_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(NAME, NAME, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "small.pem").write_bytes(certificate + pem)
    with pytest.raises(TLSError, match=r"small\.pem as too weak \(EE_KEY_TOO_SMALL\)"):
        open_tls(TLS(ssl_certfile=tmp_path / "small.pem"), http2=True)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("expired.pem", "certificate has expired"),
        ("early.pem", "certificate is not yet valid"),
        ("client.pem", "purpose"),  # OpenSSL 3.2 says it in other words
    ],
)
def test_a_certificate_that_clients_will_refuse_is_warned_of(
    files: Path, caplog: pytest.LogCaptureFixture, name: str, fault: str
) -> None:
    with caplog.at_level(logging.WARNING, "vivace.server"):
        opened(TLS(ssl_certfile=files / name))
    (record,) = caplog.records
    assert record.getMessage().startswith(f"Clients will refuse the certificate in {files / name}: ")
    assert fault in record.getMessage()


def test_a_certificate_that_is_in_order_is_served_without_a_word(
    files: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "vivace.server"):
        opened(TLS(ssl_certfile=authority.issue()))
        opened(TLS(ssl_certfile=files / "both.pem", ssl_minimum_version="1.3"))
        opened(TLS(ssl_certfile=files / "both.pem", ssl_ciphers="ECDHE-ECDSA-ARIA128-GCM-SHA256"))
    assert caplog.records == []
