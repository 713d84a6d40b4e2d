"""TLS handshakes that fail tell the client why, and us with one line.

asyncio and uvloop drop the connection of a failed handshake together with the alert that OpenSSL has written for the
client, who then sees a reset without a reason.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any, Self, cast

logger = logging.getLogger("vivace.server")

USE_HTTPS = b"This port speaks TLS: write https:// instead of http://.\n"
PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(USE_HTTPS), USE_HTTPS)
)


class ServerConnection(ssl.SSLObject):
    """One connection's TLS."""

    outgoing: ssl.MemoryBIO
    failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake. The first time it fails, the loop is asked to send what there is, and to wait.

        The connection then ends with the client's answer, or after the `handshake_timeout`.
        """
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            logger.debug("A TLS handshake failed: %s", error)
            if error.reason == "HTTP_REQUEST":
                self.outgoing.read()
                self.outgoing.write(PLAIN_HTTP)
            if not self.outgoing.pending:
                raise
            self.failure = error.with_traceback(None)
        if self.failure is not None:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the handshake has failed")


class ServerContext(ssl.SSLContext):
    """An SSLContext whose connections are `ServerConnection`s. `certificate` is the one it serves, as PEM."""

    sslobject_class = ServerConnection
    certificate: str | None = None

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """The TLS of a connection whose bytes the loop carries."""
        connection = super().wrap_bio(incoming, outgoing, *args, **kwargs)
        assert isinstance(connection, ServerConnection)
        connection.outgoing = outgoing
        return connection


class UserContext(ssl.SSLContext):
    """Stands for a context that is somebody else's, so that its failed handshakes are answered as ours are.

    All that the loop asks of it is the TLS of a connection.
    """

    context: ssl.SSLContext

    def __new__(cls, context: ssl.SSLContext) -> Self:
        """One that stands for `context`."""
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self.context = context
        return self

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """The TLS of a connection, by the other context."""
        connection = self.context.wrap_bio(incoming, outgoing, *args, **kwargs)
        if type(connection) is ssl.SSLObject:
            connection.__class__ = ServerConnection
            cast(ServerConnection, connection).outgoing = outgoing
        return connection
