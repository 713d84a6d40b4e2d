"""The same questions to Vivace and to Django, over the same rows: the answers are equal."""

from __future__ import annotations

import pytest
from tests.parity.orm import documents, functions, inheritance, selections
from tests.parity.orm.differences import DIFFERENT
from tests.parity.orm.expressions import expressions
from tests.parity.orm.worlds import Worlds


@pytest.mark.parametrize(
    "expression",
    [
        *expressions(),
        *functions.queries(),
        *selections.queries(),
        *documents.queries("postgresql"),
        *inheritance.QUERIES,
    ],
)
def test_the_answer_is_djangos(expression: str, worlds: Worlds) -> None:
    expected, found = worlds.expected(expression), worlds.found(expression)
    if worlds.kind in DIFFERENT.get(expression, ()):
        assert found != expected, "no longer different: remove it from DIFFERENT"
        return
    assert found == expected
