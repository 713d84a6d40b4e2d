"""A browser's EventSource: what it hears, and how it comes back when a stream has ended or the server was restarted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tests.conformance.in_thread import serving
from tests.conformance.test_chromium import Browser, chromium
from websockets.sync.client import connect

from vivace.web import (
    Application,
    EventSourceResponse,
    HTMLResponse,
    Middleware,
    Request,
    Response,
    Route,
    ServerSentEvent,
)
from vivace.web.middleware.gzip import GZipMiddleware

PAGE = """<!doctype html><meta charset="utf-8"><script>
window.results = new Promise((resolve) => {
  const heard = [], source = new EventSource("/events");
  const note = (event) => {
    heard.push([event.type, event.data, event.lastEventId]);
    if (event.data === "last") { source.close(); resolve({ heard, opened }); }
  };
  let opened = 0;
  source.onopen = () => { opened += 1; };
  source.onmessage = note;
  source.addEventListener("price", note);
});
</script>"""


class Site:
    """Ends its stream of events after every second one; the browser asks for the rest."""

    events = (
        ServerSentEvent("two\nlines", id="1"),
        ServerSentEvent({"tea": 250}, event="price", id="2"),
        ServerSentEvent("without an id"),
        ServerSentEvent(" spaces ", id="é 4"),
        ServerSentEvent("", id="5"),
        ServerSentEvent("last", id="6"),
    )

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        routes = [Route("/", self.page), Route("/events", self.stream)]
        self.app = Application(routes=routes, middleware=[Middleware(GZipMiddleware, minimum_size=0)])

    async def page(self, request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def stream(self, request: Request) -> Response:
        self.asked.append(request.last_event_id)
        return EventSourceResponse(self.next_two(), retry=10)

    async def next_two(self) -> AsyncIterator[ServerSentEvent]:
        start = 2 * (len(self.asked) - 1)
        yield ServerSentEvent(comment="nobody hears this")
        for event in self.events[start : start + 2]:
            yield event


def test_a_browser_hears_events_and_asks_for_those_it_missed(tmp_path: Path) -> None:
    site = Site()
    with serving(site.app) as port, chromium(tmp_path) as address, connect(address, max_size=None, proxy=None) as told:
        browser = Browser(told)
        results = browser.results(f"http://127.0.0.1:{port}/")
        browser.session = None
        browser.ask("Browser.close")
    assert results == {
        "heard": [
            ["message", "two\nlines", "1"],
            ["price", '{"tea":250}', "2"],
            ["message", "without an id", "2"],
            ["message", " spaces ", "é 4"],
            ["message", "", "5"],
            ["message", "last", "6"],
        ],
        "opened": 3,
    }
    assert site.asked == [None, "2", "é 4"]
