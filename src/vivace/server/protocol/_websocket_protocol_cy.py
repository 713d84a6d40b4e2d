# cython: annotation_typing=False
"""One WebSocket connection after its handshake: events in, frames out, and how it ends (RFC 6455 5.5 and 7).

The client's frames are `websocket_reader`'s business, ours `websocket_writer`'s. Here is what they mean to each other:
every ping gets a pong, each side sends one close frame and nothing behind it, and a client that breaks the rules is
told which.
"""

from __future__ import annotations

from vivace.server.protocol.errors import WebSocketError
from vivace.server.protocol.limits import Limits
from vivace.server.protocol.websocket_deflate import Deflater, Inflater, PerMessageDeflate
from vivace.server.protocol.websocket_events import Close, CloseCode, Event, Ping, Pong
from vivace.server.protocol.websocket_reader import WebSocketReader
from vivace.server.protocol.websocket_writer import WebSocketWriter, is_close_code

CLOSE = 8
PING = 9

ABNORMAL = int(CloseCode.ABNORMAL)
INVALID_DATA = int(CloseCode.INVALID_DATA)
NO_STATUS = int(CloseCode.NO_STATUS)
PROTOCOL_ERROR = int(CloseCode.PROTOCOL_ERROR)


class WebSocketProtocol:
    """`feed` bytes, then `next_event` until None; what the sending methods return is to be written, in their order.

    `compression` is what the handshake agreed on. `close_sent` says that a close frame of ours is out or is the
    `answer` of an event: nothing may be sent any more, and the sending methods raise RuntimeError. `closed` says that
    the last event, a `Close`, was reported.

    Large messages come out of `text` and `binary` as a pair of header and payload; see `WebSocketWriter`.
    """

    def __init__(self, limits: Limits, compression: PerMessageDeflate | None = None) -> None:
        self.reader = WebSocketReader(limits, None if compression is None else Inflater(compression))
        self.writer = WebSocketWriter(None if compression is None else Deflater(compression))
        self.close_sent = False
        self.closed = False

    @property
    def buffered(self) -> int:
        """How many fed bytes no event has reported yet, and no message being assembled holds."""
        return self.reader.buffered

    # ---- reading

    def feed(self, data: bytes) -> None:
        """Take bytes from the client. They are borrowed until events have reported them, and ignored once closed."""
        # RFC 6455 5.5.1: whatever follows the close frame is discarded.
        if not self.closed:
            self.reader.feed(data)

    def next_event(self) -> Event:
        """What the client says next, or None. Between our close frame and the client's, its messages are discarded."""
        if self.closed:
            return None
        try:
            while True:
                read = self.reader.next_event()
                event = self.control(read[0], read[1]) if isinstance(read, tuple) else read
                if event is None or not self.close_sent or self.closed:
                    return event
        except WebSocketError as error:
            return self.fail(error)

    def end_of_input(self) -> Close | None:
        """Say that the client sends no more. The `Close` that this is, with nothing to write, unless there was one."""
        if self.closed:
            return None
        self.closed = self.close_sent = True
        return Close(ABNORMAL, "", b"")

    def control(self, opcode: int, payload: bytes) -> Event:
        if opcode == CLOSE:
            return self.close_frame(payload)
        if opcode == PING:
            return Ping(payload, b"" if self.close_sent else self.writer.pong(payload))
        return Pong(payload)

    def close_frame(self, payload: bytes) -> Close:
        code = NO_STATUS
        reason = ""
        if payload:
            # RFC 6455 5.5.1: if there is a body, it begins with two bytes of code and goes on with UTF-8.
            code = int.from_bytes(payload[:2], "big")
            if len(payload) == 1 or not is_close_code(code):
                raise WebSocketError(PROTOCOL_ERROR, "invalid close code")
            try:
                reason = payload[2:].decode()
            except UnicodeDecodeError:
                raise WebSocketError(INVALID_DATA, "the reason of a close is not UTF-8") from None
        answer = b"" if self.close_sent else self.writer.close(code if payload else None, "")
        self.closed = self.close_sent = True
        return Close(code, reason, answer)

    def fail(self, error: WebSocketError) -> Close:
        answer = b"" if self.close_sent else self.writer.close(error.code, error.reason)
        self.closed = self.close_sent = True
        return Close(error.code, error.reason, answer, True)

    # ---- sending

    def text(self, data: str) -> bytes | tuple[bytes, bytes]:
        """A text message. UnicodeEncodeError when it holds half a surrogate pair."""
        if self.close_sent:
            raise RuntimeError("a message after the close frame")
        return self.writer.text(data)

    def binary(self, data: bytes | bytearray | memoryview) -> bytes | tuple[bytes, bytes]:
        """A binary message."""
        if self.close_sent:
            raise RuntimeError("a message after the close frame")
        return self.writer.binary(data)

    def ping(self, payload: bytes = b"") -> bytes:
        """A ping; the client answers with a pong of the same payload, of at most 125 bytes (ValueError)."""
        if self.close_sent:
            raise RuntimeError("a ping after the close frame")
        return self.writer.ping(payload)

    def pong(self, payload: bytes = b"") -> bytes:
        """A pong that no ping asked for: a sign of life that wants no answer."""
        if self.close_sent:
            raise RuntimeError("a pong after the close frame")
        return self.writer.pong(payload)

    def close(self, code: int | None = 1000, reason: str = "") -> bytes:
        """Begin to close. The client's close frame is the next event; it should be waited for, but not for long.

        ValueError for a code that must not be sent and for a reason longer than 123 bytes of UTF-8.
        """
        if self.close_sent:
            raise RuntimeError("a second close frame")
        frame = self.writer.close(code, reason)
        self.close_sent = True
        return frame
