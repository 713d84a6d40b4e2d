"""What a typed route is for the OpenAPI document, from its plan."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from vivace.rest.functions.bodies import FORMS
from vivace.rest.functions.shapes import fields_of
from vivace.rest.functions.signatures import Wanted
from vivace.rest.operations import (
    NO_DEFAULT,
    Body,
    BodyField,
    Operation,
    Parameter,
    ResponseDescription,
    SecurityRequirement,
)
from vivace.web.responses import EventSourceResponse, JSONLinesResponse, JSONResponse

if TYPE_CHECKING:
    from vivace.rest.functions.endpoints import HTTPEndpoint
    from vivace.rest.functions.plan import Asked
    from vivace.rest.functions.routes import TypedRoute

_BODIES = ("body", "form", "file")


def operation_of(route: TypedRoute) -> Operation:
    """The operation of a route. Raises NameError for annotations that are not defined."""
    said, endpoint = route.declaration, route.endpoint
    plan = endpoint.plan
    summary, description = _texts(route)
    security = tuple(_security(plan.asked))
    return Operation(
        path=route.path_format,
        methods=tuple(method for method in said.methods if method != "HEAD" or said.methods == ("HEAD",)),
        operation_id=said.operation_id or _operation_id(route),
        parameters=tuple(_parameters(plan.wanted)),
        body=_body(endpoint),
        responses=tuple(_responses(route)),
        security=security,
        optional_security=bool(security) and not any(_is_strict(one) for one in plan.asked),
        tags=tuple(str(tag.value) if isinstance(tag, Enum) else tag for tag in said.tags),
        summary=summary,
        description=description,
        deprecated=said.deprecated,
        callbacks=said.callbacks,
        extra=said.openapi_extra,
    )


def _texts(route: TypedRoute) -> tuple[str, str | None]:
    said = route.declaration
    text = inspect.cleandoc(said.description or "") or inspect.getdoc(said.func) or ""
    # A form feed ends what is for readers of the document.
    return said.summary or route.name.replace("_", " ").title(), text.partition("\f")[0].strip() or None


def _operation_id(route: TypedRoute) -> str:
    made = route.declaration.generate_unique_id_function
    return made(route) if made is not None else route.name


# What is asked


def _parameters(wanted: list[Wanted]) -> Iterator[Parameter]:
    seen: set[tuple[str, str]] = set()
    for one in wanted:
        if one.source in _BODIES or not one.marker.include_in_schema:
            continue
        for parameter in _fields(one) if one.is_model else (_parameter(one),):
            if (parameter.in_, parameter.name) not in seen:
                seen.add((parameter.in_, parameter.name))
                yield parameter


def _parameter(one: Wanted) -> Parameter:
    marker = one.marker
    place: Any = one.source
    return Parameter(
        one.name,
        place,
        one.type,
        one.is_required,
        _default(one),
        marker.description,
        marker.deprecated,
        marker.metadata,
    )


def _fields(one: Wanted) -> Iterator[Parameter]:
    place: Any = one.source
    for field in fields_of(one.type) or ():
        name = field.alias
        if place == "header" and one.marker.convert_underscores and field.alias == field.name:
            name = name.replace("_", "-")
        yield Parameter(name, place, field.type, field.required, field.default)


def _default(one: Wanted) -> Any:
    return NO_DEFAULT if one.make_default is None or one.marker.default_factory is not None else one.make_default()


def _body(endpoint: HTTPEndpoint) -> Body | None:
    wanted = [one for one in endpoint.plan.wanted if one.source in _BODIES]
    if not wanted:
        return None
    first = wanted[0]
    required = any(one.is_required for one in wanted)
    if first.source != "body":
        return _form(wanted, required)
    media_types = (first.marker.media_type or "application/json",)
    if len(wanted) == 1 and not first.marker.embed:
        marker = first.marker
        return Body(media_types, required, first.type, (), marker.description, marker.metadata)
    return Body(media_types, required, None, tuple(_body_field(one) for one in wanted))


def _form(wanted: list[Wanted], required: bool) -> Body:
    media_types = FORMS[1:] if any(one.source == "file" for one in wanted) else FORMS
    if len(wanted) == 1 and wanted[0].is_model:
        return Body(media_types, required, wanted[0].type)
    fields: list[BodyField] = []
    for one in wanted:
        if one.is_model:
            found = fields_of(one.type) or ()
            fields += [BodyField(field.alias, field.type, field.required, field.default) for field in found]
        else:
            fields.append(_body_field(one))
    return Body(media_types, required, None, tuple(fields))


def _body_field(one: Wanted) -> BodyField:
    return BodyField(one.name, one.type, one.is_required, _default(one), one.marker.description, one.marker.metadata)


# What is answered


def _responses(route: TypedRoute) -> Iterator[ResponseDescription]:
    said, endpoint = route.declaration, route.endpoint
    answer = endpoint.answer
    given = {str(status): dict(extra) for status, extra in said.responses.items()}
    own = given.pop(str(answer.status_code), {})
    model = own.pop("model", answer.type if answer.is_typed else NO_DEFAULT)
    stream = _stream_class(endpoint)
    yield ResponseDescription(
        status=str(answer.status_code),
        description=str(own.pop("description", said.response_description)),
        type=None if answer.is_empty or stream is not None else _type(model),
        media_type=None if answer.is_empty else (stream or answer.response_class).media_type,
        item_type=_type(model) if stream is not None else None,
        extra=own,
    )
    for status, extra in given.items():
        model = extra.pop("model", None)
        description = str(extra.pop("description", _phrase(status)))
        yield ResponseDescription(status, description, model, JSONResponse.media_type if model else None, extra=extra)


def _type(model: Any) -> Any:
    return Any if model is NO_DEFAULT else model


def _stream_class(endpoint: HTTPEndpoint) -> Any:
    cls = endpoint.answer.response_class
    if issubclass(cls, EventSourceResponse | JSONLinesResponse):
        return cls
    return JSONLinesResponse if endpoint.is_stream else None


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return {"default": "Any other response"}.get(status.lower(), "Response")


# Who may


def _security(asked: list[Asked]) -> Iterator[SecurityRequirement]:
    scopes: dict[str, tuple[str, ...]] = {}
    definitions: dict[str, Any] = {}
    for one in asked:
        definition = getattr(one.signature.call, "definition", None)
        if definition is not None:
            name = str(getattr(one.signature.call, "scheme_name", ""))
            definitions[name] = definition
            scopes[name] = tuple(dict.fromkeys((*scopes.get(name, ()), *one.scopes)))
    for name, definition in definitions.items():
        # OpenAPI 3.1: scopes are OAuth's and OpenID Connect's; elsewhere the list names roles, which we have not.
        has_scopes = definition.get("type") in ("oauth2", "openIdConnect")
        yield SecurityRequirement(name, definition, scopes[name] if has_scopes else ())


def _is_strict(one: Asked) -> bool:
    return hasattr(one.signature.call, "definition") and bool(getattr(one.signature.call, "auto_error", True))
