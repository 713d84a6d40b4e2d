"""`python tests/fuzz/instrumented.py ARGUMENTS`: the fuzzers on a build of the protocols that checks every access
to memory (AddressSanitizer, UndefinedBehaviorSanitizer) and tells the fuzzers which inputs reach new code. Needs gcc.

The build is made in a temporary folder, or in the one that VIVACE_FUZZ_BUILD names, where only what changed is built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fsanitize-coverage=trace-pc"
NOT_NEEDED = ("*.so", "*.c", "__pycache__")


def build(folder: Path) -> None:
    """A copy of the package in `folder`, compiled with the sanitizers, and the counter of edges."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns(*NOT_NEEDED), dirs_exist_ok=True)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    counter = ("gcc", "-O2", "-shared", "-fPIC", "-o", "edges.so", ROOT / "tests/fuzz/edges.c")
    subprocess.run(counter, cwd=folder, check=True)
    # The wheels of Python itself are built with options that the sanitizers do not like.
    environment = os.environ | {"CFLAGS": FLAGS + " -Wno-error", "LDFLAGS": "-fsanitize=address,undefined"}
    command = (sys.executable, "setup.py", "-q", "build_ext", "--inplace", "-j2")
    subprocess.run(command, cwd=folder, env=environment, check=True)


def library(name: str) -> str:
    """The path of one of gcc's libraries."""
    return subprocess.run(
        ("gcc", f"-print-file-name={name}"), check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> int:
    given = os.environ.get("VIVACE_FUZZ_BUILD")
    folder = Path(given or tempfile.mkdtemp(prefix="vivace-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    build(folder)
    environment = os.environ | {
        "LD_PRELOAD": " ".join((library("libasan.so"), library("libubsan.so"), str(folder / "edges.so"))),
        # Python keeps much until its end; what leaks while it runs shows in the fuzzers' memory.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:quarantine_size_mb=32",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
    }
    command = (sys.executable, "-m", "tests.fuzz", *sys.argv[1:])
    status = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    if given is None:
        shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
