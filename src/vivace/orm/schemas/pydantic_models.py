"""`PydanticModel`: pydantic types made from models. Needs pydantic 2, which nothing else here asks for."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

import pydantic

from vivace.orm.schemas.plan import TEXTS, Form, Left, Plan, PlanOptions, SchemaField, default_pair, take_plan
from vivace.utils.fieldspec import NO_DEFAULT

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass

    from vivace.orm.base import Model
else:
    ModelMetaclass = type(pydantic.BaseModel)


class _FromModel(ModelMetaclass):
    """Adds the model's fields to a class body before pydantic reads it."""

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
        annotations: dict[str, Any] = {}
        body = {**namespace, "schema_plan": plan}
        for field in plan.fields:
            if field.name not in own:
                annotations[field.name] = _annotation(field)
                body[field.name] = _field(field, plan.form)
        body["__annotations__"] = {**annotations, **own}
        with warnings.catch_warnings():
            # A column named "json" or "copy" hides what pydantic keeps for old code, and is what is meant.
            warnings.filterwarnings("ignore", "Field name .* shadows an attribute in parent", UserWarning)
            return super().__new__(mcs, name, bases, body, **options)

    if not TYPE_CHECKING:

        def __init__(cls, name: str, bases: Any, namespace: Any, **options: Any) -> None:  # noqa: N805 - a metaclass
            # The options are read by __new__.
            type.__init__(cls, name, bases, namespace)


class PydanticModel(pydantic.BaseModel, metaclass=_FromModel):
    """Base of pydantic types made from models: `class BookOut(PydanticModel, model=Book): ...`.

    The class takes `model`, `form` ("read", "create" or "update"), `fields`, `exclude` and `nested`, and pydantic's own
    options. Fields declared in its body take the place of the model's, and tell type checkers their types.
    """

    model_config = pydantic.ConfigDict(from_attributes=True)
    schema_plan: ClassVar[Plan]

    if TYPE_CHECKING:

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


def make_pydantic(
    model: type[Model],
    *,
    name: str | None = None,
    **options: Unpack[PlanOptions],
) -> type[PydanticModel]:
    """A pydantic type of a model in one call. Raises FieldError for a name that the model has not."""
    name = name or f"{model.__name__}{options.get('form', 'read').capitalize()}"
    made = _FromModel(
        name,
        (PydanticModel,),
        {"__module__": model.__module__, "__qualname__": name, "__doc__": model.__doc__},
        model=model,
        **options,
    )
    return cast("type[PydanticModel]", made)


def _annotation(field: SchemaField) -> Any:
    if field.type is Any:
        return Any
    return field.type | None if field.null else field.type


def _field(field: SchemaField, form: Form) -> Any:
    spec = field.spec
    options: dict[str, Any] = {}
    if spec is not None:
        options = {"title": spec.label.capitalize() or None, "description": spec.help_text or None}
        if form != "read":
            options |= _limits(field)
    if field.default is NO_DEFAULT:
        return pydantic.Field(**options)
    if field.default is Left.OUT:
        # Whether it was given is what `model_fields_set` says; nobody sees this None.
        return pydantic.Field(default=None, **options)
    value, factory = default_pair(field.default)
    return (
        pydantic.Field(default=value, **options)
        if factory is None
        else pydantic.Field(default_factory=factory, **options)
    )


def _limits(field: SchemaField) -> dict[str, Any]:
    spec = field.spec
    assert spec is not None
    limits: dict[str, Any] = {}
    if field.type is str:
        limits = {"max_length": spec.max_length}
        if not spec.blank and spec.kind in TEXTS:
            limits["min_length"] = 1
    elif spec.kind == "decimal":
        limits = {"max_digits": spec.max_digits, "decimal_places": spec.decimal_places}
    if field.type in (int, float):
        limits = {"ge": spec.min_value, "le": spec.max_value}
    return {name: value for name, value in limits.items() if value is not None}
