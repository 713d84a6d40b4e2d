"""The database servers, on a core of their own for as long as they are needed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness.workbench import ROOT, say

# Prints the URLs, then waits until standard input ends.
HOLD = "env | grep ^VIVACE_TEST_; echo; exec cat"


@contextmanager
def services(core: int | str) -> Iterator[dict[str, str]]:
    """URLs of PostgreSQL and MariaDB (`postgresql`, `mysql`), as scripts/with-services starts them."""
    say("Starting the database servers")
    command = ["taskset", "-c", str(core), "scripts/with-services", "sh", "-c", HOLD]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "\n")
            found = dict(line.rstrip("\n").split("=", 1) for line in lines if line.startswith("VIVACE_TEST_"))
            yield {
                name: found[variable]
                for name, variable in {"postgresql": "VIVACE_TEST_POSTGRES", "mysql": "VIVACE_TEST_MYSQL"}.items()
                if variable in found
            }
        finally:
            process.stdin.close()
