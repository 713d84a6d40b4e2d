from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.content_coding import coding_weights, preferred_codings, weight_of_gzip


def test_weights_are_read_from_all_headers() -> None:
    assert coding_weights(["GZIP;q=0.5, br", "*; q=x"]) == {"gzip": 0.5, "br": 1.0, "*": 0.0}
    assert weight_of_gzip({"x-gzip": 0.5, "*": 1.0}) == 0.5
    assert weight_of_gzip({}) == 0.0


@pytest.mark.parametrize(
    ("header", "preferred"),
    [
        ("gzip, deflate, br, zstd", ["br", "zstd", "gzip"]),
        ("gzip;q=1, br;q=0.9", ["gzip", "br"]),
        ("*", ["br", "zstd", "gzip"]),
        ("*;q=0.5, zstd", ["zstd", "br", "gzip"]),
        ("identity;q=0.5, gzip;q=0.4, br", ["br"]),
        ("br;q=nan, gzip;q=0", []),
        ("", []),
    ],
)
def test_the_client_s_preference_goes_before_ours(header: str, preferred: list[str]) -> None:
    assert preferred_codings(header, ("br", "zstd", "gzip")) == preferred


@given(st.text(max_size=40))
def test_no_header_breaks_it(header: str) -> None:
    assert set(preferred_codings(header, ("br", "gzip"))) <= {"br", "gzip"}
