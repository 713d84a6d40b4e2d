r"""encode/databases' own tests pass on `vivace.databases` under the alias, but for those listed here with the reason.

`download` brings them; scripts/conformance runs it, with servers. By hand, from the folder .suite:

    TEST_DATABASE_URLS=sqlite:///test.db,sqlite+aiosqlite:///test.db \
    python -m vivace.utils.import_alias databases=vivace.databases -m pytest -p no:cacheprovider \
        --rootdir=. --confcutdir=. --config-file=/dev/null tests/test_databases.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

SUITE = Path(__file__).parent / ".suite"
PATIENCE = 600

# Each dialect by all the names it had there.
SCHEMES = {
    "sqlite": ["sqlite", "sqlite+aiosqlite"],
    "postgresql": ["postgresql", "postgresql+aiopg", "postgresql+asyncpg"],
    "mysql": ["mysql", "mysql+aiomysql", "mysql+asyncmy"],
}
# As the pinned version has them, without its test_connection_options.py: none is lost by what cannot be imported.
TESTS = {"sqlite": 120, "postgresql": 180, "mysql": 180}

INSIDES = "looks into private attributes of Database and Transaction, which ours has no use for"
OPTIONS = (
    "asks private methods of its backends for the arguments of drivers; tests/databases/backends tests the options"
)
MEMORY = "expects a table of a database in memory to be gone with the next statement; ours keeps it until disconnect()"
ON_EVENT = (
    "needs Starlette's on_event(), which went with Starlette 1.0; tests/databases/test_encode_documentation.py has it"
)

# The function, and whether it is excused on every scheme or on those named.
EXPECTED: dict[str, tuple[str, list[str]]] = {
    "test_connection_options": (OPTIONS, []),
    "test_databases.test_connection_cleanup_contextmanager": (INSIDES, []),
    "test_databases.test_connection_cleanup_garbagecollector": (INSIDES, []),
    "test_databases.test_queries_after_error": (INSIDES, []),
    "test_databases.test_transaction_context_child_task_inheritance": (INSIDES, []),
    "test_databases.test_transaction_context_cleanup_contextmanager": (INSIDES, []),
    "test_databases.test_transaction_context_cleanup_garbagecollector": (INSIDES, []),
    "test_databases.test_transaction_context_sibling_task_isolation": (INSIDES, []),
    "test_databases.test_should_not_maintain_ref_when_no_cache_param": (MEMORY, []),
    "test_integration.test_integration": (ON_EVENT, []),
    "test_databases.test_ddl_queries": (
        "drops a table in a transaction, which MySQL commits by that; ours refuses it",
        SCHEMES["mysql"],
    ),
    "test_databases.test_iterate_outside_transaction_with_temp_table": (
        "expects the next statement on the same connection, with the temporary table, without a connection() block",
        SCHEMES["mysql"],
    ),
    "test_databases.test_execute_return_val": (
        "expects 0, which is all that aiopg knew of a new row; ours gives its key",
        ["postgresql+aiopg"],
    ),
    "test_databases.test_queries_with_expose_backend_connection": (
        "speaks to the driver itself: sqlite3 and asyncpg in the place of aiosqlite and aiopg",
        ["sqlite", "sqlite+aiosqlite", "postgresql+aiopg"],
    ),
}


@pytest.mark.parametrize("dialect", SCHEMES)
def test_the_tests_of_encode_databases_pass_but_for_those_listed(dialect: str, tmp_path: Path) -> None:
    assert (SUITE / "complete").exists(), "run tests/conformance/databases/download"
    urls = addresses(dialect, tmp_path)
    report = tmp_path / "report.xml"
    run = suite(list(urls), report)
    assert run.returncode in (0, 1), run.stdout
    passed, failed = outcomes(report, urls)
    excused = {name for name in passed | failed if is_excused(name)}
    assert not failed - excused, f"{sorted(failed - excused)}\n{run.stdout}"
    assert not passed & excused, "listed, but passed"
    assert len(passed) + len(failed) >= TESTS[dialect], run.stdout


def test_few_of_them_are_excused() -> None:
    assert len(EXPECTED) <= 14


def addresses(dialect: str, folder: Path) -> dict[str, str]:
    """The URLs of the tests, and the scheme of each."""
    variables = {"postgresql": "VIVACE_TEST_POSTGRES", "mysql": "VIVACE_TEST_MYSQL"}
    if dialect == "sqlite":
        url = f"sqlite:///{folder / 'suite.db'}"
    else:
        url = os.environ.get(variables[dialect], "")
        assert url, f"{variables[dialect]} is not set; run scripts/conformance"
    return {f"{scheme}{url.removeprefix(dialect)}": scheme for scheme in SCHEMES[dialect]}


def suite(urls: list[str], report: Path) -> subprocess.CompletedProcess[str]:
    command = ["-m", "vivace.utils.import_alias", "databases=vivace.databases", "-m", "pytest", "-q", "--tb=short"]
    command += ["-p", "no:cacheprovider", f"--junit-xml={report}", "--continue-on-collection-errors"]
    # Vivace, which has been imported by then, is a plugin too, whose asserts pytest would like to rewrite.
    command += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # It has no configuration of its own, and is not to find ours.
    command += ["--rootdir=.", "--confcutdir=.", "--config-file=/dev/null", "tests"]
    return subprocess.run(
        [sys.executable, *command],
        cwd=SUITE,
        env={**os.environ, "TEST_DATABASE_URLS": ",".join(urls)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def outcomes(report: Path, urls: dict[str, str]) -> tuple[set[str], set[str]]:
    """The names of the tests that passed or were skipped, and of those that failed, with schemes for URLs."""
    passed: set[str] = set()
    failed: set[str] = set()
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".lstrip(".").removeprefix("tests.")
        for url, scheme in urls.items():
            name = name.replace(url, scheme)
        is_failure = case.find("failure") is not None or case.find("error") is not None
        (failed if is_failure else passed).add(name)
    return passed, failed


def is_excused(name: str) -> bool:
    function, _, parameters = name.partition("[")
    if function not in EXPECTED:
        return False
    schemes = EXPECTED[function][1]
    return not schemes or parameters.removesuffix("]") in schemes
