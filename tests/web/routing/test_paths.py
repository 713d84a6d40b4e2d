from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.web.routing import InvalidRouteError, compile_path, replace_params
from vivace.web.routing.paths import read_params


@pytest.mark.parametrize(
    ("path", "text", "params"),
    [
        ("/", "/", {}),
        ("/users/{id:int}", "/users/7", {"id": 7}),
        ("/users/{id:int}", "/users/x", None),
        ("/users/{id:int}", "/users/7\n", None),
        ("/a.b", "/axb", None),
        ("/{a}-{b}", "/x-y", {"a": "x", "b": "y"}),
        ("/({n:int})", "/(7)", {"n": 7}),
        ("/{rest:path}", "/a/b/", {"rest": "a/b/"}),
        ("/{rest:path}", "/a\x00b", None),
        ("/{name}", "/a\x00b", None),
        ("/{n:int}", "/" + "9" * 5000, None),  # more digits than int() takes
        ("{sub}.Example.org:8000", "API.example.org", {"sub": "API"}),
        ("[::1]", "[::1]", {}),
        ("example.org", "example.org.evil", None),
    ],
)
def test_a_path_reads_the_parameters_of_a_text(path: str, text: str, params: dict[str, object] | None) -> None:
    pattern, _, convertors = compile_path(path)
    assert read_params(pattern, convertors, text) == params


def test_a_path_has_a_format_to_write_parameters_into() -> None:
    _, path_format, convertors = compile_path("/{year:int}/{slug}")
    assert path_format == "/{year}/{slug}"
    assert replace_params(path_format, convertors, {"year": 2026, "slug": "{year}", "more": 1}) == (
        "/2026/{year}",
        {"more": 1},
    )
    assert replace_params(path_format, convertors, {}) == ("/{year}/{slug}", {})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/{id}/{id}", "Duplicated param name id at path /{id}/{id}"),
        ("/{a}/{b}/{a}/{b}", "Duplicated param names a, b at path"),
    ],
)
def test_a_name_stands_in_a_path_once(path: str, message: str) -> None:
    with pytest.raises(InvalidRouteError, match=message):
        compile_path(path)


ALPHABET = st.text(alphabet="-_.ab/\0", max_size=12)


@settings(deadline=None)
@given(
    st.sampled_from(["/{a}-{b}", "/{a}-{b}-{c}", "/{a}{b}", "/{a}.{b}-{c}_x", "/{a}_{b}/{c}-{d}.", "/{a}--{b}"]),
    ALPHABET,
)
def test_texts_of_one_segment_are_told_apart_as_by_the_plain_expression(path: str, text: str) -> None:
    plain = re.compile(re.sub(r"\\{(\w)\\}", r"(?P<\1>[^/\\x00]+)", re.escape(path)) + r"\Z")
    expected = plain.match("/" + text)
    found = compile_path(path)[0].match("/" + text)
    assert (found and found.groupdict()) == (expected and expected.groupdict())


@pytest.mark.parametrize(
    "path", ["/{a}-{b}-{c}-{d}-{e}-{f}-{g}-{h}.html", "{a}.{b}.{c}.{d}.{e}.example.org", "/{a}{b}{c}{d}{e}{f}.html"]
)
def test_a_hostile_path_does_not_keep_the_router_busy(path: str) -> None:
    pattern = compile_path(path)[0]  # by the plain expression this would take longer than the universe is old
    for piece in ("-", ".", "a", "-a", ".a."):
        assert pattern.match("/" * path.startswith("/") + piece * 3000) is None
