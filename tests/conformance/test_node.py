"""Node's own clients: node:http, node:https, node:http2, and WebSocket over both."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.conformance.conftest import Live

CLIENT = Path(__file__).parent / "node_client.mjs"
BOTH = {
    "hello": "Hello, world!\n",
    "uploaded": 1_000_000,
    "downloaded": 3_000_000,
    "together": 100,
    "trailers": "4711",
    "informed": [103],
    "refused": 403,
}


def test_node_finds_everything_in_order(either: Live) -> None:
    ca = [] if either.ca_file is None else [str(either.ca_file)]
    done = subprocess.run(("node", CLIENT, either.url, *ca), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "http1": BOTH | {"reused": True, "requestTrailers": [["x-sum", "1"]], "continued": 200, "websocket": "1.1"},
        "http2": BOTH | {"websocket": "2", "afterCancelling": 200},
    }
    either.settles()
