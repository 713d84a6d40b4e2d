"""Workers are replaced under load, and no client notices."""

from __future__ import annotations

import re
import signal
import time

import pytest
from tests.reliability.conftest import LONG, Serve
from tests.reliability.load import load
from tests.server.waiting import eventually

RESTARTS = 100 if LONG else 4
RECYCLED = 60 if LONG else 4


@pytest.mark.parametrize(("loop", "restarts"), [("uvloop", RESTARTS), ("asyncio", RESTARTS // 4)])
def test_rolling_restarts_lose_no_request(serve: Serve, loop: str, restarts: int) -> None:
    with serve(loop=loop) as (server, targets):
        with load(targets) as tally:
            for number in range(1, restarts + 1):
                time.sleep(0.5)
                server.signal(signal.SIGHUP)
                server.logged(r"Restarted: 2 workers", number)
            time.sleep(1)
        print(f"{restarts} rolling restarts on {loop}: {tally}")
        assert tally.failed() == ""
        assert tally.restarted > 0
        assert all(tally.answered.values())
        assert server.stop() == 0
        assert "Traceback" not in server.log
        assert "killed" not in server.log


def test_recycling_loses_no_request(serve: Serve) -> None:
    with serve(max_requests=300, max_requests_jitter=100) as (server, targets):
        with load(targets) as tally:
            for number in range(1, RECYCLED + 1):
                server.logged(r"is replaced", number)
            eventually(lambda: len(re.findall("has stopped", server.log)) >= RECYCLED // 2, "workers stop")
        print(f"{RECYCLED} workers recycled: {tally}")
        assert tally.failed() == ""
        assert server.stop() == 0
        assert "Traceback" not in server.log
