"""What querysets answer in Vivace and in Django, over the same rows."""

from __future__ import annotations

import pytest
from tests.parity.orm.differences import DIFFERENT
from tests.parity.orm.groups import COUNTS, GROUPS
from tests.parity.orm.querysets import QUERYSETS
from tests.parity.orm.worlds import Worlds


@pytest.mark.parametrize("expression", [*QUERYSETS, *GROUPS, *COUNTS])
def test_the_answer_is_djangos(expression: str, worlds: Worlds) -> None:
    expected, found = worlds.expected(expression), worlds.found(expression)
    if worlds.kind in DIFFERENT.get(expression, ()):
        assert found != expected, "no longer different: remove it from DIFFERENT"
        return
    assert found == expected
