"""How Python's garbage collector is set up in a process that is ours."""

from __future__ import annotations

import gc

# New objects, less those freed, after which the collector looks at the young ones. Python's 700 is reached by 64
# requests that wait for something, and everything they hold is looked at again and again: a third of the time of
# `scripts/bench techempower --cases queries`.
YOUNG = 10_000


def settle() -> None:
    """Once everything is imported and started: what is there stays, and the collector need not look at it again.

    A full collection of an application with an ORM stops it for 50 ms. A program that has turned the collector off, or
    has raised the threshold itself, has decided already.
    """
    young, middle, old = gc.get_threshold()
    if not gc.isenabled() or young == 0:
        return
    gc.collect()
    gc.freeze()
    if young < YOUNG:
        gc.set_threshold(YOUNG, middle, old)
