from __future__ import annotations

import pytest

from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.responses import PlainTextResponse
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("host", "status_code"),
    [
        ("example.com", 200),
        ("EXAMPLE.com:8000", 200),
        ("a.sub.example.org", 200),
        ("sub.example.org", 400),
        ("evil.com", 400),
        ("example.com.evil.com", 400),
        ("evilsub.example.org", 400),
        ("example.com:evil", 400),
        ("example.com/@evil.com", 400),
        ("[::1]", 200),
    ],
)
async def test_only_our_hosts_are_answered(host: str, status_code: int) -> None:
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["example.com", "*.sub.example.org", "[::1]"])
    client = AsyncTestClient(app)
    assert (await client.get("/", headers={"host": host})).status_code == status_code


async def test_a_host_known_by_www_is_sent_there() -> None:
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["www.example.com"])
    client = AsyncTestClient(app, base_url="https://example.com", follow_redirects=False)
    assert (await client.get("/a?b=c")).headers["location"] == "https://www.example.com/a?b=c"
    app = TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=["www.example.com"], www_redirect=False)
    assert (await AsyncTestClient(app, base_url="https://example.com").get("/")).status_code == 400


async def test_without_hosts_any_is_ours() -> None:
    client = AsyncTestClient(TrustedHostMiddleware(PlainTextResponse("ok")))
    assert (await client.get("/", headers={"host": "any"})).status_code == 200


@pytest.mark.parametrize("pattern", ["*example.com", "a.*.com", "example.*"])
async def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"must be like '\*\.example\.com'"):
        TrustedHostMiddleware(PlainTextResponse("ok"), allowed_hosts=[pattern])
