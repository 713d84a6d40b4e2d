"""Values that go to somebody else and come back: signed, dated, and so not to be changed or made up.

Signed is not secret: whoever has the text can read it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence


class BadSignature(ValueError):
    """The text was not signed by us, not for this purpose, or was changed."""


class SignatureExpired(BadSignature):
    """The text was signed by us, longer ago than is allowed."""


class Signer:
    """Signs bytes for one purpose (`salt`): what is signed for one cannot be used for another.

    `secret` may be several: the first signs, all verify, so that a secret can be changed while what it signed is still
    about. HMAC-SHA256 (RFC 2104), with a key of its own for each salt. ValueError for an empty secret.
    """

    def __init__(self, secret: str | Sequence[str], *, salt: str) -> None:
        secrets = [secret] if isinstance(secret, str) else list(secret)
        if not secrets or not all(secrets):
            raise ValueError("A Signer needs a secret, got an empty one. `secrets.token_urlsafe(32)` makes a good one.")
        self._keys = [
            hmac.digest(each.encode(), b"vivace.signing:" + salt.encode(), hashlib.sha256) for each in secrets
        ]

    def sign(self, value: bytes) -> str:
        """The value, the time and the signature, as text that is safe in URLs, cookies and headers."""
        signed = f"{_encode(value)}.{_encode(int(time.time()).to_bytes(6, 'big'))}"
        return f"{signed}.{_encode(self._signature(self._keys[0], signed))}"

    def unsign(self, text: str, *, max_age: float | None = None) -> bytes:
        """The value; BadSignature when it is not ours, SignatureExpired when it is older than `max_age` seconds."""
        signed, _, signature = text.rpartition(".")
        value, _, signed_at = signed.partition(".")
        try:
            claimed = _decode(signature)
            if not any(hmac.compare_digest(claimed, self._signature(key, signed)) for key in self._keys):
                raise BadSignature("The signature does not fit.")
            payload, age = _decode(value), time.time() - int.from_bytes(_decode(signed_at), "big")
        except (binascii.Error, UnicodeEncodeError):
            raise BadSignature("This is no signed text.") from None
        if max_age is not None and age > max_age:
            raise SignatureExpired(f"Signed {age:.0f} seconds ago; at most {max_age:g} are allowed.")
        return payload

    @staticmethod
    def _signature(key: bytes, signed: str) -> bytes:
        return hmac.digest(key, signed.encode("ascii"), hashlib.sha256)


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)
