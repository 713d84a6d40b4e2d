"""What did they mean? The nearest valid name, and the one sentence in which errors say it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# A message that lists hundreds of names helps nobody.
MAX_LISTED = 40


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like `name`, or None when nothing is close enough to be worth suggesting."""
    candidates = list(choices)
    by_folded = {choice.casefold(): choice for choice in candidates}
    if name.casefold() in by_folded:
        return by_folded[name.casefold()]
    matches = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, choices: Iterable[str], *, listed_as: str) -> str:
    """`Did you mean "title"? Fields: author, id, title.`, with `listed_as` naming what is listed ("Fields").

    The suggestion is left out when nothing is near; a long list is cut and says how many names there are.
    """
    names = sorted(choices)
    suggestion = nearest(name, names)
    listing = ", ".join(names[:MAX_LISTED])
    if len(names) > MAX_LISTED:
        listing += f", … ({len(names)} in all)"
    if not names:
        listing = "none"
    sentence = f"{listed_as}: {listing}."
    return f'Did you mean "{suggestion}"? {sentence}' if suggestion is not None else sentence


def with_article(noun: str) -> str:
    """`noun` with "a" or "an" by its first letter: "an int", "a Starlette"."""
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"
