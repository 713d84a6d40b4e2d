"""The same programs in Vivace and in Django, over the same rows: what they give and leave behind is equal."""

from __future__ import annotations

import pytest
from tests.parity.orm import inheritance
from tests.parity.orm.differences import WRITTEN_DIFFERENTLY
from tests.parity.orm.programs import PROGRAMS
from tests.parity.orm.worlds import Worlds


@pytest.mark.parametrize("program", [*PROGRAMS, *inheritance.PROGRAMS])
def test_what_is_written_is_djangos(program: str, worlds: Worlds) -> None:
    expected, found = worlds.written_by_django(program), worlds.written_by_vivace(program)
    if worlds.kind in WRITTEN_DIFFERENTLY.get(program, ()):
        assert found != expected, "no longer different: remove it from there"
        return
    assert found == expected
