"""Markdown of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.race import BASE, Options, Race, Standing
from benchmarks.harness.workbench import Workbench


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is text, the others are numbers."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def left_out(absent: Mapping[str, str]) -> str:
    """A line for each who did not take part."""
    return "".join(f"\nLeft out: {name}: {reason}\n" for name, reason in absent.items())


def race_section(race: Race, workbench: Workbench, options: Options) -> str:
    """A case with its heading, circumstances and table."""
    standings = race.standings
    unit = race.case.unit
    base = next((each for each in standings if each.name == BASE), standings[0] if standings else None)
    made_of = [name for each in standings for name in each.contender.made_of]
    lines = [
        f"### {race.case.name}: {race.case.title}\n",
        f"{options}; {workbench.versions(made_of)}.\n",
    ]
    if base is not None:
        titles = ["server", f"{unit} per second of server CPU", f"{base.name} is", f"{unit} per second", "p99, ms"]
        lines.append(table(titles, [row(each, base) for each in standings]))
    return "\n".join(lines) + "\n" + left_out(race.absent)


def row(standing: Standing, base: Standing) -> list[str]:
    """One server's line."""
    return [
        standing.name,
        f"{standing.efficiency:,.0f}",
        f"{base.efficiency / standing.efficiency:.2f}x",
        f"{standing.rate:,.0f}",
        "" if standing.p99 is None else f"{standing.p99:.2f}",
    ]
