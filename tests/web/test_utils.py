from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web._utils import create_collapsing_task_group, is_async_callable, parse_host_header


async def coroutine() -> None: ...


class Callable:
    async def __call__(self) -> None: ...
    def method(self) -> None: ...


@pytest.mark.parametrize(
    ("thing", "is_async"),
    [
        (coroutine, True),
        (functools.partial(functools.partial(coroutine)), True),
        (Callable(), True),
        (Callable().__call__, True),
        (Callable().method, False),
        (functools.partial(print), False),
        (1, False),
    ],
)
def test_it_is_known_what_gives_a_coroutine(thing: Any, is_async: bool) -> None:
    assert is_async_callable(thing) is is_async


@pytest.mark.parametrize(
    ("header", "host", "port", "is_valid"),
    [
        ("example.org", "example.org", None, True),
        ("example.org:80", "example.org", "80", True),
        ("[::1]:8000", "[::1]", "8000", True),
        ("[v1.x]", "[v1.x]", None, True),
        ("a:00080", "a", "00080", True),
        ("a:99999", "a", "99999", False),
        ("a:" + "9" * 5000, "a", "9" * 5000, False),
        ("a:0", "a", "0", True),
    ],
)
def test_a_host_header_is_split(header: str, host: str, port: str | None, is_valid: bool) -> None:
    parsed = parse_host_header(header)
    assert parsed is not None
    assert (parsed.host, parsed.port, parsed.authority, parsed.is_valid_port) == (host, port, header, is_valid)


@pytest.mark.parametrize("header", [None, "", "a b", "a/b", "a@b", "a:b", "[::1", "[::g]", "[1:2]", "a\n", "ä", ":80"])
def test_what_is_no_host_is_none(header: str | None) -> None:
    assert parse_host_header(header) is None


@given(st.text())
def test_any_text_is_a_host_or_none(header: str) -> None:
    parsed = parse_host_header(header)
    assert parsed is None or parsed.authority == header


@pytest.mark.anyio
async def test_a_lone_exception_leaves_its_group() -> None:
    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(ValueError, match="one") as caught:
        async with create_collapsing_task_group() as group:
            group.start_soon(fail, ValueError("one"))
    assert caught.value.__cause__ is None
    with pytest.raises(ExceptionGroup):
        async with create_collapsing_task_group() as group:
            group.start_soon(fail, ValueError("one"))
            group.start_soon(fail, ValueError("two"))
