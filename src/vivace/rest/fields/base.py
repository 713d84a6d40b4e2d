"""What every serializer field does: find its value in the input, validate it, find its value on an object, show it.

A field's work is computing, so it is not async, with one exception: validators, defaults and conversions that ask the
database (or that a project writes as `async def`) return a coroutine, `run_validation()` then returns one too, and the
serializer awaits it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import cached_property
from inspect import isbuiltin, isfunction, ismethod, signature
from types import CoroutineType
from typing import Any, ClassVar, NoReturn, Self

from vivace.orm.exceptions import NotLoaded, ObjectDoesNotExist
from vivace.rest import _forms
from vivace.rest.exceptions import ValidationError, get_error_detail
from vivace.utils.exceptions import ValidationError as ValueRefused


class empty:  # noqa: N801 (DRF's name)
    """No value was given; None is a value."""


class SkipField(Exception):
    """This field takes no part: leave it out of the validated data, or of the representation."""


Validator = Callable[..., Any]


class Field:
    """Base of all fields; arguments and methods are those of `rest_framework.fields.Field`.

    Raises TypeError for arguments that contradict each other.
    """

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "required": "This field is required.",
        "null": "This field may not be null.",
    }
    default_validators: Sequence[Validator] = ()
    default_empty_html: Any = empty
    initial: Any = None
    # Whether showing a value needs `self.context`, as an address needs the request.
    needs_context = False
    # Whether showing a related object takes nothing but its key.
    needs_only_key = False

    # Values of a list's items of which it is known that no stored object has them.
    free_values: Collection[Any] = ()

    field_name: str = ""
    parent: Any = None
    source_attrs: Sequence[str] = ()

    def __init__(
        self,
        *,
        read_only: bool = False,
        write_only: bool = False,
        required: bool | None = None,
        default: Any = empty,
        initial: Any = empty,
        source: str | None = None,
        label: str | None = None,
        help_text: str | None = None,
        style: Mapping[str, Any] | None = None,
        error_messages: Mapping[str, str] | None = None,
        validators: Iterable[Validator] | None = None,
        allow_null: bool = False,
    ) -> None:
        self._check_arguments(read_only, write_only, required, default)
        self.read_only, self.write_only = read_only, write_only
        self.required = (default is empty and not read_only) if required is None else required
        self.default = default
        self.source = source
        self.label, self.help_text = label, help_text
        self.style = dict(style or {})
        self.allow_null = allow_null
        if initial is not empty:
            self.initial = initial
        if self.default_empty_html is not empty and default is not empty:
            self.default_empty_html = default
        if validators is not None:
            self.validators = list(validators)
        self.error_messages: dict[str, str] = {}
        for cls in reversed(type(self).__mro__):
            self.error_messages.update(vars(cls).get("default_error_messages", {}))
        self.error_messages.update(error_messages or {})

    def _check_arguments(self, read_only: bool, write_only: bool, required: bool | None, default: Any) -> None:
        name = type(self).__name__
        if read_only and write_only:
            raise TypeError(f"{name}: read_only and write_only cannot both be set")
        if read_only and required:
            raise TypeError(f"{name}: a read_only field cannot be required, since input for it is ignored")
        if required and default is not empty:
            raise TypeError(f"{name}: required and default cannot both be set; a default is for values not sent")

    @cached_property
    def validators(self) -> list[Validator]:
        """What a value must pass after its conversion; append to it or replace it."""
        return self.get_validators()

    def get_validators(self) -> list[Validator]:
        """The validators of a field that was given none."""
        return list(self.default_validators)

    # Place in a serializer

    def bind(self, field_name: str, parent: Any) -> None:
        """Gives the field its name and its serializer. Raises TypeError for a `source` that repeats the name."""
        if self.source == field_name:
            raise TypeError(
                f"{type(parent).__name__}.{field_name}: source={field_name!r} repeats the field's name; leave it out"
            )
        self.field_name, self.parent = field_name, parent
        if self.label is None:
            self.label = field_name.replace("_", " ").capitalize()
        if self.source is None:
            self.source = field_name
        self.source_attrs = [] if self.source == "*" else self.source.split(".")

    def clone(self, parent: Any = None) -> Self:
        """The same field for another serializer; changing the copy leaves the original as it was."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.parent = parent
        if "validators" in twin.__dict__:
            twin.validators = list(self.validators)
        twin.error_messages = dict(self.error_messages)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.clone()

    @property
    def root(self) -> Any:
        """The outermost serializer."""
        root: Any = self
        while root.parent is not None:
            root = root.parent
        return root

    @property
    def context(self) -> Mapping[str, Any]:
        """What was given to the outermost serializer as `context`: the request, the view, …"""
        context: Mapping[str, Any] = getattr(self.root, "_context", {})
        return context

    # Input

    def get_initial(self) -> Any:
        """The value an empty form shows."""
        return self.initial() if callable(self.initial) else self.initial

    def get_value(self, dictionary: Any) -> Any:
        """This field's value in the input, or `empty`. In a form "" may mean null or not given."""
        if not _forms.is_form(dictionary):
            return dictionary.get(self.field_name, empty)
        if self.field_name not in dictionary:
            return empty if self._is_partial else self.default_empty_html
        value = dictionary[self.field_name]
        if value != "" or getattr(self, "allow_blank", False):
            return value
        if self.allow_null:
            return None
        return value if self.required else empty

    @property
    def _is_partial(self) -> bool:
        """Whether values may be left out: in a partial update, but not in an object that is new in it."""
        place: Any = self
        while place.parent is not None:
            if getattr(place, "is_new_item", False):
                return False
            place = place.parent
        return bool(getattr(place, "partial", False))

    def get_default(self) -> Any:
        """The value when none is given. Raises SkipField when there is no default, or the update is partial."""
        if self.default is empty or self._is_partial:
            raise SkipField
        if not callable(self.default):
            return self.default
        return self.default(self) if getattr(self.default, "requires_context", False) else self.default()

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """`(True, value)` when `data` needs no more validation, else `(False, data)`.

        Raises ValidationError for a missing required value or a null that is not allowed, SkipField for a value that
        was not given and has no default.
        """
        if self.read_only:
            return True, self.get_default()
        if data is empty:
            if self._is_partial:
                raise SkipField
            if self.required:
                self.fail("required")
            return True, self.get_default()
        if data is None:
            if not self.allow_null:
                self.fail("null")
            return self.source != "*", None
        return False, data

    def run_validation(self, data: Any = empty) -> Any:
        """The native value for `data`, or a coroutine for it when a conversion or validator is async.

        Raises ValidationError, or SkipField when the field takes no part.
        """
        is_done, data = self.validate_empty_values(data)
        if is_done:
            return data
        value = self.to_internal_value(data)
        if isinstance(value, CoroutineType):
            return self._validate_later(value)
        pending = self.run_validators(value)
        return value if pending is None else _then(pending, value)

    async def _validate_later(self, conversion: Coroutine[Any, Any, Any]) -> Any:
        value = await conversion
        pending = self.run_validators(value)
        if pending is not None:
            await pending
        return value

    def run_validators(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Asks every validator. Raises ValidationError with all their errors; returns a coroutine if any is async."""
        errors: list[Any] = []
        pending: list[Coroutine[Any, Any, Any]] = []
        for validator in self.validators:
            try:
                result = validator(value, self) if getattr(validator, "requires_context", False) else validator(value)
            except (ValidationError, ValueRefused) as error:
                _collect(error, errors, pending)
            else:
                if isinstance(result, CoroutineType):
                    pending.append(result)
        if pending:
            return _finish_validators(pending, errors)
        if errors:
            raise ValidationError(errors)
        return None

    def to_internal_value(self, data: Any) -> Any:
        """The native value for what was sent. May be `async def`. Raises ValidationError."""
        raise NotImplementedError(
            f"{type(self).__name__}.to_internal_value() is needed by the writable field {self.field_name!r}; "
            "for output only, derive from ReadOnlyField"
        )

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        """Raises ValidationError with the field's message `key`; the placeholders are filled from `kwargs`."""
        try:
            message = self.error_messages[key]
        except KeyError:
            raise LookupError(
                f"{type(self).__name__}.fail({key!r}): there is no such message; "
                f"error_messages has: {', '.join(sorted(self.error_messages))}"
            ) from None
        raise ValidationError(message.format(**kwargs), code=key)

    # Output

    def get_attribute(self, instance: Any) -> Any:
        """This field's value on an object or mapping. Raises SkipField when it is missing and need not be there."""
        try:
            return get_attribute(instance, self.source_attrs)
        except NotLoaded:
            raise  # The value exists; leaving it out of the answer would be a lie.
        except (KeyError, AttributeError) as error:
            if self.default is not empty:
                return self.get_default()
            if self.allow_null:
                return None
            if not self.required:
                raise SkipField from None
            raise type(error)(self._missing_attribute(instance, error)) from error

    def _missing_attribute(self, instance: Any, error: Exception) -> str:
        return (
            f"{type(self.parent).__name__}.{self.field_name}: {type(instance).__name__} has no attribute or key "
            f"{'.'.join(self.source_attrs)!r} ({error}). Is the field's name right, or does it need `source=`?"
        )

    def to_representation(self, value: Any) -> Any:
        """What is shown for a native value that is not None."""
        raise NotImplementedError(f"{type(self).__name__}.to_representation() is needed to show {self.field_name!r}")

    def __repr__(self) -> str:
        told = ("read_only", "write_only", "required", "allow_null", "source")
        shown = ", ".join(f"{name}={value!r}" for name in told if (value := getattr(self, name)))
        return f"{type(self).__name__}({shown})"


def get_attribute(instance: Any, attrs: Sequence[str]) -> Any:
    """Follows `attrs` through objects and mappings; functions without arguments are called.

    A related object that does not exist gives None. Raises AttributeError or KeyError.
    """
    for name in attrs:
        try:
            instance = instance[name] if isinstance(instance, Mapping) else getattr(instance, name)
        except ObjectDoesNotExist:
            return None
        if callable(instance):
            instance = call_if_simple(instance, name)
    return instance


def call_if_simple(value: Any, name: str) -> Any:
    """`value()` for a function or method that needs no arguments, else `value`. Raises TypeError for a built-in one."""
    if isbuiltin(value):
        raise TypeError(f"{name!r} is a built-in function; wrap it in a method or property of your own")
    if not (isfunction(value) or ismethod(value)):
        return value
    for parameter in signature(value).parameters.values():
        if parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            return value
    try:
        return value()
    except NotLoaded:
        raise
    except (AttributeError, KeyError) as error:
        # These two mean "the attribute is missing" to the caller, which is not what happened.
        raise ValueError(f"{name}() raised {type(error).__name__}: {error}") from error


def _collect(error: ValidationError | ValueRefused, errors: list[Any], pending: list[Any]) -> None:
    detail = error.detail if isinstance(error, ValidationError) else get_error_detail(error)
    if isinstance(detail, dict):  # names fields: cannot be one of a list
        for coroutine in pending:
            coroutine.close()
        raise ValidationError(detail) from error
    errors.extend(detail)


async def _finish_validators(pending: list[Coroutine[Any, Any, Any]], errors: list[Any]) -> None:
    while pending:
        try:
            await pending.pop(0)
        except (ValidationError, ValueRefused) as error:
            _collect(error, errors, pending)
    if errors:
        raise ValidationError(errors)


async def _then(pending: Coroutine[Any, Any, None], value: Any) -> Any:
    await pending
    return value
