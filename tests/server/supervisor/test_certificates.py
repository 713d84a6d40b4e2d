"""Certificates of workers: one for all, and new ones while they serve."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.server.certificates import Authority
from tests.server.supervisor.supervised import Supervised, launched, supervised
from tests.server.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


class Visit:
    """One connection: which worker answered, whether the session was resumed, and which certificate was shown."""

    def __init__(self, server: Supervised, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> None:
        with (
            socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            secure.sendall(GET)
            answer = b""
            while piece := secure.recv(65536):
                answer += piece
            self.worker = answer.rpartition(b"\r\n")[2]
            self.resumed = secure.session_reused
            self.session = secure.session
            self.certificate = secure.getpeercert(binary_form=True)


@pytest.mark.parametrize("preload", [False, True])
def test_a_session_is_resumed_by_every_worker(site: Path, authority: Authority, preload: bool) -> None:
    context = authority.client()
    with supervised(site, ssl_certfile=str(authority.issue()), preload=preload) as server:
        session = Visit(server, context).session
        workers: set[bytes] = set()

        def both() -> bool:
            visit = Visit(server, context, session)
            assert visit.resumed
            workers.add(visit.worker)
            return len(workers) == 2

        eventually(both, "both workers have answered")
        assert server.stop() == 0


def test_sighup_has_new_certificates_served_and_a_broken_one_is_not(site: Path, authority: Authority) -> None:
    context = authority.client()
    file = Path(shutil.copy(authority.issue(), site / "site.pem"))
    with supervised(site, ssl_certfile=str(file)) as server:
        first = Visit(server, context)
        shutil.copy(authority.issue(), file)
        server.signal(signal.SIGHUP)
        server.logged("Restarted: 2 workers")
        second = Visit(server, context, first.session)
        assert second.worker != first.worker
        assert second.resumed
        renewed = eventually(lambda: _other(Visit(server, context), first.certificate), "the new certificate")
        file.write_text("half of a")
        server.signal(signal.SIGHUP)
        server.logged("Restarted: 2 workers", 2)
        server.logged("The old certificates are served on, for the new ones cannot be: ")
        assert Visit(server, context).certificate == renewed
        assert server.stop() == 0


def test_workers_serve_renewed_files_without_being_replaced(site: Path, authority: Authority) -> None:
    context = authority.client()
    file = Path(shutil.copy(authority.issue(), site / "site.pem"))
    with supervised(site, ssl_certfile=str(file)) as server:
        workers = server.children()
        first = Visit(server, context)
        shutil.copy(authority.issue(), file)
        eventually(lambda: _other(Visit(server, context), first.certificate), "the new certificate")
        assert server.children() == workers
        assert server.stop() == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_sighup_is_for_a_single_process_too(site: Path, authority: Authority, loop: str) -> None:
    context = authority.client()
    file = Path(shutil.copy(authority.issue(), site / "site.pem"))
    with launched(site, ssl_certfile=str(file), workers=None, loop=loop) as server:
        server.url = server.logged(r"serves (\S+) \(")[1]
        first = Visit(server, context)
        shutil.copy(authority.issue(), file)
        server.signal(signal.SIGHUP)
        server.logged("Certificates were read anew: ")
        second = Visit(server, context, first.session)
        assert second.resumed
        assert second.worker == first.worker
        assert Visit(server, context).certificate != first.certificate
        assert server.stop() == 0


def _other(visit: Visit, certificate: bytes | None) -> bytes | None:
    return None if visit.certificate == certificate else visit.certificate
