"""`APIView`: a class whose methods answer HTTP methods; negotiation, permissions, errors around them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from types import CoroutineType
from typing import Any, ClassVar

from vivace.orm.exceptions import DataError, ProtectedError, RestrictedError
from vivace.rest import exceptions, status
from vivace.rest.authentication import BaseAuthentication
from vivace.rest.metadata import SimpleMetadata
from vivace.rest.negotiation import DefaultContentNegotiation
from vivace.rest.parsers import BaseParser
from vivace.rest.problems import problem_response
from vivace.rest.renderers import BaseRenderer
from vivace.rest.request import FORCED_AUTHENTICATION_KEY, Request
from vivace.rest.response import Response
from vivace.rest.settings import api_settings, setting
from vivace.rest.throttling import BaseThrottle
from vivace.rest.versioning import BaseVersioning
from vivace.web.concurrency import run_in_threadpool
from vivace.web.exceptions import HTTPException
from vivace.web.middleware.body_limit import RequestBodyLimitMiddleware
from vivace.web.middleware.problem_details import handler_of
from vivace.web.responses import Response as WebResponse
from vivace.web.types import Receive, Scope, Send

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH", "DELETE"))


async def settled(value: Any) -> Any:
    """`value`, or what it gives when it is the coroutine of an `async def` hook."""
    return await value if isinstance(value, CoroutineType) else value


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> WebResponse | None:
    """The response for an exception in DRF's shape, or None for one that is a fault of ours (then it is raised).

    In an application with problem details it is application/problem+json.
    """
    headers: dict[str, str] = {}
    if isinstance(exc, ProtectedError | RestrictedError):
        exc = _refused_deletion(exc)
    if isinstance(exc, DataError) and exc.message.startswith("invalid regular expression"):
        # PostgreSQL's dialect is not quite Python's, which the search filter checks by.
        exc = exceptions.ParseError(exc.message)
    if isinstance(exc, HTTPException):
        if handler_of(context["request"].scope) is not None:
            return None  # the application answers it
        return Response({"detail": exc.detail}, exc.status_code, dict(exc.headers or {}))
    if not isinstance(exc, exceptions.APIException):
        return None
    headers.update(exc.headers)
    if (challenge := getattr(exc, "auth_header", None)) is not None:
        headers["WWW-Authenticate"] = challenge
    problem = problem_response(exc, context["request"], headers)
    if problem is not None:
        return problem
    data = exc.detail if isinstance(exc.detail, list | dict) else {"detail": exc.detail}
    return Response(data, exc.status_code, headers)


def _refused_deletion(exc: ProtectedError | RestrictedError) -> exceptions.Conflict:
    # Which kinds of objects, but not which objects: whoever deletes may not be allowed to see them.
    held_by = exc.protected_objects if isinstance(exc, ProtectedError) else exc.restricted_objects
    kinds = sorted({str(type(item)._meta.verbose_name_plural) for item in held_by})
    return exceptions.Conflict(f"It cannot be deleted while these refer to it: {', '.join(kinds)}.")


def _takes(function: Any, name: str) -> bool:
    parameters = inspect.signature(function).parameters
    return name in parameters or any(found.kind is found.VAR_KEYWORD for found in parameters.values())


class Endpoint:
    """What `as_view()` makes: an ASGI application that answers each request with a new instance of the view.

    `cls`, `initkwargs` and `actions` say what it is made of; routers and the OpenAPI document read them.
    """

    def __init__(self, cls: type[APIView], initkwargs: Mapping[str, Any], actions: Mapping[str, str] | None) -> None:
        self.cls, self.initkwargs = cls, dict(initkwargs)
        self.actions = dict(actions) if actions is not None else None
        if self.actions is not None and "get" in self.actions:
            self.actions.setdefault("head", self.actions["get"])
        limit = self.initkwargs.get("max_body_size", cls.max_body_size)
        self._app = self._answer if limit is None else RequestBodyLimitMiddleware(self._answer, limit)
        self.__name__ = cls.__name__
        self.__doc__ = cls.__doc__

    def make_view(self) -> APIView:
        """A new instance of the view, its actions bound to HTTP methods."""
        view = self.cls(**self.initkwargs)
        if self.actions is not None:
            view.action_map = self.actions
            for method, action in self.actions.items():
                setattr(view, method, getattr(view, action))
        return view

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> WebResponse:
        """The response to one request."""
        return await self.make_view().dispatch(Request(scope, receive, send))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await self.make_view().dispatch(request)
            await response(scope, receive, send)
        finally:
            await request.close()


class APIView:
    """Derive and write `async def get(self, request, ...)` and so on; path parameters come as keyword arguments.

    A plain `def` handler runs in the thread pool. The class attributes choose what surrounds the handlers; each of the
    `get_…()` and `check_…()` hooks may be overridden, and those that check may be `async def`.
    """

    renderer_classes: Sequence[type[BaseRenderer]] = setting("DEFAULT_RENDERER_CLASSES")
    parser_classes: Sequence[type[BaseParser]] = setting("DEFAULT_PARSER_CLASSES")
    authentication_classes: Sequence[type[BaseAuthentication]] = setting("DEFAULT_AUTHENTICATION_CLASSES")
    permission_classes: Sequence[Any] = setting("DEFAULT_PERMISSION_CLASSES")
    throttle_classes: Sequence[type[BaseThrottle]] = setting("DEFAULT_THROTTLE_CLASSES")
    throttle_scope: str | None = None
    max_body_size: int | None = None
    """Bytes of a request's body from which it is a 413, before it is parsed; None leaves it to the application."""
    content_negotiation_class: type[DefaultContentNegotiation] = setting("DEFAULT_CONTENT_NEGOTIATION_CLASS")
    metadata_class: type[SimpleMetadata] | None = setting("DEFAULT_METADATA_CLASS")
    versioning_class: type[BaseVersioning] | None = setting("DEFAULT_VERSIONING_CLASS")
    settings = api_settings
    schema: Any = None
    http_method_names: ClassVar[Sequence[str]] = HTTP_METHODS
    exclude_from_schema = False

    # Set for each request or by the router.
    request: Request
    kwargs: Mapping[str, Any]
    format_kwarg: str | None = None
    action_map: Mapping[str, str] | None = None
    name: str | None = None
    description: str | None = None
    suffix: str | None = None
    detail: bool | None = None
    basename: str | None = None

    def __init__(self, **initkwargs: Any) -> None:
        for name, value in initkwargs.items():
            setattr(self, name, value)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Endpoint:
        """The endpoint to give to a Route; `initkwargs` replace class attributes. Raises TypeError for unknown ones."""
        cls.check_initkwargs(initkwargs)
        return Endpoint(cls, initkwargs, None)

    @classmethod
    def check_initkwargs(cls, initkwargs: Mapping[str, Any]) -> None:
        """Raises TypeError for what is no attribute of the class, or is a method that answers requests."""
        for name in initkwargs:
            if name in HTTP_METHODS or not hasattr(cls, name):
                raise TypeError(f"{cls.__name__}.as_view({name}=…): {name} is not an attribute that can be replaced")

    # Answering

    async def dispatch(self, request: Request) -> WebResponse:
        """The response to a request, errors included; what is no error of the client's is raised."""
        self.request, self.kwargs = request, request.path_params
        request.parser_context = {"view": self, "request": request, "kwargs": self.kwargs}
        try:
            await self.initial(request)
            response = await self._call(self.get_handler(request.method), request)
        except Exception as error:  # noqa: BLE001 (raised again when it is not for the client)
            response = await self.handle_exception(error)
        return self.finalize_response(request, response)

    def get_handler(self, method: str) -> Any:
        """The method that answers `method`."""
        name = method.lower()
        handler = getattr(self, name, None) if name in self.http_method_names else None
        if handler is None and name == "head":
            handler = getattr(self, "get", None)
        return self.http_method_not_allowed if handler is None else handler

    async def _call(self, handler: Any, request: Request) -> Any:
        kwargs = self.kwargs
        if self.format_kwarg is not None and not _takes(handler, name := api_settings.FORMAT_SUFFIX_KWARG):
            kwargs = {kwarg: value for kwarg, value in kwargs.items() if kwarg != name}
        if inspect.iscoroutinefunction(handler):
            return await handler(request, **kwargs)
        return await settled(await run_in_threadpool(handler, request, **kwargs))

    async def initial(self, request: Request) -> None:
        """What happens before the handler: negotiation, who asks, may they, not too often; then the body is read."""
        self.format_kwarg = self.get_format_suffix(**self.kwargs)
        self.perform_content_negotiation(request)
        self.determine_version(request)
        await self.perform_authentication(request)
        await self.check_permissions(request)
        await self.check_throttles(request)
        if request.method in METHODS_WITH_BODY:
            request.parsers = self.get_parsers()
            await request.load()

    def get_format_suffix(self, **kwargs: Any) -> str | None:
        """The format that the path ends with (`/books.json`), in a route that has such a suffix."""
        suffix: str | None = kwargs.get(api_settings.FORMAT_SUFFIX_KWARG)
        return suffix

    def perform_content_negotiation(self, request: Request) -> None:
        """Chooses the renderer. Raises NotAcceptable."""
        negotiator = self.get_content_negotiator()
        renderer, media_type = negotiator.select_renderer(request, self.get_renderers(), self.format_kwarg)
        request.accepted_renderer, request.accepted_media_type = renderer, media_type

    def determine_version(self, request: Request) -> None:
        """Sets `request.version` and `request.versioning_scheme`. Raises what the scheme refuses a version with."""
        if self.versioning_class is not None:
            scheme = request.versioning_scheme = self.versioning_class()
            request.version = scheme.determine_version(request, **self.kwargs)

    async def perform_authentication(self, request: Request) -> None:
        """Asks each authentication class who it is, until one knows. Raises AuthenticationFailed."""
        forced = request.scope.get(FORCED_AUTHENTICATION_KEY)
        if forced is not None:
            request.user, request.auth = forced
            return
        for authenticator in self.get_authenticators():
            found = await settled(authenticator.authenticate(request))
            if found is not None:
                request.user, request.auth = found
                request.successful_authenticator = authenticator
                return

    async def check_permissions(self, request: Request) -> None:
        """Raises NotAuthenticated or PermissionDenied unless every permission allows the request."""
        for permission in self.get_permissions():
            if not await settled(permission.has_permission(request, self)):
                self.permission_denied(request, permission.message, permission.code)

    async def check_object_permissions(self, request: Request, obj: Any) -> None:
        """Raises NotAuthenticated or PermissionDenied unless every permission allows this object."""
        for permission in self.get_permissions():
            if not await settled(permission.has_object_permission(request, self, obj)):
                self.permission_denied(request, permission.message, permission.code)

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> None:
        """Raises NotAuthenticated for a stranger who could log in, else PermissionDenied."""
        is_known = request.successful_authenticator is not None or getattr(request.user, "is_authenticated", False)
        if self.authentication_classes and not is_known:
            raise exceptions.NotAuthenticated
        raise exceptions.PermissionDenied(message, code)

    async def check_throttles(self, request: Request) -> None:
        """Raises Throttled when any throttle says that it is too much."""
        waits = [
            await settled(throttle.wait())
            for throttle in self.get_throttles()
            if not await settled(throttle.allow_request(request, self))
        ]
        if waits:
            known = [wait for wait in waits if wait is not None]
            raise exceptions.Throttled(max(known, default=None))

    async def handle_exception(self, exc: Exception) -> WebResponse:
        """The response for an exception; raises it when `get_exception_handler()` has none."""
        if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
            authenticators = self.get_authenticators()
            header = await settled(authenticators[0].authenticate_header(self.request)) if authenticators else None
            if header is None:
                exc.status_code = status.HTTP_403_FORBIDDEN
            else:
                exc.auth_header = header  # type: ignore[union-attr]  # read by exception_handler
        context = {"view": self, "request": self.request, "kwargs": self.kwargs}
        response: WebResponse | None = await settled(self.get_exception_handler()(exc, context))
        if response is None:
            raise exc
        if isinstance(response, Response):
            response.exception = True
        if response.status_code == status.HTTP_405_METHOD_NOT_ALLOWED:
            response.headers.setdefault("Allow", ", ".join(self.allowed_methods))
        return response

    def get_exception_handler(self) -> Any:
        """A function `(exc, context) -> Response | None`: the setting EXCEPTION_HANDLER."""
        return api_settings.EXCEPTION_HANDLER

    def finalize_response(self, request: Request, response: Any) -> WebResponse:
        """Renders the response. Raises TypeError for what is none."""
        if isinstance(response, Response):
            renderer = request.accepted_renderer or self.get_renderers()[0]
            if response.renderer is None:
                media_type = request.accepted_media_type
                context = {"view": self, "request": request, "response": response, "media_type": media_type}
                response.render_with(renderer, context)
            if len(self.renderer_classes) > 1:
                response.headers.add_vary_header("Accept")
        elif not callable(response):
            raise TypeError(
                f"{type(self).__name__}: the handler of {request.method} returned {type(response).__name__}; "
                "return a Response"
            )
        answer: WebResponse = response
        return answer

    # Hooks

    @property
    def allowed_methods(self) -> list[str]:
        """The HTTP methods that are answered, in upper case."""
        allowed = [name.upper() for name in self.http_method_names if hasattr(self, name)]
        if "GET" in allowed and "HEAD" not in allowed and "head" in self.http_method_names:
            allowed.insert(allowed.index("GET") + 1, "HEAD")
        return allowed

    def get_content_negotiator(self) -> DefaultContentNegotiation:
        """What chooses the renderer."""
        return self.content_negotiation_class()

    def get_renderers(self) -> list[BaseRenderer]:
        """The renderers to choose from, the preferred first."""
        return [renderer() for renderer in self.renderer_classes]

    def get_parsers(self) -> list[BaseParser]:
        """The parsers to choose from."""
        return [parser() for parser in self.parser_classes]

    def get_authenticators(self) -> list[BaseAuthentication]:
        """How somebody may say who they are."""
        return [authentication() for authentication in self.authentication_classes]

    def get_permissions(self) -> list[Any]:
        """The permissions that must all allow the request."""
        return [permission() for permission in self.permission_classes]

    def get_throttles(self) -> list[BaseThrottle]:
        """The throttles that must all allow the request."""
        return [throttle() for throttle in self.throttle_classes]

    def get_view_name(self) -> str:
        """A name for people: "Book List" for BookViewSet."""
        if self.name is not None:
            return self.name
        name = re.sub(r"(ViewSet|APIView|View)\Z", "", type(self).__name__)
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
        # A function's name has underscores: "book_list".
        words = " ".join(word[:1].upper() + word[1:] for word in words.replace("_", " ").split())
        return f"{words} {self.suffix}" if self.suffix else words

    def get_view_description(self) -> str:
        """The view's docstring, unless `description` is set."""
        text = self.description if self.description is not None else type(self).__dict__.get("__doc__")
        return inspect.cleandoc(text or "")

    # Handlers every view has

    async def http_method_not_allowed(self, request: Request, **kwargs: Any) -> Response:
        """Raises MethodNotAllowed."""
        raise exceptions.MethodNotAllowed(request.method)

    async def options(self, request: Request, **kwargs: Any) -> Response:
        """Tells what the view takes."""
        if self.metadata_class is None:
            raise exceptions.MethodNotAllowed(request.method)
        data = await self.metadata_class().determine_metadata(request, self)
        return Response(data, headers={"Allow": ", ".join(self.allowed_methods)})
