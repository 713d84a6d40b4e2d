"""Servers with workers under load. VIVACE_RELIABILITY=long repeats often enough to believe the result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import trustme
from tests.reliability.connection import Target
from tests.server.supervisor.supervised import Supervised, launched

ROOT = Path(__file__).parent.parent.parent
LONG = os.environ.get("VIVACE_RELIABILITY") == "long"

Serve = Callable[..., AbstractContextManager[tuple[Supervised, list[Target]]]]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The root's certificate, and a file with the server's key and certificate."""
    folder, ca = tmp_path_factory.mktemp("tls"), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture
def serve(tmp_path: Path, certificates: tuple[Path, Path]) -> Serve:
    """`with serve(**options) as (server, targets):` runs two workers, which are asked with and without TLS."""

    @contextmanager
    def start(**options: object) -> Iterator[tuple[Supervised, list[Target]]]:
        ca_file, certificate = certificates
        given: dict[str, object] = {
            "insecure_bind": ("localhost:0",),
            "ssl_certfile": str(certificate),
            "app_dir": str(ROOT),
            "lifespan": "off",
        }
        with launched(tmp_path, "tests.reliability.site:app", **given | options) as server:
            server.logged(r"serves https\S+ and http.* with")
            secure, clear = (int(server.logged(rf"{scheme}://127\.0\.0\.1:(\d+)")[1]) for scheme in ("https", "http"))
            server.url = f"http://127.0.0.1:{clear}"
            yield server, [Target(secure, ca_file), Target(clear)]

    return start
