"""What the fuzzers share: inputs made from pieces, mutated by their grammar, and the loop that tries them.

An input is a list of pieces: lines, header blocks or frames. A target makes pieces, tries inputs and says what came of
them; an input whose outcome is new is kept and mutated further. Where the compiled code counts its edges
(`tests/fuzz/instrumented.py`), one that reaches new code is kept too.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

Pieces = tuple[bytes, ...]

# How many inputs are kept, how many pieces and bytes one may have: rounds stay short, memory bounded.
MOST_INPUTS = 4000
MOST_PIECES = 60
LARGEST_PIECE = 70_000
# What one input may take; the slowest takes some 0.1 s.
HANGING = 20.0
# By how much memory may grow once the inputs are varied, in KiB.
GROWTH = 48 * 1024
TELLING_BYTES = b"\x00\x01\x09\x0a\x0d \"',:;=?@AZaz{|~\x7f\x80\xbf\xc0\xe0\xf0\xfe\xff"


class Target:
    """A protocol to be tried. `seeds` are inputs that are right."""

    name: str
    seeds: Sequence[Pieces]

    def piece(self, random: Random) -> bytes:
        """A line, header block or frame, right or nearly so."""
        raise NotImplementedError

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """Try an input: AssertionError, or any other, if something is wrong. Returns what came of it, roughly."""
        raise NotImplementedError


class Found(Exception):
    """An input that something is wrong with, as small as it could be made."""

    def __init__(self, pieces: Pieces, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}\n" + "\n".join(f"    {piece!r}," for piece in pieces))
        self.pieces = pieces


@dataclass(frozen=True)
class Report:
    """How far a fuzzer came."""

    rounds: int
    outcomes: int
    inputs: int
    grown: int

    def __str__(self) -> str:
        return f"{self.rounds} inputs, {self.outcomes} outcomes, {self.inputs} kept, memory +{self.grown} KiB"


def memory() -> int:
    """The resident memory of this process in KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)


def edges() -> Callable[[], int] | None:
    """A function that says whether code was reached that never was before; None where edges are not counted."""
    return getattr(ctypes.CDLL(None), "vivace_fuzz_new_edges", None)


def cuts(data: bytes, random: Random) -> list[bytes]:
    """The same bytes, cut elsewhere: each alone, or in a few pieces."""
    if len(data) < 600 and random.random() < 0.2:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randint(1, 6)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def damaged(piece: bytes, random: Random) -> bytes:
    """A piece with a few bytes changed."""
    changed = bytearray(piece)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(changed) + 1)
        what = random.randrange(6)
        if what == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif what == 1 and at < len(changed):
            changed[at] = random.choice(TELLING_BYTES)
        elif what == 2:
            changed[at:at] = bytes([random.choice(TELLING_BYTES)]) * random.choice((1, 1, 2, 8))
        elif what == 3:
            del changed[at : at + random.choice((1, 1, 2, 8))]
        elif what == 4:
            end = min(len(changed), at + random.randrange(1, 33))
            changed[at:at] = changed[at:end] * random.choice((1, 2, 30))
        elif at < len(changed):
            changed[at] = (changed[at] + random.choice((-1, 1))) & 255
    return bytes(changed[:LARGEST_PIECE])


def mutated(pieces: Pieces, target: Target, other: Pieces, random: Random) -> Pieces:
    """An input a little different from this one."""
    changed = list(pieces)
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        at = random.randrange(len(changed) + 1)
        what = random.randrange(9)
        if what <= 2:
            changed.insert(at, target.piece(random))
        elif at == len(changed):
            changed += other[random.randrange(len(other) + 1) :]
        elif what <= 4:
            changed[at] = damaged(changed[at], random)
        elif what == 5:
            del changed[at]
        elif what == 6:
            changed.insert(at, changed[at])
        elif what == 7:
            to = random.randrange(len(changed))
            changed[at], changed[to] = changed[to], changed[at]
        else:
            changed[at] = target.piece(random)
    return tuple(changed[:MOST_PIECES])


def smaller(target: Target, pieces: Pieces, seed: int, kind: type[Exception]) -> Pieces:
    """Leave away what the failure does not need: pieces, and halves of pieces."""

    def fails(candidate: Pieces) -> bool:
        try:
            target.check(candidate, Random(seed))
        except Exception as error:  # noqa: BLE001 - whatever it was
            return type(error) is kind
        return False

    at = 0
    while at < len(pieces):
        without = pieces[:at] + pieces[at + 1 :]
        halves = [pieces[at][: len(pieces[at]) // 2], pieces[at][len(pieces[at]) // 2 :]]
        candidates = [without, *((*pieces[:at], half, *pieces[at + 1 :]) for half in halves if half)]
        found = next((candidate for candidate in candidates if candidate != pieces and fails(candidate)), None)
        if found is None:
            at += 1
        else:
            pieces = found
    return pieces


def fuzz(
    target: Target, *, seed: int = 0, rounds: int | None = None, seconds: float | None = None, keep: Path | None = None
) -> Report:
    """Try inputs for so many rounds or seconds; Found when one fails.

    `keep` is a file that always holds the input being tried, for when the process dies of it.
    """
    random = Random(seed)
    new_edges = edges()
    pool: list[Pieces] = list(target.seeds)
    outcomes: set[Hashable] = set()
    settled, begun, done = memory(), time.monotonic(), 0
    with nullcontext() if keep is None else keep.open("wb", buffering=0) as last:
        while (rounds is None or done < rounds) and (seconds is None or time.monotonic() - begun < seconds):
            # The seeds first, as they are; then the younger inputs more often than the older.
            if done < len(target.seeds):
                pieces = target.seeds[done]
            else:
                at = max(random.randrange(len(pool)), random.randrange(len(pool)))
                pieces = mutated(pool[at], target, random.choice(pool), random)
            if last is not None:
                last.seek(0)
                last.truncate()
                last.write(repr(pieces).encode())
            outcome = attempt(target, pieces, random.getrandbits(32))
            is_new = outcome not in outcomes or (new_edges is not None and new_edges())
            outcomes.add(outcome)
            if is_new and done >= len(target.seeds):
                pool.append(pieces)
                if len(pool) > MOST_INPUTS:
                    del pool[random.randrange(len(target.seeds), len(pool) // 2)]
            done += 1
            if done == 2000 or (seconds is not None and time.monotonic() - begun < seconds / 2):
                settled = memory()
    grown = memory() - settled
    # The sanitizers keep freed memory, to see who uses it.
    assert grown < GROWTH or new_edges is not None, f"memory grew by {grown} KiB in {done} inputs"
    return Report(done, len(outcomes), len(pool), grown)


def attempt(target: Target, pieces: Pieces, seed: int) -> Hashable:
    """What comes of one input; Found when it fails, the end of the process when it hangs."""
    faulthandler.dump_traceback_later(HANGING, exit=True)
    try:
        return target.check(pieces, Random(seed))
    except Exception as error:
        raise Found(smaller(target, pieces, seed, type(error)), error) from error
    finally:
        faulthandler.cancel_dump_traceback_later()
