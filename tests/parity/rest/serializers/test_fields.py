"""Each field takes, refuses and shows what DRF's does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.parity.orm import theirs
from tests.parity.rest.serializers import both
from tests.parity.rest.serializers.field_cases import CASES

# (field, value): why ours differs.
TAKEN_DIFFERENTLY: dict[tuple[str, str], str] = {
    ("URLField()", "'ftp://a.b'"): "a top-level domain may have one letter",
    ("DurationField()", "''"): "no text is no duration, not one of zero seconds",
    ("MultipleChoiceField(choices=['a', 'b', 3])", "{}"): "an object is no list of its names",
    ("FilePathField(path=HERE, match='both')", "''"): "no path is taken only with allow_blank, as everywhere",
}
SHOWN_DIFFERENTLY = {
    ("ChoiceField(choices=Level)", "1"): "a member of an enumeration is shown as its value, which all renderers know",
    ("ChoiceField(choices=Level)", "Level.LOW"): "the same",
}


@pytest.fixture(scope="module")
def names() -> tuple[dict[str, Any], dict[str, Any]]:
    """The names of Vivace and of DRF."""
    theirs.set_up("sqlite", {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"})
    return both.names_of_vivace(), both.names_of_drf()


def values(text: str) -> list[str]:
    """The expressions of a tuple's items."""
    import ast

    tree: Any = ast.parse(f"({text},)", mode="eval")
    return [ast.unparse(item) for item in tree.body.elts]


@pytest.mark.parametrize(("field", "given", "_"), CASES, ids=[case[0] for case in CASES])
def test_a_field_takes_what_drfs_takes(
    names: tuple[dict[str, Any], dict[str, Any]], field: str, given: str, _: str
) -> None:
    ours, drf = names
    with asyncio.Runner() as runner:
        for value in values(given):
            program = f"await ran({field}, {value})"
            is_same = runner.run(both.run_vivace(program, ours)) == both.run_drf(program, drf)
            assert is_same is ((field, value) not in TAKEN_DIFFERENTLY), program


@pytest.mark.parametrize(("field", "_", "held"), CASES, ids=[case[0] for case in CASES])
def test_a_field_shows_what_drfs_shows(
    names: tuple[dict[str, Any], dict[str, Any]], field: str, _: str, held: str
) -> None:
    ours, drf = names
    ours, drf = ours | {"comparable": both.comparable}, drf | {"comparable": both.comparable}
    with asyncio.Runner() as runner:
        for value in values(held):
            program = f"comparable({field}.to_representation({value}))"
            is_same = runner.run(both.run_vivace(program, ours)) == both.run_drf(program, drf)
            assert is_same is ((field, value) not in SHOWN_DIFFERENTLY), program
