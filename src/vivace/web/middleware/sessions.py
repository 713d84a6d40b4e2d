"""Sessions in a signed cookie: the client can read what it holds, and cannot change it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, Self

from vivace.utils.signing import BadSignature, Signer
from vivace.web.caching import add_vary
from vivace.web.datastructures import MutableHeaders, Secret
from vivace.web.middleware._start import ANY_START, HeaderList, editing_start
from vivace.web.requests import HTTPConnection
from vivace.web.types import ASGIApp, Receive, Scope, Send

# RFC 6265 6.1: what every browser keeps of a cookie, name and attributes included. Larger ones are dropped silently.
MAX_COOKIE_BYTES = 4096


class SessionMiddleware:
    """Gives `request.session`, a dict of JSON values that the client keeps in a cookie signed with `secret_key`.

    The cookie is sent when the session has changed, in whatever depth, and taken back when it was emptied; a response
    for which the session was read says `Vary: Cookie`. `secret_key` may be several keys, newest first, to change it
    without ending the sessions there are. A session too large for a cookie is a ValueError.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: str | Secret | Sequence[str | Secret],
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 60 * 60,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
    ) -> None:
        keys = [secret_key] if isinstance(secret_key, str | Secret) else secret_key
        self.app = app
        self.signer = Signer([str(key) for key in keys], salt="vivace.web.sessions")
        self.session_cookie = session_cookie
        self.max_age = max_age
        self.path = path
        self.security_flags = "httponly; samesite=" + same_site
        if https_only:
            self.security_flags += "; secure"
        if domain is not None:
            self.security_flags += f"; domain={domain}"
        if partitioned:
            self.security_flags += "; partitioned"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        stored = self._read(HTTPConnection(scope).cookies.get(self.session_cookie))
        scope["session"] = Session(json.loads(stored))

        def write(headers: HeaderList) -> None:
            self._write(scope["session"], stored, headers)

        await self.app(scope, receive, editing_start(send, write, ANY_START))

    def _read(self, cookie: str | None) -> str:
        """The JSON of the session in this cookie; of an empty one when it is not ours or too old."""
        if cookie is None:
            return "{}"
        try:
            text = self.signer.unsign(cookie, max_age=self.max_age).decode()
            return text if isinstance(json.loads(text), dict) else "{}"
        except (BadSignature, ValueError):
            return "{}"

    def _write(self, session: Session, stored: str, fields: HeaderList) -> None:
        if not session.accessed:
            return
        add_vary(fields, "Cookie")
        headers = MutableHeaders(raw=fields)
        text = json.dumps(session, separators=(",", ":"))
        if session and (session.modified or text != stored):
            age = f"Max-Age={self.max_age}; " if self.max_age is not None else ""
            headers.append("set-cookie", self._cookie(self.signer.sign(text.encode()), age))
        elif not session and stored != "{}":
            headers.append("set-cookie", self._cookie("null", "expires=Thu, 01 Jan 1970 00:00:00 GMT; "))

    def _cookie(self, value: str, age: str) -> str:
        cookie = f"{self.session_cookie}={value}; path={self.path}; {age}{self.security_flags}"
        if len(cookie) > MAX_COOKIE_BYTES:
            raise ValueError(
                f"The session needs a cookie of {len(cookie)} bytes; browsers keep {MAX_COOKIE_BYTES}. "
                "Keep large values on the server and their keys in the session."
            )
        return cookie


class Session(dict[str, Any]):
    """A session; it knows whether it was looked at and whether it was changed."""

    accessed = False
    modified = False

    def mark_accessed(self) -> None:
        """The response depends on the session. `request.session` calls it."""
        self.accessed = True

    def mark_modified(self) -> None:
        """The session is to be saved, whether it looks changed or not."""
        self.accessed = self.modified = True

    def __setitem__(self, key: str, value: Any) -> None:
        self.mark_modified()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.mark_modified()
        super().__delitem__(key)

    def __ior__(self, other: Any, /) -> Self:  # type: ignore[override,misc]
        self.mark_modified()
        return super().__ior__(other)

    def clear(self) -> None:
        self.mark_modified()
        super().clear()

    def pop(self, key: str, *default: Any) -> Any:
        if key in self:
            self.mark_modified()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        item = super().popitem()
        self.mark_modified()
        return item

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self.mark_modified()
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.mark_modified()
        super().update(*args, **kwargs)
