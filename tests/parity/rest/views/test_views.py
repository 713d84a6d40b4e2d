"""The same views, the same requests: the same status, JSON and headers as Django REST framework gives."""

from __future__ import annotations

import pytest
from tests.parity.rest.views import asks
from tests.parity.rest.views.both import Ask, OurSite, TheirSite
from tests.parity.rest.views.sites import SETTINGS, SITE

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def sites() -> tuple[OurSite, TheirSite]:
    """The site, in both worlds."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    django.setup()
    return OurSite(SITE, SETTINGS), TheirSite(SITE, SETTINGS)


@pytest.mark.parametrize("ask", asks.ALL, ids=str)
async def test_both_answer_the_same(sites: tuple[OurSite, TheirSite], ask: Ask) -> None:
    ours, theirs = sites
    assert await ours.answer(ask) == theirs.answer(ask)
