"""Passwords are kept as scrypt hashes (RFC 7914), made off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets

COST = {"n": 2**14, "r": 8, "p": 5}  # OWASP's choice for 16 MiB


async def hashed(password: str) -> str:
    """What is stored: salt and hash, in hexadecimal."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${(await _scrypt(password, salt)).hex()}"


async def is_right(password: str, stored: str | None) -> bool:
    """Whether `password` is the one hashed as `stored`; takes as long for None, so nobody learns who has an account."""
    salt, _, expected = (stored or f"{'00' * 16}$").partition("$")
    found = await _scrypt(password, bytes.fromhex(salt))
    return hmac.compare_digest(found.hex(), expected)


async def _scrypt(password: str, salt: bytes) -> bytes:
    return await asyncio.to_thread(hashlib.scrypt, password.encode("utf-8", "surrogatepass"), salt=salt, **COST)
