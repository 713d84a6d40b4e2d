"""JSON web tokens (RFC 7519), signed with HMAC-SHA256 (RFC 7515, A.1) and the site's SECRET_KEY."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from hashlib import sha256
from typing import Any

from conduit.settings import Settings

from blog.models import User
from vivace.rest.authentication import TokenAuthentication

LIFETIME = 7 * 24 * 3600
_HEADER = {"alg": "HS256", "typ": "JWT"}


def token_for(user: User) -> str:
    """A token that says who `user` is, for a week."""
    signed = f"{_encoded(_HEADER)}.{_encoded({'sub': str(user.pk), 'exp': int(time.time()) + LIFETIME})}"
    return f"{signed}.{_signature(signed)}"


def user_key_of(token: str) -> int | None:
    """Whose token this is; None for one that is expired, or not ours."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(signed).encode(), signature.encode("utf-8", "replace")):
        return None
    # Signed by us, so it has our header and claims.
    claims = json.loads(urlsafe_b64decode(signed.partition(".")[2] + "=="))
    return int(claims["sub"]) if claims["exp"] > time.time() else None


def _encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _signature(signed: str) -> str:
    digest = hmac.digest(_key(), signed.encode("utf-8", "replace"), sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


@cache
def _key() -> bytes:
    key = str(Settings.load().SECRET_KEY)
    if not key:
        raise RuntimeError("Tokens are signed with SECRET_KEY: set VIVACE_SECRET_KEY to a long random text")
    return key.encode()


class JWTAuthentication(TokenAuthentication):
    """`Authorization: Token <JWT>`."""

    async def find(self, *credentials: str) -> User | None:
        """The user whose token this is, None for nobody's."""
        key = user_key_of(credentials[0])
        return None if key is None else await User.objects.filter(pk=key).first()
