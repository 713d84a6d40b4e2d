"""The token of a visitor: a secret that stays in the cookie or session, shown as something else each time.

A page that is compressed and repeats what a request said gives a secret away byte by byte (the BREACH attack), so pages
never hold the secret itself, but a random mask and the secret under it. A script, which reads the cookie, sends the
secret bare; both are taken.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from html import escape

from vivace.web.requests import HTTPConnection
from vivace.web.types import Scope

STATE_KEY = "vivace.csrf"
SECRET_BYTES = 16

_BARE = re.compile(f"[0-9a-f]{{{2 * SECRET_BYTES}}}")
_MASKED = re.compile(f"[0-9a-f]{{{4 * SECRET_BYTES}}}")


def read_secret(text: str | None) -> bytes | None:
    """The secret of a cookie or session; None when there is none or it is not of our making."""
    return bytes.fromhex(text) if text is not None and _BARE.fullmatch(text) else None


def mask(secret: bytes) -> str:
    """A token that stands for the secret: different each time."""
    key = secrets.token_bytes(SECRET_BYTES)
    return (key + _xor(key, secret)).hex()


def unmask(token: str) -> bytes | None:
    """The secret for which a token stands, masked or bare; None for what is no token."""
    if _MASKED.fullmatch(token):
        data = bytes.fromhex(token)
        return _xor(data[:SECRET_BYTES], data[SECRET_BYTES:])
    return read_secret(token)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


class CSRFState:
    """What a request knows of its token: the secret it came with, and whether the response is to bring one.

    `find()` and `keep(secret)` read and write where the secret lives, if it is not in the cookie of the response.
    """

    __slots__ = ("_find", "_is_known", "_keep", "_secret", "field_name", "is_checked", "is_late", "is_used")

    def __init__(self, field_name: str, find: Callable[[], str | None], keep: Callable[[str], None] | None) -> None:
        self.field_name = field_name
        self.is_checked = False
        self.is_used = False
        self.is_late = False
        self._find = find
        self._keep = keep
        self._secret: bytes | None = None
        self._is_known = False

    @property
    def secret(self) -> bytes | None:
        """The visitor's secret, if there is one."""
        if not self._is_known:
            self._secret, self._is_known = read_secret(self._find()), True
        return self._secret

    def token(self) -> str:
        """A token for this visitor, who gets a secret if need be."""
        secret = self.secret or self.rotate()
        self.is_used = True
        return mask(secret)

    def rotate(self) -> bytes:
        """A new secret. RuntimeError when it is too late to tell the visitor."""
        if self.is_late and self._keep is None:
            raise RuntimeError(
                "The CSRF token was first asked for after the response had started: its cookie cannot be set any more. "
                "Call get_token(request) before streaming begins."
            )
        secret = self._secret = secrets.token_bytes(SECRET_BYTES)
        self._is_known = self.is_used = True
        if self._keep is not None:
            self._keep(secret.hex())
        return secret

    def accepts(self, token: str) -> bool:
        """Whether this token is the visitor's."""
        sent, secret = unmask(token), self.secret
        return sent is not None and secret is not None and hmac.compare_digest(sent, secret)


def get_token(connection: HTTPConnection) -> str:
    """The CSRF token for a form or a script; the response then sets its cookie. RuntimeError without CSRFMiddleware."""
    return _state(connection.scope).token()


def rotate_token(connection: HTTPConnection) -> None:
    """Gives the visitor a new secret. Part of every login: whoever knew the one before must not know this one."""
    _state(connection.scope).rotate()


def _state(scope: Scope) -> CSRFState:
    state: CSRFState | None = scope.get(STATE_KEY)
    if state is None:
        raise RuntimeError("CSRFMiddleware, with require_token, must be installed to have a CSRF token.")
    return state


class TemplateToken:
    """`{{ csrf_token }}`: the token, made when a template shows it."""

    __slots__ = ("state",)

    def __init__(self, state: CSRFState) -> None:
        self.state = state

    def __str__(self) -> str:
        return self.state.token()


class TemplateInput(TemplateToken):
    """`{{ csrf_input }}`: the hidden field of a form."""

    __slots__ = ()

    def __str__(self) -> str:
        return f'<input type="hidden" name="{escape(self.state.field_name)}" value="{self.state.token()}">'

    __html__ = __str__
