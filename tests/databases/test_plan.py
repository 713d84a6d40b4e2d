"""Plans say what they are."""

from __future__ import annotations

from vivace.databases import Plan


def test_a_plan_knows_its_statement() -> None:
    plan = Plan("SELECT 1", reads=True, returns_rows=True)
    assert (plan.sql, plan.reads, plan.returns_rows, plan.changes_session) == ("SELECT 1", True, True, False)
    assert repr(plan) == "Plan('SELECT 1', reads=True, returns_rows=True)"
