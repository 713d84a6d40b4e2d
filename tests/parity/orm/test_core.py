"""`to_core()` over every queryset that the parity suite asks: the rows are those of the queryset."""

from __future__ import annotations

from tests.parity.orm import documents, functions, inheritance, selections
from tests.parity.orm.expressions import expressions
from tests.parity.orm.groups import GROUPS
from tests.parity.orm.querysets import QUERYSETS
from tests.parity.orm.worlds import Worlds


def test_the_statement_of_a_queryset_has_its_rows(worlds: Worlds) -> None:
    asked = [*expressions(), *functions.queries(), *selections.queries(), *documents.queries("postgresql")]
    compared = 0
    for expression in [*asked, *QUERYSETS, *GROUPS, *inheritance.QUERIES]:
        answers = worlds.rows_and_core_rows(expression)
        if answers is not None:
            rows, core_rows = answers
            assert core_rows == rows, expression
            compared += 1
    assert compared > 900
