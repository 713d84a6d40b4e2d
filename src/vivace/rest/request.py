"""The request a REST view sees: `vivace.web.requests.Request` plus `data`, `user`, `auth` and what was negotiated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vivace.rest.exceptions import APIException, UnsupportedMediaType
from vivace.rest.fields.base import empty
from vivace.rest.negotiation import matches
from vivace.rest.settings import current
from vivace.web.datastructures import FormData
from vivace.web.formparsers import parse_media_type
from vivace.web.requests import Request as WebRequest
from vivace.web.types import Receive, Scope, Send

if TYPE_CHECKING:
    from vivace.rest.authentication import BaseAuthentication
    from vivace.rest.parsers import BaseParser
    from vivace.rest.renderers import BaseRenderer
    from vivace.rest.versioning import BaseVersioning

# The scope's `(user, auth)` that tests put there instead of authentication.
FORCED_AUTHENTICATION_KEY = "vivace.rest.forced_authentication"


class AnonymousUser:
    """Who asks when nobody has logged in."""

    pk = id = None
    username = ""
    is_authenticated = False
    is_anonymous = True
    is_active = is_staff = is_superuser = False

    def __str__(self) -> str:
        return "AnonymousUser"


class Request(WebRequest[Any]):
    """A request whose body `data` has parsed, by the view's parsers and the content type."""

    parsers: Sequence[BaseParser] = ()
    accepted_renderer: BaseRenderer | None = None
    accepted_media_type: str | None = None
    parser_context: Mapping[str, Any] = {}
    version: str | None = None
    versioning_scheme: BaseVersioning | None = None
    successful_authenticator: BaseAuthentication | None = None
    _data: Any = empty
    _data_error: APIException | None = None
    _user: Any = None
    _auth: Any = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)

    @property
    def content_type(self) -> str:
        """The Content-Type header as it was sent; empty when it was not."""
        content_type: str = self.headers.get("content-type", "")
        return content_type

    # Body

    @property
    def data(self) -> Any:
        """The parsed body: what JSON holds, a form's values, or `{}` for no body.

        Raises ParseError or UnsupportedMediaType. Views read the body before they call the handler of an unsafe method;
        elsewhere `await request.load()` first.
        """
        if self._data_error is not None:
            raise self._data_error
        if self._data is empty:
            raise RuntimeError("request.data: the body is not read yet; `await request.load()` first")
        return self._data

    async def load(self) -> Any:
        """Reads and parses the body, once, and returns `data`. What is wrong with it is raised when `data` is read."""
        if self._data is empty and self._data_error is None:
            try:
                self._data = await self._parse()
            except APIException as error:
                self._data_error = error
        return None if self._data_error is not None else self._data

    async def _parse(self) -> Any:
        media_type, _ = parse_media_type(self.content_type)
        parser = next((parser for parser in self.parsers if matches(parser.media_type, media_type)), None)
        length = self.headers.get("content-length")
        if length == "0":
            is_empty = True
        elif length is None and "transfer-encoding" not in self.headers:
            is_empty = not await self.body()  # HTTP/2 says neither
        else:
            is_empty = False
        if is_empty:
            return FormData() if media_type in _FORMS else {}
        if parser is None:
            raise UnsupportedMediaType(media_type)
        return await parser.parse(self)

    # Who asks

    @property
    def user(self) -> Any:
        """Who asks: set by the view's authentication, else by a middleware, else what UNAUTHENTICATED_USER makes."""
        if self._user is None:
            nobody = current().UNAUTHENTICATED_USER
            self._user = self.scope.get("user") or (None if nobody is None else nobody())
        return self._user

    @user.setter
    def user(self, user: Any) -> None:
        self._user = user

    @property
    def auth(self) -> Any:
        """How they proved it, a token for instance; None for nobody."""
        if self._auth is None:
            nothing = current().UNAUTHENTICATED_TOKEN
            self._auth = self.scope.get("auth") or (None if nothing is None else nothing())
        return self._auth

    @auth.setter
    def auth(self, auth: Any) -> None:
        self._auth = auth

    @property
    def authenticators(self) -> Sequence[BaseAuthentication]:
        """How the view lets people say who they are."""
        view = self.parser_context.get("view")
        return () if view is None else view.get_authenticators()


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
