"""Static files of two sizes, on 64 keep-alive connections."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.harness.processes import Contender, ServerFailedError
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.harness.wrk import run_wrk
from benchmarks.server.http import CONNECTIONS
from benchmarks.web.contenders import Frameworks

# A style sheet, and a picture.
SIZES = {"small": 20 * 1024, "large": 512 * 1024}


def write_files(folder: Path) -> Path:
    """The files, of text that is the same each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        (folder / f"{name}.css").write_bytes(content(size))
    return folder


def content(size: int) -> bytes:
    """So many bytes of a style sheet."""
    rule = b".rule { color: #123456; margin: 0 auto }\n"
    return (rule * (size // len(rule) + 1))[:size]


def contenders(workbench: Workbench, folder: Path) -> Sequence[Contender]:
    """Toolkits on servers, and servers' own static files."""
    make = Frameworks(workbench)
    found = [
        make.servers.vivace("vivace_static:app", "vivace"),
        make.servers.uvicorn("starlette_static:app", name="Starlette on uvicorn", packages=("starlette",)),
        make.servers.granian(
            "starlette_static:app",
            *("--http", "1", "--no-ws", "--static-path-mount", str(folder)),
            name="Granian's own",
            packages=("starlette",),
        ),
    ]
    return [replace(each, environment={**each.environment, "BENCHMARK_STATIC_FOLDER": str(folder)}) for each in found]


def cases(workbench: Workbench) -> list[Case]:
    """What is measured."""
    folder = write_files(workbench.folder / "static")
    return [case(workbench, folder, name, size) for name, size in SIZES.items()]


def case(workbench: Workbench, folder: Path, name: str, size: int) -> Case:
    """GET of a file of this size."""
    path = f"/static/{name}.css"

    def load(port: int, options: Options, seconds: int) -> Outcome:
        return run_wrk(port, options.load_core, CONNECTIONS, seconds, path=path)

    check = partial(check_file, path, content(size))
    return Case(f"static-{name}", f"a static file of {size // 1024} KiB", contenders(workbench, folder), check, load)


def check_file(path: str, expected: bytes, port: int) -> None:
    """ServerFailedError unless the path is answered with that file. Granian sends it without a Content-Length."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            found = response.read()
    except OSError as error:
        raise ServerFailedError(f"not answering: {error!r}") from None
    if found != expected:
        raise ServerFailedError(f"answers with {len(found)} bytes: {found[:80]!r}")


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(each, workbench, options) for each in chosen_cases(cases(workbench), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
