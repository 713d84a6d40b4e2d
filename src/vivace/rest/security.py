"""How somebody says who they are, for `Depends` and `Security` (names as in `fastapi.security`).

    token = OAuth2PasswordBearer(tokenUrl="token")

    @app.api.get("/me")
    async def me(token: Annotated[str, Depends(token)]) -> User: ...

Each takes what was sent out of the request and checks nothing but its form; without it the answer is 401 with a
challenge, or the value is None with `auto_error=False`. The OpenAPI document says which of them an operation needs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from vivace.rest.functions.markers import Form, SecurityScopes
from vivace.web.exceptions import HTTPException
from vivace.web.requests import HTTPConnection

__all__ = [
    "APIKeyCookie",
    "APIKeyHeader",
    "APIKeyQuery",
    "HTTPAuthorizationCredentials",
    "HTTPBasic",
    "HTTPBasicCredentials",
    "HTTPBearer",
    "HTTPDigest",
    "OAuth2",
    "OAuth2AuthorizationCodeBearer",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OAuth2PasswordRequestFormStrict",
    "OpenIdConnect",
    "SecurityBase",
    "SecurityScopes",
]


@dataclass(frozen=True, slots=True)
class HTTPBasicCredentials:
    """A name and a password, as they were sent."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"HTTPBasicCredentials(username={self.username!r}, password='********')"


@dataclass(frozen=True, slots=True)
class HTTPAuthorizationCredentials:
    """The two parts of an Authorization header: "Bearer" and the token, for instance."""

    scheme: str
    credentials: str

    def __repr__(self) -> str:
        return f"HTTPAuthorizationCredentials(scheme={self.scheme!r}, credentials='********')"


class SecurityBase:
    """A security scheme: `definition` is OpenAPI's, under `scheme_name`; calling it gives what was sent."""

    challenge = ""

    def __init__(
        self, definition: Mapping[str, Any], scheme_name: str | None, description: str | None, auto_error: bool
    ) -> None:
        self.definition = {**definition, **({} if description is None else {"description": description})}
        self.scheme_name = scheme_name or type(self).__name__
        self.auto_error = auto_error

    def find(self, connection: HTTPConnection[Any]) -> Any:
        """What was sent; None for nothing."""
        raise NotImplementedError

    async def __call__(self, connection: HTTPConnection[Any]) -> Any:
        found = self.find(connection)
        if found is None and self.auto_error:
            raise self.unauthenticated()
        return found

    def unauthenticated(self) -> HTTPException:
        """The answer to somebody who has not said who they are (RFC 9110 11.6.1: with a challenge)."""
        return HTTPException(401, "Not authenticated", {"WWW-Authenticate": self.challenge})


# A key


class _APIKey(SecurityBase):
    challenge = "APIKey"
    place = ""

    def __init__(
        self, *, name: str, scheme_name: str | None = None, description: str | None = None, auto_error: bool = True
    ) -> None:
        super().__init__({"type": "apiKey", "in": self.place, "name": name}, scheme_name, description, auto_error)
        self.name = name


class APIKeyQuery(_APIKey):
    """A key in the query. It is in logs and histories then: a header is better."""

    place = "query"

    def find(self, connection: HTTPConnection[Any]) -> str | None:
        return connection.query_params.get(self.name) or None


class APIKeyHeader(_APIKey):
    """A key in a header."""

    place = "header"

    def find(self, connection: HTTPConnection[Any]) -> str | None:
        return connection.headers.get(self.name) or None


class APIKeyCookie(_APIKey):
    """A key in a cookie."""

    place = "cookie"

    def find(self, connection: HTTPConnection[Any]) -> str | None:
        return connection.cookies.get(self.name) or None


# The Authorization header


def _authorization(connection: HTTPConnection[Any]) -> tuple[str, str]:
    scheme, _, rest = (connection.headers.get("authorization") or "").partition(" ")
    return scheme, rest.strip()


class _HTTPScheme(SecurityBase):
    scheme = ""

    def __init__(
        self,
        definition: Mapping[str, Any],
        scheme_name: str | None,
        description: str | None,
        auto_error: bool,
    ) -> None:
        super().__init__({"type": "http", "scheme": self.scheme, **definition}, scheme_name, description, auto_error)
        self.challenge = self.scheme.title()

    def find(self, connection: HTTPConnection[Any]) -> Any:
        scheme, credentials = _authorization(connection)
        if scheme.lower() != self.scheme or not credentials:
            return None
        return HTTPAuthorizationCredentials(scheme, credentials)


class HTTPBearer(_HTTPScheme):
    """`Authorization: Bearer …` (RFC 6750) as `HTTPAuthorizationCredentials`."""

    scheme = "bearer"

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,  # noqa: N803 - as OpenAPI and FastAPI call it
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        definition = {} if bearerFormat is None else {"bearerFormat": bearerFormat}
        super().__init__(definition, scheme_name, description, auto_error)


class HTTPDigest(_HTTPScheme):
    """`Authorization: Digest …` (RFC 7616) as `HTTPAuthorizationCredentials`; checking it is left to you."""

    scheme = "digest"

    def __init__(
        self, *, scheme_name: str | None = None, description: str | None = None, auto_error: bool = True
    ) -> None:
        super().__init__({}, scheme_name, description, auto_error)


class HTTPBasic(_HTTPScheme):
    """`Authorization: Basic …` (RFC 7617) as `HTTPBasicCredentials`; what is no such header is a 401 always."""

    scheme = "basic"

    def __init__(
        self,
        *,
        scheme_name: str | None = None,
        realm: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        if realm is not None and not (realm.isprintable() and '"' not in realm and "\\" not in realm):
            raise ValueError(f"HTTPBasic(realm={realm!r}): a realm is printable text without quotes and backslashes.")
        super().__init__({}, scheme_name, description, auto_error)
        if realm is not None:
            self.challenge = f'Basic realm="{realm}"'

    def find(self, connection: HTTPConnection[Any]) -> HTTPBasicCredentials | None:
        scheme, encoded = _authorization(connection)
        if scheme.lower() != "basic":
            return None
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise self.unauthenticated() from error
        username, colon, password = text.partition(":")
        if not colon:
            raise self.unauthenticated()
        return HTTPBasicCredentials(username, password)


# OAuth 2 and OpenID Connect


class OAuth2(SecurityBase):
    """OAuth 2 with any `flows` (OpenAPI's); gives the whole Authorization header."""

    challenge = "Bearer"

    def __init__(
        self,
        *,
        flows: Mapping[str, Any] | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__({"type": "oauth2", "flows": dict(flows or {})}, scheme_name, description, auto_error)

    def find(self, connection: HTTPConnection[Any]) -> str | None:
        return connection.headers.get("authorization") or None


class _BearerToken(OAuth2):
    def find(self, connection: HTTPConnection[Any]) -> str | None:
        scheme, token = _authorization(connection)
        return token if scheme.lower() == "bearer" and token else None


class OAuth2PasswordBearer(_BearerToken):
    """The token of OAuth 2's password flow, which is asked for at `tokenUrl`."""

    def __init__(
        self,
        tokenUrl: str,  # noqa: N803 - as OpenAPI and FastAPI call it
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
        refreshUrl: str | None = None,  # noqa: N803
    ) -> None:
        flow = _without_none({"tokenUrl": tokenUrl, "refreshUrl": refreshUrl, "scopes": dict(scopes or {})})
        super().__init__(
            flows={"password": flow}, scheme_name=scheme_name, description=description, auto_error=auto_error
        )


class OAuth2AuthorizationCodeBearer(_BearerToken):
    """The token of OAuth 2's authorization code flow."""

    def __init__(
        self,
        authorizationUrl: str,  # noqa: N803
        tokenUrl: str,  # noqa: N803
        refreshUrl: str | None = None,  # noqa: N803
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        flow = _without_none(
            {
                "authorizationUrl": authorizationUrl,
                "tokenUrl": tokenUrl,
                "refreshUrl": refreshUrl,
                "scopes": dict(scopes or {}),
            }
        )
        super().__init__(
            flows={"authorizationCode": flow}, scheme_name=scheme_name, description=description, auto_error=auto_error
        )


class OpenIdConnect(SecurityBase):
    """OpenID Connect by its discovery address; gives the whole Authorization header."""

    challenge = "Bearer"

    def __init__(
        self,
        *,
        openIdConnectUrl: str,  # noqa: N803
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        definition = {"type": "openIdConnect", "openIdConnectUrl": openIdConnectUrl}
        super().__init__(definition, scheme_name, description, auto_error)

    def find(self, connection: HTTPConnection[Any]) -> str | None:
        return connection.headers.get("authorization") or None


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class OAuth2PasswordRequestForm:
    """The form of OAuth 2's password flow, as a dependency: `form: Annotated[OAuth2PasswordRequestForm, Depends()]`."""

    def __init__(
        self,
        *,
        grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
        username: Annotated[str, Form()],
        password: Annotated[str, Form(json_schema_extra={"format": "password"})],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form(json_schema_extra={"format": "password"})] = None,
    ) -> None:
        self.grant_type = grant_type
        self.username = username
        self.password = password
        self.scopes = scope.split()
        self.client_id = client_id
        self.client_secret = client_secret


class OAuth2PasswordRequestFormStrict(OAuth2PasswordRequestForm):
    """The same, where `grant_type` must be given, as RFC 6749 4.3.2 has it."""

    def __init__(
        self,
        grant_type: Annotated[str, Form(pattern="^password$")],
        username: Annotated[str, Form()],
        password: Annotated[str, Form(json_schema_extra={"format": "password"})],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form(json_schema_extra={"format": "password"})] = None,
    ) -> None:
        super().__init__(
            grant_type=grant_type,
            username=username,
            password=password,
            scope=scope,
            client_id=client_id,
            client_secret=client_secret,
        )
