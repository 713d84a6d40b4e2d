"""Whom the server believes."""

from __future__ import annotations

import pytest

from vivace.server.trusted_peers import REMEMBERED, TrustedPeers


@pytest.mark.parametrize(
    ("entries", "peer", "trusted"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("127.0.0.1", None, False),
        ("10.0.0.0/8, 192.168.0.0/16", "192.168.1.1", True),
        ("10.0.0.0/8, 192.168.0.0/16", "11.0.0.1", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fe80::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::/0", "192.0.2.1", False),
        ("unix", None, True),
        ("unix:", None, True),
        ("unix", "127.0.0.1", False),
        ("*", "192.0.2.1", True),
        ("*", None, True),
        ("", "127.0.0.1", False),
        ("", None, False),
        ("127.0.0.1", "unknown", False),
        (["127.0.0.1", "10.0.0.0/8"], "10.1.1.1", True),
    ],
)
def test_who_is_trusted(entries: str | list[str], peer: str | None, trusted: bool) -> None:
    peers = TrustedPeers(entries)
    assert peers.trusts(peer) is trusted
    assert peers.trusts(peer) is trusted


def test_what_is_remembered_has_a_bound() -> None:
    peers = TrustedPeers("10.0.0.0/8")
    for number in range(REMEMBERED + 10):
        assert peers.trusts(f"10.0.{number // 256}.{number % 256}")
    assert len(peers._known) <= REMEMBERED


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("proxy.internal", "names are not looked up"),
        ("10.0.0.0/33", "neither an address"),
        ("10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("10.0.0.1/255.0.0.0", "an address within a network"),
        ("2001:db8::1/32", "the network is 2001:db8::/32"),
        ("10.0.0.1:80", "neither an address"),
        ("Unix", "neither an address"),
    ],
)
def test_a_wrong_entry_is_explained(entry: str, advice: str) -> None:
    with pytest.raises(ValueError, match="is") as caught:
        TrustedPeers(f"127.0.0.1,{entry}")
    assert f'"{entry}"' in str(caught.value)
    assert advice in str(caught.value)
