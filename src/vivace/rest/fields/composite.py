"""Fields that hold other values: lists, dictionaries, any JSON."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import CoroutineType
from typing import Any, ClassVar, Self

from vivace.rest import _forms
from vivace.rest.exceptions import ValidationError, get_error_detail
from vivace.rest.fields.base import Field, empty
from vivace.rest.fields.text import CharField, filled
from vivace.rest.validators import SURROGATE
from vivace.utils.exceptions import ValidationError as ValueRefused
from vivace.utils.validators import MaxLengthValidator, MinLengthValidator


class _AnyField(Field):
    """The child of a list or dictionary that was given none: anything goes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, **kwargs})

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class _Container(Field):
    """A field whose items are all of one kind, `child`."""

    child: Field | type[Field] | None = None
    allow_empty = True

    def __init__(self, *, child: Field | None = None, allow_empty: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        child = child if child is not None else self._declared_child()
        if child.source is not None:
            raise TypeError(f"{type(self).__name__}: the child has a source, which has no meaning there; remove it")
        self.item = child.clone()
        self.item.bind("", self)
        self.child = self.item
        self.allow_empty = allow_empty

    def _declared_child(self) -> Field:
        if isinstance(self.child, type):
            raise TypeError(f"{type(self).__name__}: child is a class; write child={self.child.__name__}()")
        return _AnyField() if self.child is None else self.child

    def clone(self, parent: Any = None) -> Self:
        twin = super().clone(parent)
        twin.child = twin.item = self.item.clone(twin)
        return twin

    def validate_items(self, items: Iterable[tuple[Hashable, Any]]) -> Any:
        """Native values by key, or a coroutine for them. Raises ValidationError with errors by key."""
        values: dict[Hashable, Any] = {}
        errors: dict[Hashable, Any] = {}
        is_async = False
        for key, item in items:
            try:
                values[key] = value = self.item.run_validation(item)
            except ValidationError as error:
                errors[key] = error.detail
            except ValueRefused as error:
                errors[key] = get_error_detail(error)
            else:
                is_async = is_async or isinstance(value, CoroutineType)
        if is_async:
            return self._await_items(values, errors)
        if errors:
            raise ValidationError(errors)
        return self.assemble(values)

    async def _await_items(self, values: dict[Hashable, Any], errors: dict[Hashable, Any]) -> Any:
        for key, value in values.items():
            if not isinstance(value, CoroutineType):
                continue
            try:
                values[key] = await value
            except ValidationError as error:
                errors[key] = error.detail
            except ValueRefused as error:
                errors[key] = get_error_detail(error)
        if errors:
            raise ValidationError(errors)
        return self.assemble(values)

    def assemble(self, values: dict[Any, Any]) -> Any:
        """The native value made of the items' native values."""
        return values


class ListField(_Container):
    """A list of values that `child` validates."""

    initial: Any = ()
    default_error_messages: ClassVar = {
        "not_a_list": 'Expected a list of items but got type "{input_type}".',
        "empty": "This list may not be empty.",
        "min_length": "Ensure this field has at least {min_length} elements.",
        "max_length": "Ensure this field has no more than {max_length} elements.",
    }

    def __init__(self, *, min_length: int | None = None, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_length, self.max_length = min_length, max_length
        if max_length is not None:
            message = filled(self.error_messages["max_length"], max_length=max_length)
            self.validators.append(MaxLengthValidator(max_length, message))
        if min_length is not None:
            message = filled(self.error_messages["min_length"], min_length=min_length)
            self.validators.append(MinLengthValidator(min_length, message))

    def get_initial(self) -> Any:
        return list(self.initial)

    def get_value(self, dictionary: Any) -> Any:
        if not _forms.is_form(dictionary):
            return dictionary.get(self.field_name, empty)
        if values := dictionary.getlist(self.field_name):
            return values
        items = _forms.parse_list(dictionary, self.field_name)
        return empty if items is None else items

    def to_internal_value(self, data: Any) -> Any:
        if _forms.is_form(data):
            data = _forms.parse_list(data) or []
        if isinstance(data, str | bytes | Mapping) or not isinstance(data, Sequence | set | frozenset):
            self.fail("not_a_list", input_type=type(data).__name__)
        if not self.allow_empty and not data:
            self.fail("empty")
        # Checked before the items are: a million of them would be converted only to be refused.
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return self.validate_items(enumerate(data))

    def assemble(self, values: dict[Any, Any]) -> list[Any]:
        return list(values.values())

    def to_representation(self, value: Any) -> Any:
        show = self.item.to_representation
        return [None if item is None else show(item) for item in value]


class DictField(_Container):
    """A mapping of texts to values that `child` validates."""

    initial: Any = ()
    default_error_messages: ClassVar = {
        "not_a_dict": 'Expected a dictionary of items but got type "{input_type}".',
        "empty": "This dictionary may not be empty.",
    }

    def get_initial(self) -> Any:
        return dict(self.initial)

    def get_value(self, dictionary: Any) -> Any:
        if not _forms.is_form(dictionary):
            return dictionary.get(self.field_name, empty)
        members = _forms.parse_dict(dictionary, self.field_name)
        if members is None:
            return {} if self.field_name in dictionary else empty
        return members

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            self.fail("not_a_dict", input_type=type(data).__name__)
        if not self.allow_empty and not data:
            self.fail("empty")
        return self.validate_items((str(key), value) for key, value in data.items())

    def to_representation(self, value: Any) -> Any:
        show = self.item.to_representation
        return {str(key): None if item is None else show(item) for key, item in value.items()}


class HStoreField(DictField):
    """A mapping of texts to texts or nulls."""

    child: Any = CharField(allow_blank=True, allow_null=True)


class JSONField(Field):
    """Anything JSON can hold; with `binary` it travels as JSON text."""

    default_error_messages: ClassVar = {
        "invalid": "Value must be valid JSON.",
        "unstorable": "Null and surrogate characters are not allowed.",
    }

    def __init__(self, *, binary: bool = False, encoder: Any = None, decoder: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.binary, self.encoder, self.decoder = binary, encoder, decoder

    def get_value(self, dictionary: Any) -> Any:
        if _forms.is_form(dictionary) and self.field_name in dictionary:
            return _JSONText(dictionary[self.field_name])
        return dictionary.get(self.field_name, empty)

    def to_internal_value(self, data: Any) -> Any:
        try:
            if self.binary or isinstance(data, _JSONText):
                data = json.loads(data, cls=self.decoder, parse_constant=_refuse_constant)
            # A value that cannot be written would fail much later, in the database.
            text = json.dumps(data, cls=self.encoder, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            self.fail("invalid")
        # `dumps` writes both kinds of character as escapes; few values have any, so only those are walked through.
        if ("\\u0000" in text or "\\ud" in text) and not _is_storable(data):
            self.fail("unstorable")
        return data

    def to_representation(self, value: Any) -> Any:
        return json.dumps(value, cls=self.encoder).encode() if self.binary else value


class _JSONText(str):
    """JSON as a form sends it: text that is yet to be parsed."""

    __slots__ = ()


def _is_storable(value: Any) -> bool:
    """Whether no text in `value` has a NUL or half a surrogate pair, which PostgreSQL's jsonb does not hold."""
    if isinstance(value, str):
        return "\x00" not in value and SURROGATE.search(value) is None
    if isinstance(value, Mapping):
        return all(_is_storable(key) and _is_storable(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_storable(item) for item in value)
    return True


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
