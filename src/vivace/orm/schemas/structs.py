"""`Struct`: msgspec types made from models."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Unpack, cast

import msgspec

from vivace.orm.schemas.plan import TEXTS, Form, Left, Plan, PlanOptions, SchemaField, default_pair, take_plan
from vivace.utils.fieldspec import NO_DEFAULT

if TYPE_CHECKING:
    from vivace.orm.base import Model


class _FromModel(msgspec.StructMeta):
    """Adds the model's fields to a class body before msgspec reads it."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        model: type[Model] | None = None,
        **options: Any,
    ) -> Any:
        if model is None:
            return super().__new__(mcs, name, bases, namespace, **options)
        plan = take_plan(model, options)
        own = namespace.get("__annotations__", {})
        annotations: dict[str, Any] = {"schema_plan": ClassVar[Plan]}
        body = {**namespace, "schema_plan": plan}
        for field in plan.fields:
            if field.name not in own:
                annotations[field.name] = _annotation(field, plan.form)
                if field.default is not NO_DEFAULT:
                    body[field.name] = _default(field)
        body["__annotations__"] = {**annotations, **own}
        return super().__new__(mcs, name, bases, body, **{"kw_only": True, **options})

    if not TYPE_CHECKING:

        def __init__(cls, name: str, bases: Any, namespace: Any, **options: Any) -> None:  # noqa: N805 - a metaclass
            # The options are read by __new__.
            type.__init__(cls, name, bases, namespace)


class Struct(msgspec.Struct, metaclass=_FromModel, kw_only=True):
    """Base of msgspec types made from models: `class BookOut(Struct, model=Book): ...`.

    The class takes `model`, `form` ("read", "create" or "update"), `fields`, `exclude` and `nested`, and msgspec's own
    options. Fields declared in its body take the place of the model's, and tell type checkers their types.
    """

    if TYPE_CHECKING:
        schema_plan: ClassVar[Plan]

        def __init__(self, **values: Any) -> None: ...
        def __init_subclass__(
            cls,
            *,
            model: type[Model] | None = None,
            form: Form = "read",
            fields: Collection[str] | None = None,
            exclude: Collection[str] = (),
            nested: Mapping[str, type[Any]] | None = None,
            **options: Any,
        ) -> None: ...
        def __getattr__(self, name: str) -> Any: ...


def make_struct(
    model: type[Model],
    *,
    name: str | None = None,
    **options: Unpack[PlanOptions],
) -> type[Struct]:
    """A msgspec type of a model in one call. Raises FieldError for a name that the model has not."""
    made = _FromModel(
        name or f"{model.__name__}{options.get('form', 'read').capitalize()}",
        (Struct,),
        {"__module__": model.__module__, "__doc__": model.__doc__},
        model=model,
        **options,
    )
    return cast("type[Struct]", made)


def _annotation(field: SchemaField, form: Form) -> Any:
    held = field.type
    meta = {} if field.spec is None else _limits(field, form)
    if meta:
        held = Annotated[held, msgspec.Meta(**meta)]
    if held is Any:
        return held
    if field.null:
        held = held | None
    return held | msgspec.UnsetType if field.default is Left.OUT else held


def _limits(field: SchemaField, form: Form) -> dict[str, Any]:
    spec = field.spec
    assert spec is not None
    meta: dict[str, Any] = {"title": spec.label.capitalize()} if spec.label else {}
    if spec.help_text:
        meta["description"] = spec.help_text
    if form == "read":
        return meta
    if field.type is str:
        if spec.max_length is not None:
            meta["max_length"] = spec.max_length
        if not spec.blank and spec.kind in TEXTS:
            meta["min_length"] = 1
    if field.type in (int, float):
        limits = {"ge": spec.min_value, "le": spec.max_value}
        # msgspec takes limits of 64 bits; a column that is as wide needs none.
        meta |= {key: value for key, value in limits.items() if value is not None and abs(value) < 2**63 - 1}
    return meta


def _default(field: SchemaField) -> Any:
    if field.default is Left.OUT:
        return msgspec.UNSET
    value, factory = default_pair(field.default)
    return msgspec.field(default=value) if factory is None else msgspec.field(default_factory=factory)
