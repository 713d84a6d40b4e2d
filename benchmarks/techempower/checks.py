"""Seeing that a site does as TechEmpower's requirements say before it is measured."""

from __future__ import annotations

import html
import http.client
import json
import re
from typing import Any

from benchmarks.harness.processes import ServerFailedError
from benchmarks.techempower import data


def fetch(port: int, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    """A good answer with the headers that are required of every one."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", path, headers={"Accept": "application/json,text/html,text/plain"})
        response = client.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ServerFailedError(f"not answering: {error!r}") from None
    finally:
        client.close()
    expect(response.status == 200, f"{path}: {response.status} {body[:200]!r}")
    for header in ("server", "date", "content-type"):
        expect(response.getheader(header), f"{path}: no header {header}")
    return response, body


def expect(condition: object, what: str) -> None:
    """ServerFailedError unless it is so."""
    if not condition:
        raise ServerFailedError(what)


def check_plaintext(port: int) -> None:
    """The greeting."""
    response, body = fetch(port, "/plaintext")
    expect(body == b"Hello, World!", f"/plaintext: {body!r}")
    expect((response.getheader("content-type") or "").startswith("text/plain"), "/plaintext is no text")


def check_json(port: int) -> None:
    """The greeting in JSON."""
    found = as_json(port, "/json")
    expect(found == {"message": "Hello, World!"}, f"/json: {found}")


def check_db(port: int) -> None:
    """A row, of another key each time."""
    found = [as_json(port, "/db") for _ in range(8)]
    for world in found:
        expect_world(world)
    expect(len({world["id"] for world in found}) > 1, "/db gives always the same row")


def check_queries(port: int) -> None:
    """As many rows as asked for: at least one, at most 500."""
    for asked, number in (("2", 2), ("20", 20), ("0", 1), ("many", 1), ("", 1), ("501", 500)):
        found = as_json(port, f"/queries?queries={asked}")
        expect(isinstance(found, list) and len(found) == number, f"/queries?queries={asked} is no list of {number}")
        for world in found:
            expect_world(world)


def check_updates(port: int) -> None:
    """Rows that are changed in the database: asked for again, some of them are seen with their new numbers."""
    found = as_json(port, "/updates?queries=20")
    expect(isinstance(found, list) and len(found) == 20, "/updates?queries=20 is no list of 20")
    changed = {world["id"]: world["randomNumber"] for world in found}
    for world in found:
        expect_world(world)
    for _ in range(8):
        changed |= {world["id"]: world["randomNumber"] for world in as_json(port, "/updates?queries=500")}
    seen = [world for _ in range(8) for world in as_json(port, "/queries?queries=500")]
    known = [world for world in seen if world["id"] in changed]
    right = [world for world in known if changed[world["id"]] == world["randomNumber"]]
    # A server that was loaded before may still be writing what nobody waits for any more.
    expect(len(right) > 0.9 * len(known) > 0, f"/updates: {len(known) - len(right)} of {len(known)} are not stored")


def check_fortunes(port: int) -> None:
    """The page, whatever entities and white space it is written with."""
    response, body = fetch(port, "/fortunes")
    expect((response.getheader("content-type") or "").lower().startswith("text/html"), "/fortunes is no HTML")
    expect(b"<script>" not in body, "/fortunes does not escape")
    found = html.unescape(re.sub(r">\s+<", "><", body.decode()).strip())
    expect(found == html.unescape(data.fortunes_page()), f"/fortunes: {found[:300]}")


def check_books(port: int) -> None:
    """Twenty books with their authors."""
    found = as_json(port, "/books")
    expect(found == data.books_page(), f"/books: {found}")


def as_json(port: int, path: str) -> Any:
    """What is in the answer."""
    response, body = fetch(port, path)
    expect((response.getheader("content-type") or "").startswith("application/json"), f"{path} is no JSON")
    return json.loads(body)


def expect_world(world: Any) -> None:
    """A row with the required names."""
    fine = set(world) == {"id", "randomNumber"} and all(1 <= world[name] <= data.WORLDS for name in world)
    expect(fine, f"no world: {world}")
