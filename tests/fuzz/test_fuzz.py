"""Each fuzzer for a moment, always with the same inputs; and that they would find something."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from random import Random

import pytest
from tests.fuzz import TARGETS
from tests.fuzz.driver import Found, Pieces, cuts, fuzz
from tests.fuzz.http1 import Http1


@pytest.mark.parametrize("name", TARGETS)
def test_odd_inputs_do_no_harm(name: str) -> None:
    report = fuzz(TARGETS[name], rounds=800)
    assert report.outcomes > 20


class Broken(Http1):
    """A protocol that fails when a request has a cookie and a body."""

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        data = b"".join(pieces)
        assert not (b"Cookie: a=b" in data and b"hello" in data)
        return super().check(pieces, random)


def test_a_fault_is_found_and_its_input_made_small(tmp_path: Path) -> None:
    keep = tmp_path / "last"
    with pytest.raises(Found) as caught:
        fuzz(Broken(), rounds=2000, keep=keep)
    assert sorted(caught.value.pieces, key=len) == [b"hello", b"Cookie: a=b\r\n"]
    assert keep.read_bytes().startswith(b"(b'")


def test_cuts_lose_nothing() -> None:
    random = Random(0)
    for size in (0, 1, 10, 1000):
        data = random.randbytes(size)
        assert b"".join(cuts(data, random)) == data
