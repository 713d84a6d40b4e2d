# cython: annotation_typing=False, auto_pickle=False
"""One request on its way through a plan: each step puts one value into its slot. Compiled where there is a compiler."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from vivace.rest.exceptions import ErrorDetail
from vivace.rest.functions._explaining import REQUIRED, merge
from vivace.rest.functions.codecs import Codec, Refused
from vivace.web.background import BackgroundTasks
from vivace.web.concurrency import run_in_threadpool
from vivace.web.datastructures._multidict import parse_query
from vivace.web.requests import MAX_QUERY_PARAMS, ClientDisconnect, HTTPConnection, Request
from vivace.web.responses import Response
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket


class Failed:
    """What stands in the slot of a value that was refused."""


FAILED = Failed()


class Exchange:
    """A request, or a WebSocket, and what its plan has found so far."""

    __slots__ = (
        "background",
        "body",
        "connection",
        "errors",
        "form",
        "function_exits",
        "query",
        "receive",
        "request_exits",
        "response",
        "scope",
        "send",
        "values",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, values: list[Any]) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.values = values
        self.connection: HTTPConnection[Any] | None = None
        self.errors: dict[str, Any] | None = None
        self.body: bytes | None = None
        self.form: Any = None
        self.query: list[tuple[str, str]] | None = None
        self.background: BackgroundTasks | None = None
        self.response: Response | None = None
        self.request_exits: AsyncExitStack | None = None
        self.function_exits: AsyncExitStack | None = None

    def connect(self) -> Any:
        """The Request or WebSocket, made when it is first asked for."""
        connection = self.connection
        if connection is None:
            if self.scope["type"] == "http":
                connection = Request(self.scope, self.receive, self.send)
                if self.body is not None:
                    connection._body = self.body
            else:
                connection = WebSocket(self.scope, self.receive, self.send)
            self.connection = connection
        return connection

    def read_query(self) -> list[tuple[str, str]]:
        """The names and values of the query, in order."""
        query = self.query
        if query is None:
            sent: bytes = self.scope["query_string"]
            if sent.count(b"&") < MAX_QUERY_PARAMS:
                query = parse_query(sent.decode("utf-8", "replace"))
            else:
                query = self.connect().query_params.multi_items()  # which refuses so many
            self.query = query
        return query

    async def read_body(self) -> bytes:
        """The whole body."""
        if self.body is None:
            if self.connection is not None:
                self.body = await self.connect().body()
            else:
                self.body = await _whole_body(self.receive)
        return self.body

    def fail(self, details: Any, name: str | None) -> Failed:
        """Notes what is wrong with a value; `name` is None for the whole body."""
        if self.errors is None:
            self.errors = {}
        merge(self.errors, details, name)
        return FAILED


async def _whole_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body = message.get("body", b"")
        if not message.get("more_body", False):
            return b"".join([*chunks, body]) if chunks else body
        chunks.append(body)


class Step:
    """Finds the value of one slot; those with `waits` in `run`, the others in `read`."""

    waits = False

    def __init__(self, slot: int) -> None:
        self.slot = slot

    def read(self, exchange: Exchange) -> Any:
        raise NotImplementedError

    async def run(self, exchange: Exchange) -> Any:
        raise NotImplementedError


class ValueStep(Step):
    """A value from the request, by its codec; None as codec is text as it is."""

    def __init__(
        self,
        slot: int,
        name: str,
        codec: Codec | None,
        make_default: Callable[[], Any] | None,
        *,
        is_many: bool = False,
    ) -> None:
        super().__init__(slot)
        self.name = name
        self.codec = codec
        self.make_default = make_default
        self.is_many = is_many

    def find(self, exchange: Exchange) -> Any:
        """What was sent, None for nothing."""
        raise NotImplementedError

    def read(self, exchange: Exchange) -> Any:
        found = self.find(exchange)
        if found is None:
            if self.make_default is not None:
                return self.make_default()
            return exchange.fail([ErrorDetail(REQUIRED, "required")], self.name)
        if self.codec is None:
            return found
        try:
            return self.codec.read(found)
        except Refused as refused:
            return exchange.fail(refused.details, self.name)


def _found(pairs: list[tuple[str, str]], name: str, is_many: bool) -> Any:
    """The last value under a name, or all of them; None for no value."""
    if is_many:
        return [value for key, value in pairs if key == name] or None
    for key, value in reversed(pairs):
        if key == name:
            return value
    return None


class PathStep(ValueStep):
    def find(self, exchange: Exchange) -> Any:
        return exchange.scope["path_params"].get(self.name)


class QueryStep(ValueStep):
    def find(self, exchange: Exchange) -> Any:
        if not exchange.scope["query_string"]:
            return None
        return _found(exchange.read_query(), self.name, self.is_many)


class HeaderStep(ValueStep):
    def __init__(self, slot: int, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(slot, name, *args, **kwargs)
        self.field = name.lower().encode("latin-1")

    def find(self, exchange: Exchange) -> Any:
        name = self.field
        if self.is_many:
            return [value.decode("latin-1") for key, value in exchange.scope["headers"] if key == name] or None
        for key, value in exchange.scope["headers"]:
            if key == name:
                return value.decode("latin-1")
        return None


class CookieStep(ValueStep):
    def find(self, exchange: Exchange) -> Any:
        found = exchange.connect().cookies.get(self.name)
        return [found] if self.is_many and found is not None else found


class FormStep(ValueStep):
    """A field of the form, which a `ReadForm` has read before."""

    def find(self, exchange: Exchange) -> Any:
        if self.is_many:
            return exchange.form.getlist(self.name) or None
        found = exchange.form.get(self.name)
        # HTML sends an empty field for what nobody has filled in.
        return None if found == "" and self.make_default is not None else found


class ModelStep(Step):
    """All values of a source as one object: `fields` are the names there, those in the object, and which are lists."""

    def __init__(
        self, slot: int, source: str, fields: tuple[tuple[str, str, bool], ...], codec: Codec, *, keeps_others: bool
    ) -> None:
        super().__init__(slot)
        self.source = source
        self.fields = fields
        self.codec = codec
        self.keeps_others = keeps_others

    def values_of(self, exchange: Exchange) -> Any:
        if self.source == "form":
            return exchange.form
        connection = exchange.connect()
        if self.source == "query":
            return connection.query_params
        return connection.headers if self.source == "header" else connection.cookies

    def read(self, exchange: Exchange) -> Any:
        sent = self.values_of(exchange)
        found: dict[str, Any] = {}
        for name, key, is_many in self.fields:
            if name in sent:
                if is_many:
                    found[key] = sent.getlist(name) if hasattr(sent, "getlist") else [sent[name]]
                else:
                    found[key] = sent[name]
        if self.keeps_others:
            known = {name for name, _, _ in self.fields}
            found.update({name: sent[name] for name in sent if name not in known})
        try:
            return self.codec.read(found)
        except Refused as refused:
            return exchange.fail(refused.details, None)


class GivenStep(Step):
    """The request, the response to be, or the background tasks."""

    def __init__(self, slot: int, given: str) -> None:
        super().__init__(slot)
        self.given = given

    def read(self, exchange: Exchange) -> Any:
        if self.given == "response":
            if exchange.response is None:
                exchange.response = Response()
                exchange.response.raw_headers = []
                exchange.response.status_code = 0
            return exchange.response
        if self.given == "background":
            if exchange.background is None:
                exchange.background = BackgroundTasks()
            return exchange.background
        return exchange.connect()


class CallStep(Step):
    """What a function gives, in its style; `positional` and `named` are the slots of its arguments."""

    waits = True

    def __init__(
        self, slot: int, call: Callable[..., Any], style: str, positional: tuple[int, ...], named: dict[str, int]
    ) -> None:
        super().__init__(slot)
        self.call = call
        self.style = style
        self.positional = positional
        self.named = named
        self.exits_early = False

    async def run(self, exchange: Exchange) -> Any:
        values = exchange.values
        arguments = [values[slot] for slot in self.positional]
        named = {name: values[slot] for name, slot in self.named.items()} if self.named else {}
        if exchange.errors is not None and any(value is FAILED for value in [*arguments, *named.values()]):
            return FAILED
        return await self.invoke(exchange, arguments, named)

    async def invoke(self, exchange: Exchange, arguments: list[Any], named: dict[str, Any]) -> Any:
        """Calls the function with these arguments."""
        style = self.style
        if style == "async":
            return await self.call(*arguments, **named)
        if style == "inline":
            return self.call(*arguments, **named)
        if style == "thread":
            return await run_in_threadpool(self.call, *arguments, **named)
        exits = exchange.function_exits if self.exits_early else exchange.request_exits
        if exits is None:
            raise RuntimeError("a generator was asked for outside of the exits that would leave it")
        return await exits.enter_async_context(self.call(*arguments, **named))


async def find_values(steps: list[Step], exchange: Exchange) -> None:
    """Takes the steps in order."""
    values = exchange.values
    for step in steps:
        if step.waits:
            values[step.slot] = await step.run(exchange)
        else:
            values[step.slot] = step.read(exchange)
