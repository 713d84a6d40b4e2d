"""The tables World and Fortune of TechEmpower's requirements, and books with authors for a nested list."""

from __future__ import annotations

import html

WORLDS = 10_000
BOOKS = 1000
AUTHORS = 50
PAGE = 20
ADDED = "Additional fortune added at request time."

FORTUNES = (
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it to do.",
    "Emacs is a nice operating system, but I prefer UNIX. — Tom Christaensen",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link. — Donald Knuth",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    '<script>alert("This should not be displayed in a browser alert box.");</script>',
    "フレームワークのベンチマーク",
)


def fortunes_page() -> str:
    """The page that everybody must answer with."""
    everything = sorted([*enumerate(FORTUNES, start=1), (0, ADDED)], key=lambda fortune: fortune[1])
    rows = "".join(f"<tr><td>{key}</td><td>{html.escape(message)}</td></tr>" for key, message in everything)
    return (
        "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
        f"<tr><th>id</th><th>message</th></tr>{rows}</table></body></html>"
    )


def books_page() -> list[dict[str, object]]:
    """The first twenty books with their authors."""
    return [
        {
            "id": key,
            "title": f"Book {key}",
            "pages": 100 + key,
            "author": {"id": 1 + key % AUTHORS, "name": f"Author {1 + key % AUTHORS}"},
        }
        for key in range(1, PAGE + 1)
    ]
