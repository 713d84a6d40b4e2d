"""Everything that a function and its dependencies ask for, put into one list of steps when its route is made."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from vivace.rest.functions import bodies
from vivace.rest.functions._steps_cy import (
    CallStep,
    CookieStep,
    FormStep,
    GivenStep,
    HeaderStep,
    ModelStep,
    PathStep,
    QueryStep,
    Step,
)
from vivace.rest.functions.codecs import codec_of
from vivace.rest.functions.markers import DependsMarker, SecurityScopes
from vivace.rest.functions.shapes import bare, fields_of, is_many, is_pydantic_model, without_none
from vivace.rest.functions.signatures import (
    Dependency,
    Given,
    InvalidFunctionError,
    Signature,
    Wanted,
    name_of,
    read_signature,
)
from vivace.web.concurrency import contextmanager_in_threadpool

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]
_STEPS = {"path": PathStep, "query": QueryStep, "header": HeaderStep, "cookie": CookieStep, "form": FormStep}
_GENERATORS = ("generator", "async generator")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a route says about how its function is asked."""

    path_names: frozenset[str] = frozenset()
    strict_content_type: bool = True
    form_limits: Mapping[str, Any] = field(default_factory=dict)
    is_websocket: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A dependency in the tree that a function spans, with the scopes that it is asked with."""

    signature: Signature
    scopes: tuple[str, ...]
    marker: DependsMarker


@dataclass(slots=True)
class Plan:
    """The steps of a function, the last of which calls it; `values` is what every request's slots begin with."""

    steps: list[Step]
    call: CallStep
    values: list[Any]
    has_exits: bool
    wanted: list[Wanted]
    """What it wants of the request, with its dependencies' wants, each once."""
    asked: list[Asked]
    """Its dependencies, outermost first."""


def make_plan(
    function: Signature,
    dependencies: Collection[DependsMarker],
    options: PlanOptions,
    overrides: Overrides | None = None,
) -> Plan:
    """The plan of a function with further `dependencies`, whose values nobody takes.

    `overrides` are called in place of dependencies. Raises InvalidFunctionError for what cannot work, NameError for
    annotations that are not defined.
    """
    return _Planner(options, overrides or {}).plan(function, dependencies)


class _Planner:
    def __init__(self, options: PlanOptions, overrides: Overrides) -> None:
        self.options = options
        self.overrides = overrides
        self.steps: list[Step] = []
        self.values: list[Any] = []
        self.known: dict[Any, int] = {}
        self.wanted: list[Wanted] = []
        self.asked: list[Asked] = []
        self.open: list[Any] = []
        self.has_exits = False
        self.body_slot: int | None = None
        self.form_slot: int | None = None
        self.embeds = False

    def plan(self, function: Signature, dependencies: Collection[DependsMarker]) -> Plan:
        in_tree = [*self._wanted_in(function, ()), *(one for marker in dependencies for one in self._wanted_by(marker))]
        self._check(function, in_tree)
        for marker in dependencies:
            self._dependency(Dependency(self._callable_of(marker, function), marker), ())
        call = self._call(function, ())
        return Plan(self.steps, call, self.values, self.has_exits, self.wanted, self.asked)

    def _callable_of(self, marker: DependsMarker, function: Signature) -> Callable[..., Any]:
        if marker.dependency is None:
            raise InvalidFunctionError(f"{name_of(function.call)}(): Depends() in dependencies=[…] needs a function.")
        return marker.dependency

    # What the whole tree wants of the body decides how the body is read

    def _wanted_in(self, signature: Signature, above: tuple[Any, ...]) -> Iterator[Wanted]:
        for argument in signature.arguments:
            if isinstance(argument.value, Wanted):
                yield argument.value
            elif isinstance(argument.value, Dependency):
                call = argument.value.call
                if call in above:
                    raise InvalidFunctionError(f"{name_of(call)}() depends on itself.")
                yield from self._wanted_in(self._signature(call), (*above, call))

    def _wanted_by(self, marker: DependsMarker) -> Iterator[Wanted]:
        if marker.dependency is not None:
            yield from self._wanted_in(self._signature(marker.dependency), (marker.dependency,))

    def _check(self, function: Signature, wanted: list[Wanted]) -> None:
        named = {one.name: one for one in wanted if one.source == "body"}
        has_form = any(one.source in ("form", "file") for one in wanted)
        if named and has_form:
            raise InvalidFunctionError(
                f"{name_of(function.call)}(): {next(iter(named.values())).argument} is of a JSON body, but others are "
                "of a form, and a request has one body. Mark it with Form()."
            )
        if self.options.is_websocket and (named or has_form):
            one = next(one for one in wanted if one.source in ("body", "form", "file"))
            raise InvalidFunctionError(f"{name_of(function.call)}(): {one.argument}: a WebSocket has no body.")
        self.embeds = len(named) > 1 or any(one.marker.embed for one in named.values())

    # Slots

    def _slot(self, value: Any = None) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def _signature(self, call: Callable[..., Any]) -> Signature:
        return read_signature(self.overrides.get(call, call), self.options.path_names)

    def _call(self, signature: Signature, scopes: tuple[str, ...]) -> CallStep:
        """The call of a function, behind the steps that find its arguments."""
        slots: dict[str, int] = {}
        # Who asks and whether they may is known before anything else is looked at, and the body is read last.
        for argument in sorted(signature.arguments, key=lambda one: _turn(one.value)):
            slots[argument.name] = self._value(argument.value, scopes)
        positional = tuple(slots[one.name] for one in signature.arguments if not one.is_keyword)
        named = {one.name: slots[one.name] for one in signature.arguments if one.is_keyword}
        call, style = signature.call, str(signature.style)
        return CallStep(self._slot(), call, style, positional, named)

    def _value(self, value: Wanted | Dependency | Given, scopes: tuple[str, ...]) -> int:
        if isinstance(value, Dependency):
            return self._dependency(value, scopes)
        if isinstance(value, Wanted):
            return self._want(value)
        if value == "scopes":
            return self._slot(SecurityScopes(scopes))
        if self.options.is_websocket and value in ("request", "response", "background"):
            raise InvalidFunctionError(f"A WebSocket has no {value}: take a WebSocket, or an HTTPConnection.")
        if not self.options.is_websocket and value == "websocket":
            raise InvalidFunctionError("A request has no WebSocket: take a Request, or an HTTPConnection.")
        return self._once(("given", value), lambda slot: GivenStep(slot, value))

    def _once(self, key: Any, make: Callable[[int], Step]) -> int:
        if key not in self.known:
            step = make(self._slot())
            self.known[key] = step.slot
            self.steps.append(step)
        return self.known[key]

    # Dependencies

    def _dependency(self, dependency: Dependency, scopes: tuple[str, ...]) -> int:
        marker = dependency.marker
        scopes = (*scopes, *(scope for scope in marker.scopes if scope not in scopes))
        signature = self._signature(dependency.call)
        key = ("call", dependency.call, scopes if self._asks_for_scopes(signature) else (), marker.scope)
        if marker.use_cache and key in self.known:
            return self.known[key]
        self.asked.append(Asked(signature, scopes, marker))
        if marker.scope == "request":
            self._check_lifetime(signature)
        step = self._call(signature, scopes)
        if step.style in _GENERATORS:
            self.has_exits = True
            step.call, step.exits_early = _entered(step), marker.scope == "function"
        self.steps.append(step)
        if marker.use_cache:
            self.known[key] = step.slot
        return step.slot

    def _asks_for_scopes(self, signature: Signature) -> bool:
        return any(
            one.value == "scopes"
            or (isinstance(one.value, Dependency) and self._asks_for_scopes(self._signature(one.value.call)))
            for one in signature.arguments
        )

    def _check_lifetime(self, signature: Signature) -> None:
        if signature.style not in _GENERATORS:
            return
        for argument in signature.arguments:
            below = argument.value
            if isinstance(below, Dependency) and below.marker.scope == "function":
                raise InvalidFunctionError(
                    f"{name_of(signature.call)}() lives until the response was sent, so {argument.name}, which it "
                    'takes, cannot have scope="function".'
                )

    # Values of the request

    def _want(self, wanted: Wanted) -> int:
        key = ("value", wanted.source, wanted.name, wanted.argument, repr(wanted.type), id(wanted.marker))
        if key in self.known:
            return self.known[key]
        self.wanted.append(wanted)
        try:
            step = self._step(wanted)
        except TypeError as error:
            raise InvalidFunctionError(f"{wanted.argument}: {error}") from error
        self.steps.append(step)
        self.known[key] = step.slot
        return step.slot

    def _step(self, wanted: Wanted) -> Step:
        if wanted.source == "body":
            return self._body_step(wanted)
        if wanted.source in ("form", "file") and self.form_slot is None:
            self.form_slot = self._slot()
            self.steps.append(bodies.ReadForm(self.form_slot, self.options.form_limits))
        slot = self._slot()
        many = is_many(wanted.type)
        if wanted.source == "file":
            kind = without_none(wanted.type)
            kind = bare((get_args(kind) or (bytes,))[0]) if many else kind
            return bodies.FileStep(slot, wanted.name, wanted.make_default, is_many=many, as_bytes=kind is bytes)
        codec = codec_of(wanted.type)
        if wanted.is_model:
            cls = bare(wanted.type)
            return ModelStep(slot, wanted.source, _model_fields(wanted), codec, keeps_others=_forbids_others(cls))
        is_text = wanted.type is str
        return _STEPS[wanted.source](slot, wanted.name, None if is_text else codec, wanted.make_default, is_many=many)

    def _body_step(self, wanted: Wanted) -> Step:
        strict = self.options.strict_content_type
        media_type = wanted.marker.media_type
        if media_type is not None and not bodies.is_json(media_type):
            kind = without_none(wanted.type)
            if kind not in (str, bytes):
                raise TypeError(f"a body of {media_type} is bytes or str, not {kind!r}")
            return bodies.RawBody(self._slot(), media_type, is_text=kind is str, make_default=wanted.make_default)
        codec = codec_of(wanted.type)
        if not self.embeds:
            return bodies.JSONBody(self._slot(), codec, wanted.make_default, is_strict=strict)
        if self.body_slot is None:
            self.body_slot = self._slot()
            self.steps.append(bodies.NamedBodies(self.body_slot, is_strict=strict))
        return bodies.NamedBody(self._slot(), self.body_slot, wanted.name, codec, wanted.make_default)


def _turn(value: Wanted | Dependency | Given) -> int:
    if isinstance(value, Wanted):
        return 2 if value.source in ("body", "form", "file") else 1
    return 0


def _entered(step: CallStep) -> Callable[..., Any]:
    """What makes the context manager of a generator."""
    if step.style == "async generator":
        return contextlib.asynccontextmanager(step.call)
    manager = contextlib.contextmanager(step.call)
    return functools.wraps(step.call)(lambda *args, **kwargs: contextmanager_in_threadpool(manager(*args, **kwargs)))


def _model_fields(wanted: Wanted) -> tuple[tuple[str, str, bool], ...]:
    """The name of each field in its source, in the object, and whether it is a list."""
    swap = wanted.source == "header" and wanted.marker.convert_underscores
    return tuple(
        (
            field.alias.replace("_", "-") if swap and field.alias == field.name else field.alias,
            field.alias,
            is_many(field.type),
        )
        for field in fields_of(wanted.type) or ()
    )


def _forbids_others(cls: Any) -> bool:
    if is_pydantic_model(cls):
        return bool(cls.model_config.get("extra") in ("forbid", "allow"))
    config = getattr(cls, "__struct_config__", None)
    return config is not None and bool(config.forbid_unknown_fields)
