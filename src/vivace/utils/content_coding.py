"""What a client says of compressed content: Accept-Encoding, RFC 9110 12.5.3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def coding_weights(accept_encoding: Iterable[str]) -> dict[str, float]:
    """The codings that these headers name, in lower case, `*` and `identity` among them, with their weights.

    A weight that is none is 0: it refuses the coding.
    """
    weights = {}
    for item in ",".join(accept_encoding).lower().split(","):
        coding, _, parameters = item.partition(";")
        weights[coding.strip()] = _weight(parameters)
    return weights


def weight_of_gzip(weights: Mapping[str, float]) -> float:
    """What is said of gzip, which has two names (RFC 9110 8.4.1.3), or of everything."""
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))


def preferred_codings(accept_encoding: str, offered: Iterable[str]) -> list[str]:
    """Those of the offered codings that the client takes, the one it likes best first; of equals, the first offered.

    The list ends before the codings that it likes less than the content as it is.
    """
    weights = coding_weights([accept_encoding])
    taken = []
    for coding in offered:
        weight = weight_of_gzip(weights) if coding == "gzip" else weights.get(coding, weights.get("*", 0.0))
        if weight > 0 and weight >= weights.get("identity", 0.0):
            taken.append((weight, coding))
    # Stable: equals stay in the order that they are offered in.
    return [coding for _, coding in sorted(taken, key=lambda item: -item[0])]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
