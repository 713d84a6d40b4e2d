"""The questions themselves: each asks for one order of rows, or its answer would be the server's choice of the day."""

from __future__ import annotations

from tests.parity.orm import documents, functions, inheritance, selections
from tests.parity.orm.expressions import expressions
from tests.parity.orm.groups import GROUPS
from tests.parity.orm.querysets import QUERYSETS
from tests.parity.orm.worlds import Worlds


def test_every_question_about_rows_has_one_answer(worlds: Worlds) -> None:
    asked = {*expressions(), *functions.queries(), *selections.queries(), *documents.queries("postgresql")}
    ambiguous = [
        text for text in sorted(asked | {*QUERYSETS, *GROUPS, *inheritance.QUERIES}) if worlds.is_ambiguous(text)
    ]
    assert ambiguous == [], "order these by something unique, too"
