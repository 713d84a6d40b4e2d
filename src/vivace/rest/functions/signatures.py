"""What a function asks for, read from its signature: each argument is a parameter, a dependency or something given."""

from __future__ import annotations

import copy
import functools
import inspect
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from vivace.rest.functions.markers import DependsMarker, ParameterMarker, SecurityScopes, Source
from vivace.rest.functions.shapes import bare, constrained, fields_of, is_many, members, without_none
from vivace.rest.operations import NO_DEFAULT
from vivace.web.background import BackgroundTasks
from vivace.web.datastructures import UploadFile
from vivace.web.requests import HTTPConnection, Request
from vivace.web.responses import Response
from vivace.web.websockets import WebSocket

Style = Literal["async", "thread", "inline", "async generator", "generator"]
Given = Literal["request", "websocket", "connection", "response", "background", "scopes"]

_MUTABLE = (list, dict, set)
_GIVEN: tuple[tuple[type[Any], Given], ...] = (
    (WebSocket, "websocket"),
    (Request, "request"),
    (HTTPConnection, "connection"),
    (Response, "response"),
    (BackgroundTasks, "background"),
    (SecurityScopes, "scopes"),
)


class InvalidFunctionError(TypeError):
    """A function that cannot answer requests as it is written."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value from the request. `name` is its name there, `is_model` that it takes all values of its source."""

    argument: str
    name: str
    source: Source
    type: Any
    marker: ParameterMarker
    make_default: Callable[[], Any] | None
    is_model: bool = False

    @property
    def is_required(self) -> bool:
        """Whether a request without it is refused."""
        return self.make_default is None


@dataclass(frozen=True, slots=True)
class Dependency:
    """What another function gives."""

    call: Callable[..., Any]
    marker: DependsMarker


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument and what it gets; `given` is something of the request's itself."""

    name: str
    is_keyword: bool
    value: Wanted | Dependency | Given


@dataclass(frozen=True, slots=True)
class Signature:
    """A function that is called with what it asks for."""

    call: Callable[..., Any]
    style: Style
    arguments: tuple[Argument, ...]


def read_signature(call: Callable[..., Any], path_names: Collection[str], *, own: type[Any] | None = None) -> Signature:
    """What a function or a class asks for; arguments named in the path come from there.

    `own` is the class whose instance is the first argument. Raises InvalidFunctionError, and NameError for an
    annotation that is not defined (yet).
    """
    hints = _hints(call)
    arguments = []
    for position, parameter in enumerate(_parameters(call)):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value: Wanted | Dependency | Given
        if own is not None and position == 0:
            value = Dependency(own, DependsMarker())
        else:
            annotation = hints.get(parameter.name, parameter.annotation)
            value = _Reader(call, parameter, annotation, path_names).read()
        arguments.append(Argument(parameter.name, parameter.kind is parameter.KEYWORD_ONLY, value))
    return Signature(call, style_of(call), tuple(arguments))


def style_of(call: Callable[..., Any]) -> Style:
    """How a callable is called: a class at once, a plain function in a thread."""
    target: Any = call
    while isinstance(target, functools.partial):
        target = target.func
    if inspect.isclass(target):
        return "inline"
    if not inspect.isroutine(target):
        target = type(target).__call__
    if inspect.isasyncgenfunction(target):
        return "async generator"
    if inspect.isgeneratorfunction(target):
        return "generator"
    return "async" if inspect.iscoroutinefunction(target) else "thread"


def return_annotation(call: Callable[..., Any]) -> Any:
    """What a function says it returns; NO_DEFAULT when it says nothing."""
    return _hints(call).get("return", NO_DEFAULT)


def name_of(call: Callable[..., Any]) -> str:
    """A function's name for messages."""
    return str(getattr(call, "__qualname__", None) or type(call).__qualname__)


def _hints(call: Callable[..., Any]) -> dict[str, Any]:
    target: Any = call
    while isinstance(target, functools.partial):
        target = target.func
    if inspect.isclass(target):
        target = target.__init__ if inspect.isfunction(target.__init__) else target
    elif not inspect.isroutine(target):
        target = type(target).__call__
    target = inspect.unwrap(target)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except TypeError:  # a callable without annotations, such as a builtin
        return {}


def _parameters(call: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(call).parameters.values())
    except ValueError:  # a builtin that does not tell
        return []


class _Reader:
    """Reads one argument."""

    def __init__(
        self, call: Callable[..., Any], parameter: inspect.Parameter, annotation: Any, path_names: Collection[str]
    ) -> None:
        self.call = call
        self.name = parameter.name
        self.default = NO_DEFAULT if parameter.default is parameter.empty else parameter.default
        self.annotation = annotation
        self.path_names = path_names

    def read(self) -> Wanted | Dependency | Given:
        marker = self._marker()
        if isinstance(marker, DependsMarker):
            return self._dependency(marker)
        if marker is None and (given := self._given()) is not None:
            return given
        return self._wanted(marker)

    def _marker(self) -> ParameterMarker | DependsMarker | None:
        found = [
            one
            for one in (get_args(self.annotation)[1:] if get_origin(self.annotation) is Annotated else ())
            if isinstance(one, ParameterMarker | DependsMarker)
        ]
        if isinstance(self.default, ParameterMarker | DependsMarker):
            if found:
                raise self._error("has two markers: one in Annotated, one as its default")
            found, self.default = [self.default], NO_DEFAULT
        return found[-1] if found else None

    def _dependency(self, marker: DependsMarker) -> Dependency:
        call = marker.dependency or bare(self.annotation)
        if self.default is not NO_DEFAULT:
            raise self._error("is a dependency, which has no default")
        if not callable(call) or call is inspect.Parameter.empty:
            raise self._error("is Depends() without a function, and has no class as its type")
        return Dependency(call, marker)

    def _given(self) -> Given | None:
        kinds = [kind for kind in map(_class_of, members(bare(self.annotation))) if isinstance(kind, type)]
        for kind in kinds:
            for cls, given in _GIVEN:
                if issubclass(kind, cls):
                    return given
        return None

    def _wanted(self, marker: ParameterMarker | None) -> Wanted:
        annotation = self._type()
        source = self._source(marker, annotation)
        marker = marker or ParameterMarker(source)
        if source == "path" and self.name not in self.path_names and marker.alias not in self.path_names:
            names = ", ".join(self.path_names) or "none"
            raise self._error(f"is a parameter of the path, which has none of that name (names: {names})")
        if source == "path" and self.default is not NO_DEFAULT:
            raise self._error("is a parameter of the path, so its default would never be used")
        has_fields = fields_of(annotation) is not None
        is_model = has_fields and source not in ("body", "file")
        if is_model and source == "path":
            raise self._error("is a parameter of the path, and cannot be an object")
        name = marker.alias or self.name
        if source == "header" and marker.alias is None and marker.convert_underscores:
            name = name.replace("_", "-")
        return Wanted(
            self.name,
            name,
            source,
            constrained(annotation, marker.constraints),
            marker,
            self._default(marker),
            is_model,
        )

    def _type(self) -> Any:
        if self.annotation is not inspect.Parameter.empty:
            return _without_markers(self.annotation)
        return type(self.default) if type(self.default) in (str, int, float, bool) else str

    def _source(self, marker: ParameterMarker | None, annotation: Any) -> Source:
        if marker is not None:
            is_file = marker.source == "form" and _is_upload(annotation)
            return "file" if is_file else marker.source
        if self.name in self.path_names:
            return "path"
        if _is_upload(annotation):
            return "file"
        if hasattr(bare(annotation), "_meta"):
            raise self._error(
                "is a model of the database: take a type made from it (vivace.orm.schemas), or its key and ask for it"
            )
        return "query" if _is_simple(annotation) else "body"

    def _default(self, marker: ParameterMarker) -> Callable[[], Any] | None:
        if marker.default_factory is not None:
            return marker.default_factory
        default = marker.default if self.default is NO_DEFAULT else self.default
        if default is NO_DEFAULT or default is ...:
            return None
        # Otherwise a list that one request changes would be the next one's.
        return functools.partial(copy.deepcopy if type(default) in _MUTABLE else _same, default)

    def _error(self, problem: str) -> InvalidFunctionError:
        return InvalidFunctionError(f"{name_of(self.call)}(): {self.name} {problem}.")


def _class_of(annotation: Any) -> Any:
    return get_origin(annotation) or annotation


def _same(value: Any) -> Any:
    return value


def _without_markers(annotation: Any) -> Any:
    if get_origin(annotation) is not Annotated:
        return annotation
    plain, *metadata = get_args(annotation)
    kept = tuple(one for one in metadata if not isinstance(one, ParameterMarker | DependsMarker))
    return Annotated[(plain, *kept)] if kept else plain


def _is_upload(annotation: Any) -> bool:
    plain = without_none(annotation)
    if is_many(annotation):
        plain = bare((get_args(plain) or (str,))[0])
    return isinstance(plain, type) and issubclass(plain, UploadFile)


def _is_simple(annotation: Any) -> bool:
    """Whether a value of the type is one text: it comes from the query then, else from the body."""
    kinds = members(bare(annotation))
    if len(kinds) > 1:
        return all(_is_simple(kind) for kind in kinds)
    plain = bare(kinds[0])
    if fields_of(plain) is not None or is_many(plain):
        return False
    origin = get_origin(plain)
    return origin is Literal or not (isinstance(origin or plain, type) and issubclass(origin or plain, dict))
