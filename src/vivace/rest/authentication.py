"""Who asks: by a password, a token, an API key, or as the server in front says; `rest_framework.authentication`.

Each class finds the user with a lookup of yours, so users may be kept anywhere: derive and write
`authenticate_credentials()`, or give a function:

    authentication_classes = [TokenAuthentication.using(find_user_by_token)]
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, ClassVar, Self

from vivace.rest.exceptions import AuthenticationFailed

Lookup = Callable[..., Any]


class BaseAuthentication:
    """Finds out who asks; both methods may be `async def`.

    `security_scheme` is what the OpenAPI document says of it, under `security_scheme_name`; None for nothing.
    """

    security_scheme: ClassVar[Mapping[str, Any] | None] = None
    security_scheme_name: ClassVar[str | None] = None

    def authenticate(self, request: Any) -> Any:
        """`(user, auth)`, or None when this is not how they say who they are. Raises AuthenticationFailed."""
        raise NotImplementedError(f"{type(self).__name__}.authenticate() is needed")

    def authenticate_header(self, request: Any) -> Any:
        """The WWW-Authenticate header of a 401; with None the answer is a 403 instead."""
        return None


class _LookedUp(BaseAuthentication):
    """What the classes below have in common: a function that knows who belongs to the credentials."""

    lookup: ClassVar[Lookup | None] = None

    @classmethod
    def using(cls, lookup: Lookup) -> type[Self]:
        """This class with `lookup`, a function (async or plain, quick) that gives the user, or None for nobody."""
        if not callable(lookup):
            raise TypeError(f"{cls.__name__}.using() takes a function that finds the user, got {lookup!r}")
        return type(cls.__name__, (cls,), {"lookup": staticmethod(lookup), "__module__": cls.__module__})

    async def find(self, *credentials: str) -> Any:
        """What `lookup` gives for these credentials. Raises TypeError without a lookup."""
        if self.lookup is None:
            raise TypeError(
                f"{type(self).__name__} does not know your users: write authenticate_credentials(), "
                f"or use {type(self).__name__}.using(function)"
            )
        return await _settled(self.lookup(*credentials))


async def _settled(value: Any) -> Any:
    return await value if isinstance(value, CoroutineType) else value


def get_authorization_header(request: Any) -> bytes:
    """The Authorization header as it was sent; empty without one."""
    header: str = request.headers.get("authorization", "")
    return header.encode("latin-1")


def _credentials(request: Any, keyword: str, kind: str) -> str | None:
    """What follows the keyword in the Authorization header; None for another scheme. Raises AuthenticationFailed."""
    parts = get_authorization_header(request).split()
    if not parts or parts[0].lower() != keyword.lower().encode():
        return None
    if len(parts) == 1:
        raise AuthenticationFailed(f"Invalid {kind} header. No credentials provided.")
    if len(parts) > 2:
        what = "Credentials string" if kind == "basic" else "Token string"
        raise AuthenticationFailed(f"Invalid {kind} header. {what} should not contain spaces.")
    return parts[1].decode("latin-1")


def _active(user: Any) -> Any:
    """`user`. Raises AuthenticationFailed for one who has been switched off."""
    if not getattr(user, "is_active", True):
        raise AuthenticationFailed("User inactive or deleted.")
    return user


class BasicAuthentication(_LookedUp):
    """A user name and a password in the Authorization header (RFC 7617); `lookup(userid, password)` gives the user.

    Compare passwords by a slow hash off the event loop, and compare with one also when there is no such user, so that
    the time tells nobody which users there are.
    """

    www_authenticate_realm = "api"
    security_scheme: ClassVar[Mapping[str, Any] | None] = {"type": "http", "scheme": "basic"}
    security_scheme_name: ClassVar[str | None] = "basicAuth"

    async def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        encoded = _credentials(request, "basic", "basic")
        if encoded is None:
            return None
        try:
            decoded = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise AuthenticationFailed("Invalid basic header. Credentials not correctly base64 encoded.") from None
        userid, colon, password = _text(decoded).partition(":")
        if not colon:
            raise AuthenticationFailed("Invalid basic header. Credentials not correctly base64 encoded.")
        found: tuple[Any, Any] = await _settled(self.authenticate_credentials(userid, password, request))
        return found

    async def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        """The user of these credentials, and None. Raises AuthenticationFailed."""
        user = await self.find(userid, password)
        if user is None:
            raise AuthenticationFailed("Invalid username/password.")
        return _active(user), None

    def authenticate_header(self, request: Any) -> str:
        return f'Basic realm="{self.www_authenticate_realm}"'


def _text(decoded: bytes) -> str:
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return decoded.decode("latin-1")


class TokenAuthentication(_LookedUp):
    """`Authorization: Token 401f7ac8…`; `lookup(token)` gives the user, or `(user, token object)` for `request.auth`.

    Set `keyword = "Bearer"` for RFC 6750's word. Keep digests of tokens, not tokens: who reads the table should not be
    able to log in.
    """

    keyword = "Token"
    security_scheme: ClassVar[Mapping[str, Any] | None] = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": 'Token-based authentication with required prefix "Token"',
    }
    security_scheme_name: ClassVar[str | None] = "tokenAuth"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "keyword" in vars(cls) and "security_scheme" not in vars(cls):
            cls.security_scheme = _scheme_of(cls.keyword)

    async def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        token = _credentials(request, self.keyword, "token")
        if token is None:
            return None
        if not token.isascii():
            raise AuthenticationFailed("Invalid token header. Token string should not contain invalid characters.")
        found: tuple[Any, Any] = await _settled(self.authenticate_credentials(token))
        return found

    async def authenticate_credentials(self, key: str) -> Any:
        """The user whose token this is, and what `request.auth` shall be. Raises AuthenticationFailed."""
        found = await self.find(key)
        user, auth = found if isinstance(found, tuple) else (found, key)
        if user is None:
            raise AuthenticationFailed("Invalid token.")
        return _active(user), auth

    def authenticate_header(self, request: Any) -> str:
        return self.keyword


def _scheme_of(keyword: str) -> Mapping[str, Any]:
    if keyword.lower() == "bearer":
        return {"type": "http", "scheme": "bearer"}
    description = f'Token-based authentication with required prefix "{keyword}"'
    return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


class APIKeyAuthentication(_LookedUp):
    """A key in a header of its own, `X-API-Key` unless `header` says otherwise; `lookup(key)` as for tokens.

    With `query_param` the key may also be in the URL, where proxies write it into their logs.
    """

    header = "X-API-Key"
    query_param: str | None = None
    security_scheme: ClassVar[Mapping[str, Any] | None] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    security_scheme_name: ClassVar[str | None] = "apiKeyAuth"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "header" in vars(cls) and "security_scheme" not in vars(cls):
            cls.security_scheme = {"type": "apiKey", "in": "header", "name": cls.header}

    async def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        key = request.headers.get(self.header)
        if key is None and self.query_param is not None:
            key = request.query_params.get(self.query_param)
        if not key:
            return None
        found: tuple[Any, Any] = await _settled(self.authenticate_credentials(key))
        return found

    async def authenticate_credentials(self, key: str) -> Any:
        """The user whose key this is, and what `request.auth` shall be. Raises AuthenticationFailed."""
        found = await self.find(key)
        user, auth = found if isinstance(found, tuple) else (found, key)
        if user is None:
            raise AuthenticationFailed("Invalid API key.")
        return _active(user), auth

    def authenticate_header(self, request: Any) -> str:
        # RFC 9110 11.6.1 wants a scheme; this is the one that the name in the registry is missing for.
        return f'ApiKey header="{self.header}"'


class RemoteUserAuthentication(_LookedUp):
    """Whoever the server in front has let in and names; `lookup(name)` gives the user.

    The name is `scope["remote_user"]`, which a server or a middleware sets, or with `header` that request header.
    **Only set `header` behind a proxy that always sets it itself**: a client who reaches the application can send it.
    """

    header: str | None = None

    async def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        name = request.scope.get("remote_user") if self.header is None else request.headers.get(self.header)
        if not name:
            return None
        user = await self.find(name)
        return None if user is None or not getattr(user, "is_active", True) else (user, None)
