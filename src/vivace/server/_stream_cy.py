# cython: annotation_typing=False
"""What carries one request and its response: an HTTP/1.1 connection for now, an HTTP/2 stream later."""

from __future__ import annotations

from collections.abc import Iterable


class Stream:
    """The transport side of a request-response cycle. A protocol subclasses it; a `Cycle` calls it.

    `response_begun` tells whether bytes of the current response have left; until then another can be started.
    `write_paused` tells that the client takes bytes more slowly than they come; `wait_until_writable` then waits.
    """

    write_paused: bool
    response_begun: bool

    def start_response(self, status: int, headers: Iterable[Iterable[bytes]]) -> None:
        """Keep status and headers for the first piece of body. ValueError or TypeError if they must not be sent."""
        raise NotImplementedError

    def send_body(self, data: bytes, more: bool) -> None:
        """Send a piece of the body; the response is complete unless there is `more`."""
        raise NotImplementedError

    def want_body(self) -> None:
        """The application waits for the request's body: let the client send it."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the response here, in a way that the client cannot take for its proper end."""
        raise NotImplementedError

    async def wait_until_writable(self) -> None:
        """Return when `write_paused` has ended or the connection is lost."""
        raise NotImplementedError
