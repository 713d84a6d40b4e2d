"""`python -m tests.fuzz [NAMES] --seconds 60`: each fuzzer for so long. Exit status 1, with the input, on a finding."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from tests.fuzz import TARGETS
from tests.fuzz.driver import Found, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Tries the protocols with odd inputs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, if none of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each fuzzer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a file that always holds the input being tried")
    options = parser.parse_args()
    # What the toolkit refuses it tells; here that is nearly everything.
    logging.getLogger("vivace.security").setLevel(logging.CRITICAL)
    for name in options.names or TARGETS:
        try:
            report = fuzz(TARGETS[name], seed=options.seed, seconds=options.seconds, keep=options.keep)
        except Found as found:
            print(f"{name}: {found}", flush=True)
            return 1
        print(f"{name}: {report}", flush=True)
    return 0


sys.exit(main())
