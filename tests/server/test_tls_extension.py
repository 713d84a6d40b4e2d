"""What an application hears of a connection's TLS (https://asgi.readthedocs.io/en/latest/specs/tls.html)."""

from __future__ import annotations

import contextlib
import functools
import ssl
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.server.certificates import Authority, certificate_pem, key_pem, sign
from tests.server.conftest import Site, reply

from vivace.server.tls_extension import cipher_suites, client_name, write_name
from vivace.server.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Listener:
    """An application that keeps what it heard."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("no lifespan here")
        self.scopes.append(scope)
        await reply(send, b"heard")

    @property
    def tls(self) -> dict[str, Any]:
        extension: dict[str, Any] = self.scopes[-1]["extensions"]["tls"]
        return extension


async def test_without_tls_there_is_no_extension(live: Live) -> None:
    app = Listener()
    async with live(app) as site:
        await site.ask(GET)
        assert app.scopes[0]["scheme"] == "http"
        assert "tls" not in app.scopes[0]["extensions"]


@pytest.mark.parametrize(
    ("version", "number", "suite", "suite_number"),
    [
        (ssl.TLSVersion.TLSv1_2, 0x0303, "ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02B),
        (ssl.TLSVersion.TLSv1_3, 0x0304, "TLS_AES_256_GCM_SHA384", 0x1302),
    ],
)
async def test_version_and_cipher_are_the_numbers_of_the_handshake(
    live: Live, authority: Authority, version: ssl.TLSVersion, number: int, suite: str, suite_number: int
) -> None:
    app = Listener()
    certificate = authority.issue()
    async with live(app, ssl_certfile=certificate, ssl_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256") as site:
        context = authority.client()
        context.maximum_version = version
        client = await site.connect(GET * 2, tls=context)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert client.writer.get_extra_info("cipher")[0] == suite
        server_cert = app.tls.pop("server_cert")
        assert app.tls == {
            "client_cert_chain": [],
            "client_cert_name": None,
            "client_cert_error": None,
            "tls_version": number,
            "cipher_suite": suite_number,
        }
        assert app.scopes[0]["scheme"] == "https"
        first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        assert x509.load_pem_x509_certificate(server_cert.encode()) == first
        assert ssl.PEM_cert_to_DER_cert(server_cert) == client.writer.get_extra_info("ssl_object").getpeercert(True)


@pytest.mark.parametrize("asked", ["optional", "required"])
async def test_the_clients_certificate_is_named_and_shown(live: Live, authority: Authority, asked: str) -> None:
    app = Listener()
    path = authority.issue("me@example.org", common_name="Smith, J")
    issued = x509.load_pem_x509_certificates(path.read_bytes())
    options = {"ssl_ca_certs": authority.ca_file, "ssl_cert_reqs": asked}
    async with live(app, ssl_certfile=authority.issue(), **options) as site:
        client = await site.connect(GET, tls=authority.client(path))
        assert (await client.answer()).status == 200
        assert app.tls["client_cert_name"] == issued[0].subject.rfc4514_string()
        assert app.tls["client_cert_name"].startswith("CN=Smith\\, J,")
        assert app.tls["client_cert_error"] is None
        chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in app.tls["client_cert_chain"]]
        assert chain[0] == issued[0]
        if sys.version_info >= (3, 13):
            assert [item.public_bytes(Encoding.PEM) for item in chain[1:]] == [authority.ca_file.read_bytes()]
        else:
            assert len(chain) == 1


async def test_an_optional_certificate_may_be_missing(live: Live, authority: Authority) -> None:
    app = Listener()
    options = {"ssl_ca_certs": authority.ca_file, "ssl_cert_reqs": "optional"}
    async with live(app, ssl_certfile=authority.issue(), **options) as site:
        client = await site.connect(GET, tls=authority.client())
        assert (await client.answer()).status == 200
        assert app.tls["client_cert_name"] is None
        assert app.tls["client_cert_chain"] == []


async def test_a_resumed_session_knows_the_client_too(live: Live, authority: Authority) -> None:
    app = Listener()
    options = {"ssl_ca_certs": authority.ca_file, "ssl_cert_reqs": "required", "ssl_certfile": authority.issue()}
    context = authority.client(authority.issue("me@example.org", common_name="me"))
    session: ssl.SSLSession | None = None
    async with live(app, **options) as site:
        for _ in range(2):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
            client = await site.connect()
            steps: list[Callable[[], object]] = [tls.do_handshake, functools.partial(tls.write, GET)]
            answer = b""
            while b"heard" not in answer:
                try:
                    if steps:
                        steps[0]()
                        del steps[0]
                    else:
                        answer += tls.read()
                except ssl.SSLWantReadError:
                    await client.send(outgoing.read())
                    incoming.write(await client.reader.read(65536))
            assert tls.session_reused is (session is not None)
            assert app.tls["client_cert_name"].startswith("CN=me,")
            assert len(app.tls["client_cert_chain"]) >= 1
            session = tls.session


async def test_a_context_of_ones_own_does_not_tell_our_certificate(live: Live, authority: Authority) -> None:
    app = Listener()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue())
    async with live(app, ssl_context=context) as site:
        client = await site.connect(GET, tls=authority.client())
        assert (await client.answer()).status == 200
        assert app.tls["server_cert"] is None
        assert app.tls["tls_version"] == 0x0304


def shown(certificate: bytes, key: bytes, folder: Path) -> str | None:
    """What `client_name` says of a client with this certificate (DER), which the server trusts by itself."""
    (folder / "client.pem").write_text(key.decode() + ssl.DER_cert_to_PEM_cert(certificate))
    own_key, own_certificate = sign(x509.Name([]))
    (folder / "server.pem").write_bytes(key_pem(own_key) + certificate_pem(own_certificate))
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(folder / "server.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=certificate)
    client.load_cert_chain(folder / "client.pem")
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server)
    for side in (theirs, ours, theirs):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    ours.do_handshake()
    return client_name(ours)


def named(*attributes: x509.NameAttribute[str]) -> tuple[bytes, bytes]:
    """A certificate (DER) for that name, and its key (PEM)."""
    key, certificate = sign(x509.Name(attributes))
    return certificate.public_bytes(Encoding.DER), key_pem(key)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("api.example", "CN=api.example"),
        ("Bücher", "CN=Bücher"),
        ('James "Jim" Smith, III', 'CN=James \\"Jim\\" Smith\\, III'),
        ("#1", "CN=\\#1"),
        (" a ", "CN=\\ a\\ "),
        (" ", "CN=\\ "),
        ("a\0b", "CN=a\\00b"),
        ("a=b<c>;d+e\\f", "CN=a=b\\<c\\>\\;d\\+e\\\\f"),
    ],
)
def test_text_in_a_name_is_escaped_as_rfc_4514_says(text: str, written: str, tmp_path: Path) -> None:
    attribute = x509.NameAttribute(NameOID.COMMON_NAME, text)
    assert shown(*named(attribute), tmp_path) == written == x509.Name([attribute]).rfc4514_string()


def test_every_type_that_rfc_4514_names_has_that_name(tmp_path: Path) -> None:
    kinds = {
        NameOID.COMMON_NAME: "CN",
        NameOID.LOCALITY_NAME: "L",
        NameOID.STATE_OR_PROVINCE_NAME: "ST",
        NameOID.ORGANIZATION_NAME: "O",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
        NameOID.STREET_ADDRESS: "STREET",
        NameOID.DOMAIN_COMPONENT: "DC",
        NameOID.USER_ID: "UID",
        NameOID.COUNTRY_NAME: "C",
    }
    name = [x509.NameAttribute(kind, "xy") for kind in kinds]
    assert shown(*named(*name), tmp_path) == ",".join(f"{short}=xy" for short in reversed(kinds.values()))


def test_other_types_have_openssls_name_or_their_number(tmp_path: Path) -> None:
    email = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "me@example.org")
    assert shown(*named(email, x509.NameAttribute(x509.ObjectIdentifier("2.999.1"), "x")), tmp_path) == (
        "2.999.1=x,emailAddress=me@example.org"
    )


def test_the_last_part_of_a_name_comes_first_and_several_attributes_of_a_part_are_joined() -> None:
    name = ((("countryName", "DE"),), (("organizationalUnitName", "Sales"), ("commonName", "J")))
    assert write_name(name) == "OU=Sales+CN=J,C=DE"
    assert write_name(()) == ""


def test_a_certificate_that_python_cannot_read_has_no_name(tmp_path: Path) -> None:
    key, certificate = sign(x509.Name([]), address="abc")
    spoiled = certificate.public_bytes(Encoding.DER).replace(b"\x81\x03abc", b"\x81\x03\xff\xfe\xfd")
    assert shown(spoiled, key_pem(key), tmp_path) is None


def test_every_cipher_that_can_be_chosen_has_its_number() -> None:
    suites = cipher_suites()
    assert suites["TLS_CHACHA20_POLY1305_SHA256"] == 0x1303
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert {cipher["name"] for cipher in context.get_ciphers()} <= set(suites)
