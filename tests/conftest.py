"""What all tests share: anyio tests run on asyncio unless their folder says otherwise."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
