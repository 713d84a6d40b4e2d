"""Metrics as Prometheus reads them: its text format 0.0.4, and OpenMetrics 1.0, which came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from vivace.server.metrics.families import Family, Labels
from vivace.server.statistics import Distribution

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def choose_format(accept: str) -> str:
    """The content type for a client with that Accept header: OpenMetrics only for those who rather have it."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (item.strip() for item in part.lower().split(";"))
        weight = next((item[2:] for item in parameters if item.startswith("q=")), "1")
        weights[kind] = max(weights.get(kind, 0.0), _number(weight))
    wanted = weights.get("application/openmetrics-text", 0.0)
    other = weights.get("text/plain", weights.get("text/*", 0.0))
    return OPENMETRICS if wanted > 0 and wanted >= other else TEXT


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def render(families: Iterable[Family], content_type: str) -> bytes:
    """The text of those families that have a sample."""
    openmetrics = content_type == OPENMETRICS
    lines: list[str] = []
    for family in families:
        if family.samples:
            counter = "_total" if family.kind == "counter" else ""
            # Only OpenMetrics tells the name of a counter from that of its samples.
            name = family.name if openmetrics else family.name + counter
            lines.append(f"# HELP {name} {_escape(family.help, quotes=openmetrics)}")
            lines.append(f"# TYPE {name} {family.kind}")
            for labels, value in family.samples:
                if isinstance(value, Distribution):
                    lines += _histogram(family, labels, value)
                else:
                    lines.append(f"{family.name}{counter}{_labels(labels)} {_value(value)}")
    if openmetrics:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode()


def _histogram(family: Family, labels: Labels, found: Distribution) -> Iterator[str]:
    bounds = [*(repr(bound) for bound in family.bounds), "+Inf"]
    for bound, count in zip(bounds, accumulate(found.counts), strict=True):
        yield f"{family.name}_bucket{_labels(labels | {'le': bound})} {count}"
    yield f"{family.name}_sum{_labels(labels)} {_value(found.total)}"
    yield f"{family.name}_count{_labels(labels)} {sum(found.counts)}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value, quotes=True)}"' for name, value in labels.items()) + "}"


def _escape(text: str, *, quotes: bool) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _value(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
