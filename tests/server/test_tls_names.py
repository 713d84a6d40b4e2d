"""Several certificates: which client gets which, and how new ones come to be served while connections go on."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from tests.server.certificates import Authority, certificate_pem, key_pem, sign
from trustme import KeyType

from vivace.server import TLS, housekeeping
from vivace.server.tls import ServerTLS, open_tls
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])


def opened(*files: Path, **options: Any) -> ServerTLS:
    tls = open_tls(TLS(ssl_certfile=files, **options), http2=True)
    assert isinstance(tls, ServerTLS)
    return tls


def handshake(tls: ServerTLS, client: ssl.SSLContext, name: str | None) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Client and server after a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = tls.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs, ours):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return ours, theirs


def served(tls: ServerTLS, client: ssl.SSLContext, name: str | None) -> dict[str, Any]:
    """The names of the certificate that a client gets, and what the application is told."""
    ours, theirs = handshake(tls, client, name)
    found = ours.getpeercert()
    assert found is not None
    names = [value for kind, value in found["subjectAltName"] if kind == "DNS"]  # type: ignore[str-unpack]
    return {"names": names, "told": theirs.context.certificate, "alpn": ours.selected_alpn_protocol()}  # type: ignore[attr-defined]


@pytest.fixture
def client(authority: Authority) -> ssl.SSLContext:
    context = authority.client(alpn=["h2"])
    context.check_hostname = False
    return context


@pytest.mark.parametrize(
    ("asked", "first_name"),
    [
        ("a.example", "a.example"),
        ("A.Example", "a.example"),
        ("b.example", "b.example"),
        ("www.b.example", "b.example"),
        ("c.example", "a.example"),
        ("x.c.example", "*.c.example"),
        ("exact.c.example", "exact.c.example"),
        ("y.x.c.example", "a.example"),
        ("unknown.example", "a.example"),
        ("localhost", "a.example"),
        (None, "a.example"),
    ],
)
def test_each_name_has_its_certificate_and_the_others_the_first(
    authority: Authority, client: ssl.SSLContext, asked: str | None, first_name: str
) -> None:
    tls = opened(
        authority.issue("a.example"),
        authority.issue("b.example", "www.b.example"),
        authority.issue("*.c.example"),
        authority.issue("exact.c.example"),
    )
    found = served(tls, client, asked)
    assert found["names"][0] == first_name
    assert found["alpn"] == "h2"
    assert found["told"].startswith("-----BEGIN CERTIFICATE-----")


def test_what_nobody_will_get_is_told(authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key, nameless = sign(NAME)
    (tmp_path / "nameless.pem").write_bytes(key_pem(key) + certificate_pem(nameless))
    first, second = authority.issue("a.example", "b.example"), authority.issue("b.example", "c.example")
    with caplog.at_level(logging.WARNING, "vivace.server"):
        opened(first, second, tmp_path / "nameless.pem")
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f'Two certificates are for "b.example": that in {first} is used, and that in {second} is not.',
        f"The certificate in {tmp_path / 'nameless.pem'} has no names (subjectAltName): no client will ask for it.",
    ]


def test_one_name_may_have_certificates_of_different_keys(authority: Authority, client: ssl.SSLContext) -> None:
    files = []
    for kind in (KeyType.RSA, KeyType.ECDSA):
        path = authority.folder / f"{kind.name}.pem"
        authority.ca.issue_cert("a.example", key_type=kind).private_key_and_cert_chain_pem.write_to_path(path)
        files.append(path)
    tls = opened(*files)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    keys = set()
    for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        client.set_ciphers(cipher)
        ours, _ = handshake(tls, client, "a.example")
        der = ours.getpeercert(binary_form=True)
        assert der is not None
        keys.add(isinstance(x509.load_der_x509_certificate(der).public_key(), rsa.RSAPublicKey))
    assert keys == {True, False}


def test_new_certificates_are_read_and_broken_ones_are_not_served(
    authority: Authority, client: ssl.SSLContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = Path(shutil.copy(authority.issue("a.example"), tmp_path / "site.pem"))
    tls = opened(file)
    context = tls.context
    assert served(tls, client, "b.example")["names"] == ["a.example"]
    shutil.copy(authority.issue("b.example"), file)
    assert served(tls, client, "b.example")["names"] == ["a.example"]
    assert tls.reload()
    assert served(tls, client, "b.example")["names"] == ["b.example"]
    whole = file.read_text()
    for broken in ("", whole[: len(whole) // 3], whole.replace("M", "N"), None):
        if broken is None:
            file.unlink()
        else:
            file.write_text(broken)
        caplog.clear()
        assert not tls.reload()
        assert "The old certificates are served on, for the new ones cannot be: " in caplog.text
        assert served(tls, client, "b.example")["names"] == ["b.example"]
    assert tls.context is context


def test_a_change_is_seen_once_the_files_are_at_rest(authority: Authority, tmp_path: Path) -> None:
    live = tmp_path / "live.pem"
    live.symlink_to(authority.issue("a.example"))
    tls = opened(live)
    assert [tls.changed(), tls.changed()] == [False, False]
    # As certbot does: the link leads to another file.
    os.replace(_link(tmp_path, authority.issue("b.example")), live)
    assert tls.changed() is False
    os.replace(_link(tmp_path, authority.issue("c.example")), live)
    assert [tls.changed(), tls.changed(), tls.changed()] == [False, True, False]
    live.unlink()
    assert [tls.changed(), tls.changed(), tls.changed()] == [False, True, False]


def _link(folder: Path, target: Path) -> Path:
    link = folder / "next"
    link.symlink_to(target)
    return link


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": scope["extensions"]["tls"]["server_cert"].encode()})


@pytest.mark.anyio
async def test_renewed_files_are_served_by_themselves_while_connections_go_on(
    live: Live, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "INTERVAL", 0.05)
    file = Path(shutil.copy(authority.issue(), tmp_path / "site.pem"))
    old = file.read_text()
    async with live(application, ssl_certfile=file, lifespan="off") as site:
        kept = await site.connect(GET, tls=authority.client())
        assert (await kept.answer()).body.decode() in old
        shutil.copy(authority.issue(), file)
        new = file.read_text()
        async with asyncio.timeout(10):
            while (await (await site.connect(GET, tls=authority.client())).answer()).body.decode() not in new:
                await asyncio.sleep(0.05)
        await kept.send(GET)
        assert (await kept.answer()).body.decode() in old


@pytest.mark.anyio
async def test_sessions_outlive_a_new_certificate(
    live: Live, authority: Authority, tmp_path: Path, echo: ASGIApp
) -> None:
    file = Path(shutil.copy(authority.issue(), tmp_path / "site.pem"))
    async with live(echo, ssl_certfile=file) as site:

        def ask(context: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
            with (
                socket.create_connection(("127.0.0.1", site.server.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
            ):
                secure.sendall(GET)
                assert secure.recv(65536)
                return bool(secure.session_reused), secure.session

        context = authority.client()
        reused, session = await asyncio.to_thread(ask, context, None)
        assert not reused
        shutil.copy(authority.issue(), file)
        assert site.server.reload_certificates()
        reused, _ = await asyncio.to_thread(ask, context, session)
        assert reused
