"""New servers take over from old ones under load, and no client notices."""

from __future__ import annotations

import os
import signal
import time

from tests.reliability.conftest import LONG, Serve
from tests.reliability.load import load
from tests.server.waiting import eventually, is_running

UPGRADES = 20 if LONG else 2


def test_binary_upgrades_lose_no_request(serve: Serve) -> None:
    with serve() as (server, targets):
        supervisors = [server.process.pid]
        with load(targets) as tally:
            for number in range(1, UPGRADES + 1):
                time.sleep(0.5)
                os.kill(supervisors[-1], signal.SIGUSR2)
                supervisors.append(int(server.logged(r"Process (\d+) serves now", number)[1]))
                # It may be asked for the next one when it knows that it was the successor.
                server.logged(r"serves https\S+ and http.* with", 1 + number)
            time.sleep(1)
        print(f"{UPGRADES} upgrades: {tally}")
        assert tally.failed() == ""
        assert tally.restarted > 0
        *old, last = supervisors
        assert server.end() == 0
        eventually(lambda: not any(is_running(pid) for pid in old), "the old servers end")
        assert is_running(last)
        os.kill(last, signal.SIGTERM)
        eventually(lambda: not is_running(last), "the last one ends")
        assert "Traceback" not in server.log
