"""What answers the requests of one route: finds the function's arguments, calls it, sends what it returns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from vivace.rest.exceptions import APIException, ValidationError
from vivace.rest.functions._steps_cy import CallStep, Exchange, find_values
from vivace.rest.functions.answers import STREAMS, Answer, AnswerOptions, is_free, item_type_of
from vivace.rest.functions.markers import DependsMarker
from vivace.rest.functions.plan import Overrides, Plan, PlanOptions, make_plan
from vivace.rest.functions.signatures import InvalidFunctionError, Signature, name_of, read_signature, return_annotation
from vivace.rest.operations import NO_DEFAULT
from vivace.utils.exceptions import NON_FIELD_ERRORS
from vivace.web._exception_handler import HANDLERS_KEY, answer_exception, wrap_app_handling_exceptions
from vivace.web.exceptions import HTTPException, WebSocketException
from vivace.web.requests import Request
from vivace.web.responses import Response
from vivace.web.responses._base import send_whole, sending
from vivace.web.responses._headers_cy import first_headers
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket, fitting_reason

_GENERATORS = ("generator", "async generator")


class RequestValidationError(ValidationError):
    """What was sent is not what a function takes (400); `detail` names the place of each fault."""


class FunctionEndpoint:
    """What typed HTTP and WebSocket routes share: one function and its plan, made at the first request or before.

    `func` is the function, which `vivace routes` shows.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        dependencies: Collection[DependsMarker],
        options: PlanOptions,
        overrides: Overrides,
        own: type[Any] | None = None,
    ) -> None:
        self.func = func
        self.dependencies = tuple(dependencies)
        self.options = options
        self.overrides = overrides
        self.own = own
        self.__name__ = getattr(func, "__name__", type(func).__name__)
        self.__doc__ = func.__doc__
        self._plan: Plan | None = None
        self._overridden: tuple[Mapping[Any, Any], Plan] | None = None

    @property
    def plan(self) -> Plan:
        """The plan, without overrides. Raises InvalidFunctionError, and NameError for undefined annotations."""
        if self._plan is None:
            self._plan = self._make_plan(None)
        return self._plan

    @property
    def current_plan(self) -> Plan:
        """The plan with the overrides of now."""
        if not self.overrides:
            return self.plan
        if self._overridden is None or self._overridden[0] != self.overrides:
            self._overridden = dict(self.overrides), self._make_plan(self.overrides)
        return self._overridden[1]

    @property
    def signature(self) -> Signature:
        """What the function asks for."""
        return read_signature(self.func, self.options.path_names, own=self.own)

    def _make_plan(self, overrides: Overrides | None) -> Plan:
        return make_plan(self.signature, self.dependencies, self.options, overrides)


class HTTPEndpoint(FunctionEndpoint):
    """Answers HTTP requests."""

    def __init__(self, *args: Any, response_type: Any = NO_DEFAULT, answer: AnswerOptions, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.response_type = response_type
        self.answer_options = answer
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """What makes the responses."""
        if self._answer is None:
            try:
                self._answer = Answer(self._type(), self.answer_options, name_of(self.func))
            except TypeError as error:
                raise InvalidFunctionError(f"{name_of(self.func)}() returns what has no JSON: {error}") from error
        return self._answer

    @property
    def is_stream(self) -> bool:
        """Whether the function yields what it answers."""
        return self.plan.call.style in _GENERATORS

    def _type(self) -> Any:
        said = return_annotation(self.func) if self.response_type is NO_DEFAULT else self.response_type
        if self.is_stream or _is_stream_of(said):
            return item_type_of(said) if self.response_type is NO_DEFAULT else said
        return NO_DEFAULT if said is None or said is type(None) or is_free(said) else said

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plan = self.current_plan
        exchange = Exchange(scope, receive, send, plan.values.copy())
        try:
            if plan.has_exits:
                await self._answer_inside_exits(plan, exchange)
                return
            try:
                response = await self._respond(plan, exchange)
            except Exception as error:  # noqa: BLE001 (raised again when no handler wants it)
                await answer_error(error, exchange)
                return
            if type(response) is bytes:
                status = self.answer.status_code
                fields = first_headers(None, response, status, "application/json", "utf-8")
                await send_whole(send, status, fields, response)
            else:
                await sending(response, scope, receive, send)
        finally:
            if exchange.form is not None:  # its files, which the function may have left open
                await exchange.connect().close()

    async def _respond(self, plan: Plan, exchange: Exchange) -> Any:
        """The response; its bytes where it is plain JSON."""
        await find_values(plan.steps, exchange)
        if exchange.errors is not None:
            raise RequestValidationError(_details(exchange.errors))
        answer = self._answer or self.answer
        if plan.call.style in _GENERATORS:
            return self._finished(answer.stream(_called(plan.call, exchange)), exchange)
        value = await plan.call.run(exchange)
        if isinstance(value, Response):
            return self._finished(value, exchange, is_own=True)
        if answer.is_plain_json and exchange.response is None and exchange.background is None:
            return await answer.body(value)
        return self._finished(await answer.response(value), exchange)

    def _finished(self, response: Response, exchange: Exchange, *, is_own: bool = False) -> Response:
        """Adds what was put on the injected response and background tasks."""
        if exchange.background is not None and response.background is None:
            response.background = exchange.background
        given = exchange.response
        if given is not None:
            response.raw_headers = [*response.raw_headers, *given.raw_headers]
            if given.status_code and not is_own:
                response.status_code = given.status_code
            if given.background is not None and response.background is None:
                response.background = given.background
        return response

    async def _answer_inside_exits(self, plan: Plan, exchange: Exchange) -> None:
        """Answers, and leaves generators: those of the function before the response is sent, the others after."""
        response: Any = None
        try:
            async with contextlib.AsyncExitStack() as request_exits:
                exchange.request_exits = request_exits
                async with contextlib.AsyncExitStack() as function_exits:
                    exchange.function_exits = function_exits
                    response = await self._respond(plan, exchange)
                if response is None:
                    raise RuntimeError(_swallowed(self.func))
                if type(response) is bytes:
                    response = Response(response, self.answer.status_code, media_type="application/json")
                await sending(response, exchange.scope, exchange.receive, exchange.send)
            if response is None:
                raise RuntimeError(_swallowed(self.func))
        except Exception as error:  # noqa: BLE001 (raised again when no handler wants it)
            await answer_error(error, exchange)


class WebSocketEndpoint(FunctionEndpoint):
    """Answers WebSockets. A parameter that is refused closes the handshake with 1008 (policy violation)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plan = self.current_plan
        exchange = Exchange(scope, receive, send, plan.values.copy())
        session: WebSocket = exchange.connect()

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            async with contextlib.AsyncExitStack() as exits:
                exchange.request_exits = exchange.function_exits = exits
                await find_values(plan.steps, exchange)
                if exchange.errors is not None:
                    raise WebSocketException(1008, fitting_reason(_in_words(exchange.errors)))
                await plan.call.run(exchange)

        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await run(scope, receive, send)
            except APIException as error:
                raise WebSocketException(1008, fitting_reason(str(error))) from error

        await wrap_app_handling_exceptions(answering, session)(scope, receive, send)


async def answer_error(error: Exception, exchange: Exchange) -> None:
    """Sends the response for an exception as views do, in one shape for the whole API; raises what is a fault."""
    scope, receive, send = exchange.scope, exchange.receive, exchange.send
    request: Request[Any] = exchange.connect()
    if isinstance(error, HTTPException | APIException) and not _has_own_handler(scope, error):
        # The ORM comes with it, and most processes have it already; those that do not, start without it.
        from vivace.rest.views import exception_handler

        response = exception_handler(error, {"view": None, "request": request, "kwargs": request.path_params})
        if response is not None:
            await sending(response, scope, receive, send)
            return
    await answer_exception(request, error, scope, receive, send)


def _has_own_handler(scope: Scope, error: Exception) -> bool:
    """Whether the application has a handler for just this class of errors."""
    by_class: Mapping[Any, Any] = (scope.get(HANDLERS_KEY) or ({}, {}))[0]
    return any(cls in by_class for cls in type(error).__mro__ if cls not in (HTTPException, Exception))


def _called(call: CallStep, exchange: Exchange) -> Any:
    """The generator that a function is."""
    values = exchange.values
    return call.call(
        *[values[slot] for slot in call.positional], **{name: values[slot] for name, slot in call.named.items()}
    )


def _details(errors: dict[str, Any]) -> Any:
    return errors[NON_FIELD_ERRORS] if list(errors) == [NON_FIELD_ERRORS] else errors


def _in_words(errors: dict[str, Any]) -> str:
    name, details = next(iter(errors.items()))
    return f"{name}: {details[0] if isinstance(details, list) else details}"


def _is_stream_of(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", None)
    return getattr(origin, "__name__", "") in STREAMS


def _swallowed(func: Callable[..., Any]) -> str:
    return f"{name_of(func)}(): a dependency with yield caught an exception and raised none, so there is no response."
