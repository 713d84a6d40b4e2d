"""`vivace run` on the applications of an example, and clients of each protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.cli.conftest import Serving

BRIDGES = Path(__file__).parents[2] / "examples" / "bridges"
VERSIONS = ("HTTP/1.1", "HTTP/2")


@contextmanager
def served(
    log: Path,
    *arguments: str,
    environ: Mapping[str, str] = os.environ,
    python: str | Path = sys.executable,
    folder: Path = BRIDGES,
) -> Iterator[Serving]:
    """A server for as long as the block runs, in an example's folder; what it writes goes to the file `log`."""
    with log.open("w") as file:
        process = subprocess.Popen(
            [python, "-m", "vivace", "run", *arguments, "--port", "0"],
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Serving(process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def client_of(url: str, version: str = "HTTP/1.1") -> httpx.Client:
    """A client that speaks that version only, with patience."""
    is_http2 = version == "HTTP/2"
    return httpx.Client(base_url=url, http1=not is_http2, http2=is_http2, timeout=30)
