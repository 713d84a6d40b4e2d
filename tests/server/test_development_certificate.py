"""The self-signed certificate: made once, kept where nobody else can read it, renewed in time."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from tests.server.certificates import certificate_pem, key_pem, sign

from vivace.server import TLS, TLSError
from vivace.server.development_certificate import cache_folder, development_certificate
from vivace.server.tls import open_tls


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_it_is_for_this_machine_and_signs_no_others() -> None:
    certificate = x509.load_pem_x509_certificate(development_certificate().read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(at) for at in ("127.0.0.1", "::1")]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    # Browsers refuse more than 398 days.
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < dt.timedelta(days=398)


def test_it_is_kept_and_nobody_else_can_read_it(cache: Path) -> None:
    path = development_certificate()
    assert path == cache / "vivace" / "tls" / "localhost.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    before = path.read_bytes()
    assert development_certificate().read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["localhost.pem"]


def test_the_server_takes_it() -> None:
    tls = open_tls(TLS(ssl_self_signed=True), http2=True)
    assert tls is not None
    assert tls.certificate is not None
    assert development_certificate().read_text().startswith(tls.certificate)


@pytest.mark.parametrize("spoiled", ["cut", "empty", "readable", "old", "directory"])
def test_one_that_is_not_good_is_made_anew(spoiled: str) -> None:
    path = development_certificate()
    before = path.read_bytes()
    if spoiled == "cut":
        path.write_bytes(before[:-200])
    elif spoiled == "empty":
        path.write_bytes(b"")
    elif spoiled == "readable":
        path.chmod(0o644)
    elif spoiled == "old":
        key, certificate = sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), days=(-300, 6))
        before = certificate_pem(certificate) + key_pem(key)
        path.write_bytes(before)
    else:
        path.unlink()
        path.mkdir()
        with pytest.raises(TLSError, match="cannot be kept"):
            development_certificate()
        assert list(path.parent.iterdir()) == [path]
        return
    assert development_certificate().read_bytes() != before
    assert path.stat().st_mode & 0o777 == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)


def test_a_folder_that_cannot_be_written_to_is_one_message(cache: Path) -> None:
    (cache / "vivace").write_text("a file")
    with pytest.raises(TLSError, match="Set XDG_CACHE_HOME to a folder that can be written to, or give a certificate"):
        development_certificate()


def test_without_the_package_that_makes_it_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "vivace.server.development_certificate")
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(TLSError, match=r'pip install "vivace\[tls\]"'):
        open_tls(TLS(ssl_self_signed=True), http2=True)


def test_without_xdg_cache_home_it_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "vivace" / "tls"
