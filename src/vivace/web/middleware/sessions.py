"""Sessions in a signed cookie: the client can read what it holds, and cannot change it.

Or in a `SessionStore`, and then the cookie holds no more than a signed key.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Self

from vivace.utils.signing import BadSignature, Signer
from vivace.web.caching import add_vary
from vivace.web.datastructures import MutableHeaders, Secret
from vivace.web.middleware._start import ANY_START, HeaderList, editing_start
from vivace.web.requests import HTTPConnection
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

# RFC 6265 6.1: what every browser keeps of a cookie, name and attributes included. Larger ones are dropped silently.
MAX_COOKIE_BYTES = 4096


class SessionStore(Protocol):
    """Keeps sessions by a key, which nobody can guess."""

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """What was saved; None when there is nothing (any more)."""

    async def save(self, key: str, data: Mapping[str, Any], max_age: int | None) -> None:
        """Keep it, for so many seconds if that is said."""

    async def delete(self, key: str) -> None:
        """Forget it, if it is there."""


class SessionMiddleware:
    """Gives `request.session`, a dict of JSON values that the client keeps in a cookie signed with `secret_key`.

    The cookie is sent when the session has changed, in whatever depth, and taken back when it was emptied; a response
    for which the session was read says `Vary: Cookie`. `secret_key` may be several keys, newest first, to change it
    without ending the sessions there are. A session too large for a cookie is a ValueError, raised where the response
    begins.

    * `max_age`: seconds after which a cookie that was not sent anew is not believed; None lets it last as long as the
      browser, and for ever.
    * `rolling`: send the cookie with every response, so that a session ends `max_age` after its last request.
    * `partitioned`: in a page of another site, a session for each such site (CHIPS); browsers want `https_only` for it.
    * `store`: keep sessions there, whatever their size, so that they can be ended from the server. The cookie is a
      random key then, made here: one that a client brings and the store does not know is never used.

    Both HTTP and WebSocket have it; a WebSocket's is saved when it is accepted. What changes after a response has begun
    is not saved.
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
        *,
        rolling: bool = False,
        store: SessionStore | None = None,
    ) -> None:
        keys = [secret_key] if isinstance(secret_key, str | Secret) else secret_key
        self.app = app
        self.signer = Signer([str(key) for key in keys], salt="vivace.web.sessions")
        self.session_cookie = session_cookie
        self.max_age = max_age
        self.path = path
        self.rolling = rolling
        self.store = store
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
        cookie = HTTPConnection(scope).cookies.get(self.session_cookie)
        if self.store is not None:
            await self._call_with_store(self.store, self._unsigned(cookie), scope, receive, send)
            return
        stored = self._read(cookie)
        scope["session"] = Session(json.loads(stored))

        def write(headers: HeaderList) -> None:
            self._write(scope["session"], stored, headers)

        await self.app(scope, receive, editing_start(send, write, ANY_START))

    def _read(self, cookie: str | None) -> str:
        """The JSON of the session in this cookie; of an empty one when it is not ours or too old."""
        text = self._unsigned(cookie)
        try:
            return text if text is not None and isinstance(json.loads(text), dict) else "{}"
        except ValueError:
            return "{}"

    def _unsigned(self, cookie: str | None) -> str | None:
        if cookie is None:
            return None
        try:
            return self.signer.unsign(cookie, max_age=self.max_age).decode()
        except (BadSignature, ValueError):
            return None

    def _write(self, session: Session, stored: str, fields: HeaderList) -> None:
        if not session.accessed and not (self.rolling and session):
            return
        add_vary(fields, "Cookie")
        headers = MutableHeaders(raw=fields)
        text = json.dumps(session, separators=(",", ":"))
        if session and (session.modified or text != stored or self.rolling):
            headers.append("set-cookie", self._cookie(text))
        elif not session and stored != "{}":
            headers.append("set-cookie", self._cookie(None))

    async def _call_with_store(
        self, store: SessionStore, key: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        found = await store.load(key) if key is not None else None
        known = key if found is not None else None
        scope["session"] = Session(found or {})
        stored = json.dumps(scope["session"])

        async def saving(message: Message) -> None:
            session: Session = scope["session"]
            if message["type"] in ANY_START and (session.accessed or (self.rolling and session)):
                cookie = await self._save(store, known, session, stored)
                headers = list(message.get("headers") or ())
                add_vary(headers, "Cookie")
                if cookie is not None:
                    MutableHeaders(raw=headers).append("set-cookie", cookie)
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, saving)

    async def _save(self, store: SessionStore, key: str | None, session: Session, stored: str) -> str | None:
        """Keep the session if it has changed. Returns the cookie that the client has to get, if it has to get one."""
        if not session:
            if key is None:
                return None
            await store.delete(key)
            return self._cookie(None)
        if key is not None and not session.cycled:
            if session.modified or self.rolling or json.dumps(session) != stored:
                await store.save(key, session, self.max_age)
            return self._cookie(key) if self.rolling else None
        new = secrets.token_urlsafe(32)
        await store.save(new, session, self.max_age)
        if key is not None:
            await store.delete(key)
        return self._cookie(new)

    def _cookie(self, content: str | None) -> str:
        """One that holds this, or that takes back what the client has."""
        if content is None:
            value, age = "null", "expires=Thu, 01 Jan 1970 00:00:00 GMT; "
        else:
            value = self.signer.sign(content.encode())
            age = f"Max-Age={self.max_age}; " if self.max_age is not None else ""
        cookie = f"{self.session_cookie}={value}; path={self.path}; {age}{self.security_flags}"
        if len(cookie) > MAX_COOKIE_BYTES:
            raise ValueError(
                f"The session needs a cookie of {len(cookie)} bytes; browsers keep {MAX_COOKIE_BYTES}. "
                "Keep large values on the server and their keys in the session, or give SessionMiddleware a store."
            )
        return cookie


class Session(dict[str, Any]):
    """A session; it knows whether it was looked at and whether it was changed."""

    accessed = False
    modified = False
    cycled = False

    def mark_accessed(self) -> None:
        """The response depends on the session. `request.session` calls it."""
        self.accessed = True

    def mark_modified(self) -> None:
        """The session is to be saved, whether it looks changed or not."""
        self.accessed = self.modified = True

    def cycle(self) -> None:
        """Keep what it holds under another key: call it at every login, and when rights change.

        Somebody may have given the visitor the key, in the hope to share the session afterwards ("session fixation").
        In a cookie without a store there is no key to share; then it only sends the cookie anew.
        """
        self.cycled = True
        self.mark_modified()

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
