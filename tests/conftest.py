"""What all tests share: anyio tests run on asyncio unless their folder says otherwise."""

import logging
import os
import signal

import pytest
from hypothesis import HealthCheck, settings
from tests.services import take_own_share

LAST_RESORT = logging.lastResort

# Machines that run the tests are busy: how long an example takes says nothing.
settings.register_profile("vivace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vivace")

# Shells start what runs in the background with Ctrl+C ignored, and whatever the tests start would ignore it as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure() -> None:
    """One of several processes (pytest-xdist) takes databases of its own."""
    if process := os.environ.get("PYTEST_XDIST_WORKER"):
        take_own_share(process)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def unconfigured_logging() -> None:
    """What runs in this process sets up logging as for a process of its own, and leaves it so."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.lastResort = LAST_RESORT
    for name in ("vivace", "vivace.server", "vivace.access"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
        logger.handlers = []
        logger.disabled = False


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis server, which other tests use too: keys should be of the test's own."""
    url = os.environ.get("VIVACE_TEST_REDIS")
    if url is None:
        pytest.fail("VIVACE_TEST_REDIS is not set; run: scripts/with-services .venv/bin/pytest ...", pytrace=False)
    return url
