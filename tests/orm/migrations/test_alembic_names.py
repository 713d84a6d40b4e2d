"""The canary: names that Alembic does not document and `_alembic.py` relies on. Fails when an upgrade moves one."""

from __future__ import annotations

import inspect

import sqlalchemy as sa
from alembic.autogenerate import compare, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.compare.util import _INSP_KEYS
from alembic.autogenerate.render import _repr_type
from alembic.ddl._autogen import ComparisonResult
from alembic.ddl.impl import DefaultImpl
from alembic.operations import Operations, ops
from alembic.runtime.plugins import _all_plugins
from alembic.util import PriorityDispatchResult

from vivace.orm.migrations import _alembic


def test_the_comparers_are_still_called_so() -> None:
    assert set(_alembic._COMPARERS) <= set(_all_plugins)
    assert set(_all_plugins) - set(_alembic._COMPARERS) == {"alembic.autogenerate.defaults"}
    assert compare.comparators is not None


def test_the_inspector_is_asked_what_ours_answers() -> None:
    asked = set(_INSP_KEYS)
    answered = {name.removeprefix("get_") for name in dir(_alembic._StateInspector) if name.startswith("get_")}
    assert asked - answered == {"columns", "pk_constraint", "table_comment", "table_options"}
    assert {"info_cache", "dialect"} <= set(vars(_alembic._StateInspector(sa.MetaData(), _alembic.FilesDialect())))


def test_the_hooks_for_comparing_have_the_same_arguments() -> None:
    for name in ("compare_indexes", "compare_unique_constraint", "compare_check_constraint"):
        theirs = inspect.signature(getattr(DefaultImpl, name)).parameters
        ours = inspect.signature(getattr(_alembic.FilesImpl, name)).parameters
        assert list(theirs) == list(ours)
    assert ComparisonResult.Equal().is_equal
    assert ComparisonResult.Different("x").is_different
    assert {"CONTINUE", "STOP"} <= {item.name for item in PriorityDispatchResult}


def test_the_context_lets_itself_be_given_an_inspector_and_an_order() -> None:
    assert not isinstance(inspect.getattr_static(AutogenContext, "inspector"), property)
    assert not isinstance(inspect.getattr_static(AutogenContext, "sorted_tables"), property)
    assert list(inspect.signature(_repr_type).parameters)[:2] == ["type_", "autogen_context"]


def test_operations_go_through_invoke_and_an_installed_proxy() -> None:
    assert "operations.invoke(" in inspect.getsource(ops.CreateTableOp.create_table)
    assert callable(Operations.context)
    assert callable(renderers.dispatch_for)
