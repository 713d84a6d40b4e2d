"""What a WSGI application answers: made in its thread, sent by the event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple

from vivace.utils.asgi import Message, Scope
from vivace.utils.wsgi.files import FileWrapper
from vivace.utils.wsgi.handover import Handover

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# The thread waits while the loop has so much of its response still to take.
HIGH_WATER = 128 * 1024
# PEP 3333: the connection is the server's own affair.
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)


class Batch(NamedTuple):
    """What the loop has to send now."""

    chunks: list[bytes]
    ended: bool  # there will be no more of them
    done: bool  # the thread has left


class Response:
    """The response of one exchange. The thread writes it; the loop takes it, many small chunks at a time."""

    def __init__(self, handover: Handover, scope: Scope) -> None:
        self.handover = handover
        self.is_head = scope["method"] == "HEAD"
        self.is_http1 = scope["http_version"].startswith("1")
        self.sends_paths = "http.response.pathsend" in (scope.get("extensions") or {})
        self.message: Message | None = None
        self.on_its_way = False
        self.remaining: int | None = None
        self.chunks: list[bytes] = []
        self.buffered = 0
        self.path: str | None = None
        self.ended = False
        self.exc_info_error: BaseException | None = None  # what the last `exc_info` told of

    # ---- in the loop

    def take(self) -> Batch:
        """What has come since the last time; the thread may go on."""
        handover = self.handover
        with handover.changed:
            batch = Batch(self.chunks, self.ended, handover.done)
            self.chunks = []
            self.buffered = 0
            handover.changed.notify()
        return batch

    def head(self) -> Message:
        """The message that begins the response, once there is something to send."""
        assert self.message is not None, "the thread sends nothing before it"
        return self.message

    # ---- in the thread

    def start(
        self, status: str, response_headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """`start_response`. With `exc_info`, replaces what was started, or raises that once it is on its way."""
        if exc_info is not None:
            try:
                if self.on_its_way:
                    raise exc_info[1].with_traceback(exc_info[2])
                self.exc_info_error = exc_info[1]
            finally:
                # PEP 3333: a traceback that holds this frame, and this frame the traceback, would be a circle.
                exc_info = None
        elif self.message is not None:
            raise RuntimeError("start_response() was called a second time, and without exc_info")
        code = _status_code(status)
        encoded = [_encode_header(name, value) for name, value in response_headers]
        self.remaining = None if self.is_head or code in {204, 304} else _content_length(encoded)
        kept = [(name, value) for name, value in encoded if self._is_kept(name, value)]
        self.message = {"type": "http.response.start", "status": code, "headers": kept}
        return self.write

    def write(self, data: bytes) -> None:
        """The `write` of PEP 3333. Waits while the client is slower; raises OSError once it is gone."""
        chunk = _require_bytes(data)
        if self.remaining is not None and len(chunk) > self.remaining:
            raise RuntimeError("write() got more than the content-length that was announced")
        self._put(chunk)

    def send(self, result: Iterable[bytes]) -> None:
        """Send what the application returned. Afterwards `path` is the file to send, if it is to be sent so."""
        if isinstance(result, FileWrapper) and self._send_path(result):
            return
        if isinstance(result, list | tuple):
            # All of it is there: it goes in one message, and so with its length.
            self._require_start()
            self._put(self._cut(b"".join([_require_bytes(chunk) for chunk in result])), last=True)
        else:
            self._stream(result)
            self._require_start()
            self._put(b"", last=True)

    def _stream(self, result: Iterable[bytes]) -> None:
        for item in result:
            # A generator calls start_response only now.
            self._require_start()
            chunk = _require_bytes(item)
            if self.is_head:
                return
            fitting = self._cut(chunk)
            self._put(fitting)
            if len(fitting) < len(chunk):
                # PEP 3333: past the content-length, stop iterating.
                return

    def _send_path(self, wrapper: FileWrapper) -> bool:
        """Leave the file to the server if it sends paths, and if the file is what the headers say."""
        if self.message is None or self.on_its_way or self.is_head or not self.sends_paths:
            return False
        found = wrapper.as_path()
        if found is None or self.message["status"] in {204, 304}:
            return False
        self.handover.check()
        path, size = found
        if self.remaining is None:
            self.message["headers"].append((b"content-length", str(size).encode()))
        elif self.remaining != size:
            return False
        self.path = path
        return True

    def _put(self, chunk: bytes, last: bool = False) -> None:
        """Queue a chunk for the loop: once there is room for it, or at once if it is the last that is held for it."""
        handover = self.handover
        with handover.changed:
            while self.buffered >= HIGH_WATER and not handover.lost and not last:
                handover.changed.wait()
            handover.check()
            if chunk:
                self.on_its_way = True
                if self.remaining is not None:
                    self.remaining -= len(chunk)
                self.chunks.append(chunk)
                self.buffered += len(chunk)
            if last:
                self.ended = True
            if chunk or last:
                handover.tell_loop()

    def _cut(self, chunk: bytes) -> bytes:
        return chunk if self.remaining is None else chunk[: self.remaining]

    def _require_start(self) -> None:
        if self.message is None:
            raise RuntimeError("the application answered without calling start_response() before")

    def _is_kept(self, name: bytes, value: bytes) -> bool:
        if name not in HOP_BY_HOP:
            return True
        # Not the application's to say, but where it does, meant.
        return self.is_http1 and name == b"connection" and value.lower() == b"close"


def _status_code(status: Any) -> int:
    if not isinstance(status, str):
        raise TypeError(f'a status is a str such as "200 OK", got {status!r}')
    code = status[:3]
    if not (len(code) == 3 and code.isascii() and code.isdigit() and status[3:4] in {"", " "} and code >= "200"):
        raise ValueError(f'a status is such as "200 OK", got {status!r}')
    return int(code)


def _encode_header(name: Any, value: Any) -> tuple[bytes, bytes]:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"a header is a name and a value, both str, got {name!r}: {value!r}")
    try:
        return name.lower().encode("latin-1"), value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"a header holds latin-1 characters only, got {name!r}: {value!r}") from None


def _content_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                raise ValueError(f"content-length must be a number, got {value!r}")
            return int(value)
    return None


def _require_bytes(data: Any) -> bytes:
    if not isinstance(data, bytes):
        raise TypeError(f"a response body is made of bytes, got {data!r:.100}")
    return data
