"""Which fields a type made from a model has, of which types, and which of them may be left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.base import Field
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.relation import Relation
from vivace.utils.fieldspec import NO_DEFAULT, FieldSpec
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model

Form = Literal["read", "create", "update"]
"""What a type is for: "read" has every column that is not secret; "create" what may be given for a new row, with the
model's defaults; "update" the same without the key, and everything may be left out."""

FORMS = ("read", "create", "update")
TEXTS = frozenset({"string", "text", "email", "url", "slug"})


class Left(Enum):
    """What stands for a value that was left out and has no default here."""

    OUT = "left out"


@dataclass(frozen=True)
class SchemaField:
    """One field of a type: `type` is what it holds when it is there and not null."""

    name: str
    type: Any
    null: bool
    spec: FieldSpec | None = None
    default: Any = NO_DEFAULT
    """What is taken when it is left out: a value, a callable for one, or `Left.OUT`; NO_DEFAULT if it must be given."""
    nested: type[Any] | None = None
    many: bool = False


class PlanOptions(TypedDict, total=False):
    """What a type made from a model is asked for."""

    form: Form
    """"read" unless given."""
    fields: Collection[str] | None
    """The only ones it has."""
    exclude: Collection[str]
    """Those it has not."""
    nested: Mapping[str, type[Any]]
    """Relations, and the types that their values are shown as."""


@dataclass(frozen=True)
class Plan:
    """The fields of a type, and the model they are from."""

    model: type[Model]
    form: Form
    fields: tuple[SchemaField, ...]


def plan_of(
    model: type[Model],
    form: Form = "read",
    fields: Collection[str] | None = None,
    exclude: Collection[str] = (),
    nested: Mapping[str, type[Any]] | None = None,
) -> Plan:
    """The plan for `model`, by the options of `PlanOptions`. Raises FieldError for a name that the model has not."""
    nested = nested or {}
    if form not in FORMS:
        raise ValueError(f"form={form!r}: {did_you_mean(form, FORMS, listed_as='Forms')}")
    if isinstance(fields, str) or isinstance(exclude, str):
        raise TypeError('fields and exclude are lists of names, such as fields=["title"]')
    _check_names(model, [*(fields or ()), *exclude, *nested])
    left_out = {*exclude, *nested}
    planned = [
        _of_column(field, form)
        for field in _columns(model, form, fields)
        if (fields is None or not {field.name, field.attname}.isdisjoint(fields))
        and left_out.isdisjoint((field.name, field.attname))
    ]
    planned += [_of_relation(model, name, shown) for name, shown in nested.items()]
    return Plan(model, form, tuple(planned))


def take_plan(model: type[Model], options: dict[str, Any]) -> Plan:
    """As `plan_of`, from the options of a class statement, of which it takes those that it knows."""
    return plan_of(model, **{name: options.pop(name) for name in PlanOptions.__annotations__ if name in options})


def _check_names(model: type[Model], names: Sequence[str]) -> None:
    known = {*model._meta.forward, *_accessors(model)}
    for name in names:
        if name not in known:
            choices = {*model._meta.field_names, *_accessors(model)}
            raise FieldError(
                f'{model.__name__} has no field "{name}". {did_you_mean(name, choices, listed_as="Fields")}'
            )


def _accessors(model: type[Model]) -> dict[str, Relation]:
    return {relation.accessor: relation for relation in model._meta.related_objects if relation.accessor is not None}


def _columns(model: type[Model], form: str, named: Collection[str] | None) -> list[Field[Any]]:
    columns = model._meta.concrete_fields
    if form == "read":
        return [field for field in columns if not field.secret or (named is not None and field.name in named)]
    chosen = []
    for field in columns:
        is_written = field.editable and not field.generated and not field.spec.auto
        if is_written and not (form == "update" and field.primary_key):
            chosen.append(field)
    return chosen


def _of_column(field: Field[Any], form: str) -> SchemaField:
    spec = field.spec
    held: Any = Any if spec.python_type is object else spec.python_type
    if form == "read":
        return SchemaField(field.attname, held, spec.null, spec)
    if spec.choices is not None:
        held = _literal(spec) or held
    return SchemaField(field.attname, held, spec.null, spec, Left.OUT if form == "update" else _default_of(field, spec))


def _literal(spec: FieldSpec) -> Any:
    options = [getattr(value, "value", value) for value, _ in spec.choices or ()]
    if spec.blank and spec.kind in TEXTS and "" not in options:
        options.append("")
    options = [option for option in options if option is not None]
    return Literal[tuple(options)] if options and all(type(option) in (str, int) for option in options) else None


def _default_of(field: Field[Any], spec: FieldSpec) -> Any:
    if spec.default is not NO_DEFAULT:
        return _plain(spec.default)
    if field.has_db_default():
        return Left.OUT
    if spec.null:
        return None
    return "" if spec.blank and spec.kind in TEXTS else NO_DEFAULT


def _plain(default: Any) -> Any:
    if isinstance(default, Enum):
        return default.value
    return default


def _of_relation(model: type[Model], name: str, shown: type[Any]) -> SchemaField:
    field: Any = model._meta.forward.get(name)
    if isinstance(field, ForeignKey):
        return SchemaField(name, shown, field.null, nested=shown)
    if isinstance(field, ManyToManyField):
        return SchemaField(name, list[shown], False, nested=shown, many=True)  # type: ignore[valid-type]
    relation = _accessors(model).get(name)
    if relation is None:
        raise FieldError(f'nested={{"{name}": …}}: {model.__name__}.{name} is no relation')
    if relation.one_to_one:
        return SchemaField(name, shown, True, nested=shown)
    return SchemaField(name, list[shown], False, nested=shown, many=True)  # type: ignore[valid-type]


def default_pair(default: Any) -> tuple[Any, Callable[[], Any] | None]:
    """A default as a value or, where each object wants its own, as a function that makes it."""
    if callable(default):
        return None, default
    if isinstance(default, list | dict | set):
        return None, lambda: type(default)(default)
    return default, None
