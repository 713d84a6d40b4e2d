"""`Serializer`: a set of declared fields."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import CoroutineType
from typing import Any, ClassVar, Self

from vivace.rest import _forms
from vivace.rest._typing import Instance
from vivace.rest.exceptions import ValidationError, get_error_detail
from vivace.rest.fields.base import Field, SkipField, empty
from vivace.rest.fields.special import SerializerMethodField
from vivace.rest.serializers import _plan
from vivace.rest.serializers.base import NON_FIELD_ERRORS, BaseSerializer
from vivace.utils.exceptions import ValidationError as ValueRefused

# Whoever overrides one of these may give each instance other fields, so nothing is kept for the class.
FIELD_HOOKS = (
    "get_fields",
    "get_field_names",
    "get_default_field_names",
    "get_extra_kwargs",
    "get_uniqueness_extra_kwargs",
    "include_extra_kwargs",
    "build_field",
    "build_standard_field",
    "build_relational_field",
    "build_nested_field",
    "build_property_field",
    "build_url_field",
    "build_unknown_field",
)


class SerializerMetaclass(type):
    """Gathers a class's fields, and those of its bases that it does not replace, in `_declared_fields`."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> SerializerMetaclass:
        own = {key: namespace.pop(key) for key, value in list(namespace.items()) if isinstance(value, Field)}
        declared: dict[str, Field] = {}
        for base in reversed(bases):
            declared.update(getattr(base, "_declared_fields", {}))
        # A subclass that sets a name to something else (None, usually) removes the inherited field.
        kept = {key: field for key, field in declared.items() if key not in namespace and key not in own}
        namespace["_declared_fields"] = {**kept, **own}
        return super().__new__(mcs, name, bases, namespace)


class BindingDict(dict[str, Field]):
    """Fields by name, each bound to the serializer when it is put in."""

    def __init__(self, serializer: Any) -> None:
        super().__init__()
        self.serializer = serializer

    def __setitem__(self, name: str, field: Field) -> None:
        field.bind(name, self.serializer)
        super().__setitem__(name, field)

    def add_bound(self, field: Field) -> None:
        """Puts in a field that is bound to the serializer already."""
        super().__setitem__(field.field_name, field)


class Serializer(BaseSerializer[Instance], metaclass=SerializerMetaclass):
    """A set of fields, validated each, then `validate_<field>()`, then the validators, then `validate()`.

    The hooks may be `async def`. How a class shows an object is compiled once (`_plan`); an instance whose `fields`
    somebody has touched, or a class that makes its fields for each instance, is shown field by field.
    """

    _declared_fields: ClassVar[dict[str, Field]]
    default_error_messages: ClassVar = {"invalid": "Invalid data. Expected a dictionary, but got {datatype}."}
    _fields: BindingDict | None = None
    _is_touched = False

    # Fields

    @property
    def fields(self) -> BindingDict:
        """This instance's fields by name; yours to change."""
        self._is_touched = True
        return self.bound_fields

    @property
    def bound_fields(self) -> BindingDict:
        """This instance's fields, to be read only."""
        if self._fields is None:
            fields = BindingDict(self)
            if type(self).is_static():
                for field in self.template().bound_fields.values():
                    fields.add_bound(field.clone(self))
            else:
                for name, field in self.get_fields().items():
                    fields[name] = field
            self._fields = fields
        return self._fields

    @classmethod
    def is_static(cls) -> bool:
        """Whether all instances of the class begin with the same fields."""
        if "_static" not in cls.__dict__:
            hooks = (getattr(cls, name, None) for name in FIELD_HOOKS)
            cls._static = all(getattr(hook, "__module__", __name__).startswith("vivace.rest.") for hook in hooks)
        return cls._static

    _static: ClassVar[bool]

    @classmethod
    def template(cls) -> Self:
        """An instance nobody uses, whose bound fields are what every instance of a static class begins with."""
        if "_template" not in cls.__dict__:
            template = object.__new__(cls)
            BaseSerializer.__init__(template)
            fields = BindingDict(template)
            for name, field in template.get_fields().items():
                fields[name] = field
            template._fields = fields
            cls._template = template
        found: Self = cls._template
        return found

    _template: ClassVar[Any]

    def get_fields(self) -> dict[str, Field]:
        """New, unbound fields by name."""
        return {name: field.clone() for name, field in self._declared_fields.items()}

    def clone(self, parent: Any = None) -> Self:
        twin = super().clone(parent)
        if self._fields is not None:
            fields = BindingDict(twin)
            for field in self._fields.values():
                fields.add_bound(field.clone(twin))
            twin._fields = fields
        return twin

    def get_validators(self) -> list[Any]:
        return list(getattr(getattr(self, "Meta", None), "validators", None) or ())

    # Input

    def get_initial(self) -> Any:
        writable = [field for field in self.bound_fields.values() if not field.read_only]
        if self.initial_data is empty:
            return {field.field_name: field.get_initial() for field in writable}
        if not isinstance(self.initial_data, Mapping):
            return {}
        values = ((field.field_name, field.get_value(self.initial_data)) for field in writable)
        return {name: value for name, value in values if value is not empty}

    def get_value(self, dictionary: Any) -> Any:
        if not _forms.is_form(dictionary):
            return dictionary.get(self.field_name, empty)
        members = _forms.parse_dict(dictionary, self.field_name)
        return empty if members is None else members

    def run_validators(self, value: Any) -> Any:
        if isinstance(value, dict) and self.validators:
            value = {**self._read_only_defaults(), **value}
        return super().run_validators(value)

    def _read_only_defaults(self) -> dict[str, Any]:
        defaults = {}
        for field in self.bound_fields.values():
            if field.read_only and field.default is not empty and len(field.source_attrs) == 1:
                try:
                    defaults[field.source_attrs[0]] = field.get_default()
                except SkipField:
                    continue
        return defaults

    async def to_internal_value(self, data: Any) -> Any:
        """Native values by source. Raises ValidationError with the errors of all fields."""
        if not isinstance(data, Mapping):
            message = self.error_messages["invalid"].format(datatype=type(data).__name__)
            raise ValidationError({NON_FIELD_ERRORS: [message]}, code="invalid")
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, field in self.bound_fields.items():
            if field.read_only:
                continue
            try:
                value = field.run_validation(field.get_value(data))
                if isinstance(value, CoroutineType):
                    value = await value
                if (validate := getattr(self, f"validate_{name}", None)) is not None:
                    value = validate(value)
                    if isinstance(value, CoroutineType):
                        value = await value
            except ValidationError as error:
                errors[name] = error.detail
            except ValueRefused as error:
                errors[name] = get_error_detail(error)
            except SkipField:
                continue
            else:
                set_value(values, field.source_attrs, value)
        if errors:
            raise ValidationError(errors)
        return values

    # Output

    def to_representation(self, instance: Any) -> Any:
        """`instance` as plain data; by the class's compiled plan where there is one."""
        plan = self.output_plan
        return self.represent_fields(instance) if plan is None else plan.represent(instance, self)

    @property
    def output_plan(self) -> _plan.OutputPlan | None:
        """The class's compiled representation, or None when this instance may differ from it."""
        cls = type(self)
        if self._is_touched or not cls.is_static():
            return None
        if "_output_plan" not in cls.__dict__:
            cls._output_plan = _plan.compile_plan(cls.template())
        return cls._output_plan

    _output_plan: ClassVar[_plan.OutputPlan]

    def represent_fields(self, instance: Any) -> dict[str, Any]:
        """`instance` shown field by field: what the compiled plan must equal."""
        shown = {}
        for name, field in self.bound_fields.items():
            if field.write_only:
                continue
            try:
                value = field.get_attribute(instance)
            except SkipField:
                continue
            shown[name] = None if value is None else field.to_representation(value)
        return shown

    @property
    def has_async_output(self) -> bool:
        plan = self.output_plan
        return self.has_async_fields() if plan is None else plan.is_async

    def has_async_fields(self) -> bool:
        """Whether a field that is shown is computed by an `async def`."""
        return any(_is_async(self, field) for field in self.bound_fields.values() if not field.write_only)

    def __iter__(self) -> Iterator[str]:
        return iter(self.bound_fields)


def set_value(values: dict[str, Any], attrs: Sequence[str], value: Any) -> None:
    """`values[a][b] = value` for attrs `[a, b]`; with no attrs (`source="*"`) merges `value` into `values`."""
    if not attrs:
        values.update(value)
        return
    for name in attrs[:-1]:
        values = values.setdefault(name, {})
    values[attrs[-1]] = value


def _is_async(serializer: Serializer, field: Field) -> bool:
    if isinstance(field, SerializerMethodField):
        return inspect.iscoroutinefunction(getattr(serializer, field.method_name or "", None))
    if isinstance(field, BaseSerializer):
        return field.has_async_output
    return inspect.iscoroutinefunction(field.to_representation)
