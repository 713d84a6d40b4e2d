# cython: annotation_typing=False, auto_pickle=False
"""What carries one exchange between client and application: an HTTP/1.1 connection, or one stream of HTTP/2."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from vivace.server.protocol.websocket_handshake import Handshake
from vivace.server.types import ASGIApp

Headers = Iterable[Iterable[bytes]]


class Stream:
    """The transport side of an exchange. A protocol subclasses it; a `Cycle` calls it.

    `wire` is the protocol, as `counters` numbers them; `encrypted` tells whether there is TLS.

    `app` is the application that answers: a listener may have one of its own.
    `response_begun` tells whether bytes of the current response have left; until then another can be started.
    `write_paused` tells that the client takes bytes more slowly than they come; `wait_until_writable` then waits.
    """

    wire: int
    encrypted: bool
    app: ASGIApp
    write_paused: bool
    response_begun: bool

    def start_response(self, status: int, headers: Headers, trailers: bool) -> None:
        """Keep status and headers for the first piece of body; `trailers` may follow the last.

        ValueError or TypeError if they must not be sent.
        """
        raise NotImplementedError

    def send_body(self, data: bytes | memoryview, more: bool) -> None:
        """Send a piece of the body; the response is complete unless there is `more`."""
        raise NotImplementedError

    def send_trailers(self, headers: Headers) -> None:
        """End a response whose body had `more`. ValueError or TypeError if they must not be sent."""
        raise NotImplementedError

    def send_informational(self, status: int, headers: Headers) -> None:
        """Send a 1xx response (RFC 9110 15.2) ahead of the response, if the client can take one."""
        raise NotImplementedError

    def send_file(self, path: str) -> Awaitable[int]:
        """Send the file as the whole body; how many bytes it was, once the client has taken most of them.

        OSError when the file cannot be read or the client is gone.
        """
        raise NotImplementedError

    def want_body(self) -> None:
        """The application waits for the request's body: let the client send it."""
        raise NotImplementedError

    def consumed(self, size: int) -> None:
        """The application took `size` bytes of the request's body: the client may send as many more."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the exchange here, in a way that the client cannot take for its proper end."""
        raise NotImplementedError

    async def wait_until_writable(self) -> None:
        """Return when `write_paused` has ended or the client is gone."""
        raise NotImplementedError

    # ---- WebSocket: once accepted, bytes go both ways; the cycle is fed those that come

    def accept(self, handshake: Handshake, subprotocol: str | None, headers: Headers) -> None:
        """Accept a WebSocket handshake: the response to it is sent. ValueError for what must not be."""
        raise NotImplementedError

    def send_data(self, data: bytes | tuple[bytes, ...]) -> None:
        """Send bytes of an accepted WebSocket."""
        raise NotImplementedError

    def end_data(self) -> None:
        """No more will be said on an accepted WebSocket: end the exchange once everything is written."""
        raise NotImplementedError

    def pause_data(self) -> None:
        """Feed the cycle nothing more for now, which makes the client wait."""
        raise NotImplementedError

    def resume_data(self) -> None:
        """Feed the cycle again."""
        raise NotImplementedError
