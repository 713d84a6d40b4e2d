"""The life of a serializer: data is given, validated, saved, shown; of one object (`BaseSerializer`) or of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import CoroutineType
from typing import Any, ClassVar, Self

from vivace.orm.exceptions import NotLoaded
from vivace.rest import _forms, _loading
from vivace.rest._lookups import look_up_together
from vivace.rest._typing import Instance, Typed
from vivace.rest.exceptions import ErrorDetail, ValidationError, get_error_detail
from vivace.rest.fields.base import Field, empty
from vivace.utils.exceptions import ValidationError as ValueRefused

NON_FIELD_ERRORS = "non_field_errors"

# With many=True these arguments belong to the list; all are also given to the child.
LIST_ARGUMENTS = frozenset(
    [
        "read_only",
        "write_only",
        "required",
        "default",
        "initial",
        "source",
        "label",
        "help_text",
        "style",
        "error_messages",
        "instance",
        "data",
        "partial",
        "context",
        "allow_null",
    ]
)
LIST_ONLY_ARGUMENTS = ("allow_empty", "min_length", "max_length")


class BaseSerializer(Field, Typed[Instance]):
    """The least a serializer does; derive from it to convert in ways that are not a set of fields.

    With `data=`: await `is_valid()`, then read `validated_data` or `errors`, or await `save()`. `data` shows the
    instance. Each raises RuntimeError when it is too early for it.
    """

    many = False
    # Set for nested serializers that are written: which objects items may mean, and whether this one means a new one.
    matches: Any = None
    is_new_item = False
    _errors: Any = None
    _validated_data: Any = None
    _data: Any = None

    def __new__(cls, *args: Any, many: bool = False, **kwargs: Any) -> Any:
        """With `many=True` makes a ListSerializer whose child is of this class."""
        return cls.many_init(*args, **kwargs) if many else super().__new__(cls)

    def __init__(
        self,
        instance: Any = None,
        data: Any = empty,
        *,
        partial: bool = False,
        context: Mapping[str, Any] | None = None,
        many: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.instance = instance
        self.initial_data = data
        self.partial = partial
        self._context: Mapping[str, Any] = {} if context is None else context

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> Any:
        """The ListSerializer for `many=True`; its class may be named in `Meta.list_serializer_class`."""
        list_kwargs = {name: kwargs.pop(name) for name in LIST_ONLY_ARGUMENTS if name in kwargs}
        list_kwargs.update({name: value for name, value in kwargs.items() if name in LIST_ARGUMENTS})
        # The child is validated and shown item by item: instance and data are the list's.
        child_kwargs = {name: value for name, value in kwargs.items() if name not in ("instance", "data", "source")}
        list_class = getattr(getattr(cls, "Meta", None), "list_serializer_class", ListSerializer)
        return list_class(*args, child=cls(**child_kwargs), **list_kwargs)

    # What subclasses do

    def validate(self, attrs: Any) -> Any:
        """Checks and may change all validated values together. May be `async def`. Raises ValidationError."""
        return attrs

    async def create(self, validated_data: Any) -> Any:
        """Makes and returns the object for new data; `save()` calls it."""
        raise NotImplementedError(f"{type(self).__name__}.create() is needed to save new data")

    async def update(self, instance: Any, validated_data: Any) -> Any:
        """Changes and returns `instance`; `save()` calls it."""
        raise NotImplementedError(f"{type(self).__name__}.update() is needed to save data over an instance")

    # Input

    async def is_valid(self, *, raise_exception: bool = False) -> bool:
        """Validates the data, once. Raises ValidationError instead of answering False with `raise_exception`."""
        if self.initial_data is empty:
            raise RuntimeError(f"{type(self).__name__}.is_valid(): there is nothing to validate; give it data=…")
        if self._errors is None:
            try:
                validated = self.run_validation(self.initial_data)
                self._validated_data = await validated if isinstance(validated, CoroutineType) else validated
                self._errors = [] if self.many else {}
            except ValidationError as error:
                self._validated_data = [] if self.many else {}
                self._errors = _no_data(error.detail)
        if self._errors and raise_exception:
            raise ValidationError(self._errors)
        return not self._errors

    @property
    def errors(self) -> Any:
        """Errors by field; empty when the data is valid."""
        if self._errors is None:
            raise RuntimeError(f"{type(self).__name__}.errors: await is_valid() first")
        return self._errors

    @property
    def validated_data(self) -> Any:
        """Native values by source; empty when the data is not valid."""
        if self._errors is None:
            raise RuntimeError(f"{type(self).__name__}.validated_data: await is_valid() first")
        return self._validated_data

    def run_validation(self, data: Any = empty) -> Any:
        """A coroutine for the native value, or the value itself when `data` is empty. Raises ValidationError."""
        is_done, data = self.validate_empty_values(data)
        if is_done:
            return data
        if self.matches is None or self.many:
            return self._validate_all(data)
        self.matches.take(data)
        return self.matches.validated(self._validate_all(data))

    async def _validate_all(self, data: Any) -> Any:
        value = await self._convert(data)
        try:
            pending = self.run_validators(value)
            if pending is not None:
                await pending
            value = self.validate(value)
            if isinstance(value, CoroutineType):
                value = await value
        except (ValidationError, ValueRefused) as error:
            raise ValidationError(as_serializer_error(error)) from error
        if value is None:
            raise TypeError(f"{type(self).__name__}.validate() must return the validated data")
        return value

    async def _convert(self, data: Any) -> Any:
        value = self.to_internal_value(data)
        return await value if isinstance(value, CoroutineType) else value

    # Saving

    async def save(self, **kwargs: Any) -> Any:
        """Creates or updates the instance from the validated data plus `kwargs`, and returns it."""
        self._check_ready_to_save(kwargs)
        await self._store(self._merge(kwargs))
        return self.instance

    def _check_ready_to_save(self, kwargs: Mapping[str, Any]) -> None:
        name = type(self).__name__
        if self._errors is None:
            raise RuntimeError(f"{name}.save(): await is_valid() first")
        if self._errors:
            raise RuntimeError(f"{name}.save(): the data is not valid: {self._errors}")
        if self._data is not None:
            raise RuntimeError(f"{name}.save(): .data was read already; read .validated_data before saving")
        if "commit" in kwargs:
            raise TypeError(f"{name}.save() has no commit argument; read .validated_data to look before saving")

    def _merge(self, extra: Mapping[str, Any]) -> Any:
        return {**self._validated_data, **extra}

    async def _store(self, validated_data: Any) -> None:
        is_new = self.instance is None
        saved: Any = self.create(validated_data) if is_new else self.update(self.instance, validated_data)
        if isinstance(saved, CoroutineType):
            saved = await saved
        if saved is None:
            method = "create" if is_new else "update"
            raise TypeError(f"{type(self).__name__}.{method}() must return the saved object")
        self.instance = saved

    # Output

    @property
    def data(self) -> Any:
        """What is shown: the instance, else the validated data, else what an empty form holds.

        Raises NotLoaded when it needs a related object that is not loaded; `await load()` fetches those first.
        """
        if self._data is None:
            if self.has_async_output:
                raise RuntimeError(
                    f"{type(self).__name__}.data: a field's method is async; use `data = await serializer.load()`"
                )
            self._data = self._show()
        return self._data

    def _show(self) -> Any:
        if self.initial_data is not empty and self._errors is None:
            raise RuntimeError(f"{type(self).__name__}.data: await is_valid() first, or read .initial_data")
        if self.instance is not None and not self._errors:
            return self.to_representation(self.instance)
        if self._errors is not None and not self._errors:
            return self.to_representation(self._validated_data)
        return self.get_initial()

    @property
    def has_async_output(self) -> bool:
        """Whether showing an object means awaiting something."""
        return False

    async def load(self) -> Any:
        """Fetches what is not loaded yet and the representation needs, one query a relation; returns `data`."""
        if self._data is None:
            self._data = await self._load()
        return self._data

    async def _load(self) -> Any:
        if self.instance is None or self._errors:
            shown = self._show()
            return await resolve(shown) if self.has_async_output else shown
        if self.has_async_output:
            self.instance = await _loading.complete(self, await _loading.load(self, self.instance))
            return await resolve(self._show())
        # Usually the view's query has loaded everything, and looking for gaps would cost more than it saves.
        for fetch in (_loading.load, _loading.complete):
            with suppress(NotLoaded):
                return self._show()
            self.instance = await fetch(self, self.instance)
        return self._show()


class ListSerializer(BaseSerializer[Instance]):
    """Many objects, each validated and shown by `child`; what `many=True` makes."""

    child: Any = None
    many = True
    default_error_messages: ClassVar = {
        "not_a_list": 'Expected a list of items but got type "{input_type}".',
        "empty": "This list may not be empty.",
        "max_length": "Ensure this field has no more than {max_length} elements.",
        "min_length": "Ensure this field has at least {min_length} elements.",
    }

    def __init__(
        self,
        *args: Any,
        child: Any = None,
        allow_empty: bool = True,
        min_length: int | None = None,
        max_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        child = self.child if child is None else child
        if not isinstance(child, BaseSerializer):
            raise TypeError(f"{type(self).__name__} needs child=, a serializer instance; got {child!r}")
        self.child = child.clone()
        self.child.bind("", self)
        self.allow_empty, self.min_length, self.max_length = allow_empty, min_length, max_length

    def clone(self, parent: Any = None) -> Self:
        twin = super().clone(parent)
        twin.child = self.child.clone(twin)
        return twin

    def get_initial(self) -> Any:
        return []

    def get_value(self, dictionary: Any) -> Any:
        if not _forms.is_form(dictionary):
            return dictionary.get(self.field_name, empty)
        items = _forms.parse_list(dictionary, self.field_name)
        return empty if items is None else items

    def to_internal_value(self, data: Any) -> Any:
        if _forms.is_form(data):
            data = _forms.parse_list(data) or []
        if not isinstance(data, list):
            self._refuse("not_a_list", input_type=type(data).__name__)
        if not self.allow_empty and not data:
            self._refuse("empty")
        if self.max_length is not None and len(data) > self.max_length:
            self._refuse("max_length", max_length=self.max_length)
        if self.min_length is not None and len(data) < self.min_length:
            self._refuse("min_length", min_length=self.min_length)
        return self._convert_items(data)

    def _refuse(self, key: str, **kwargs: Any) -> None:
        message = self.error_messages[key].format(**kwargs)
        raise ValidationError({NON_FIELD_ERRORS: [message]}, code=key)

    async def _convert_items(self, data: list[Any]) -> list[Any]:
        values = []
        errors: dict[int, Any] = {}
        await look_up_together(self.child, data)
        for index, item in enumerate(data):
            try:
                value = self.run_child_validation(item)
                values.append(await value if isinstance(value, CoroutineType) else value)
            except ValidationError as error:
                errors[index] = error.detail
        if errors:
            raise ValidationError(errors)
        return values

    def run_child_validation(self, data: Any) -> Any:
        """Validates one item; override it to give the child the instance that the item updates."""
        if self.matches is None:
            return self.child.run_validation(data)
        self.matches.take(data)
        return self.matches.validated(self.child.run_validation(data))

    def _merge(self, extra: Mapping[str, Any]) -> Any:
        return [{**attrs, **extra} for attrs in self._validated_data]

    async def create(self, validated_data: Any) -> Any:
        """Creates every item, in order; by few statements where the child is a ModelSerializer as it is."""
        if hasattr(self.child, "create_many"):
            made: list[Any] = await self.child.create_many(validated_data)
            return made
        created = []
        for attrs in validated_data:
            item = self.child.create(attrs)
            created.append(await item if isinstance(item, CoroutineType) else item)
        return created

    async def update(self, instance: Any, validated_data: Any) -> Any:
        """Not defined: which items are inserted, changed and deleted is for the project to say."""
        raise NotImplementedError(
            f"{type(self).__name__}.update() is needed to save many=True over existing objects: derive from "
            "ListSerializer, say there which items are created, changed and deleted, and name it in "
            "Meta.list_serializer_class; BulkListSerializer changes the objects that the items name"
        )

    @property
    def has_async_output(self) -> bool:
        return bool(self.child.has_async_output)

    def to_representation(self, data: Any) -> list[Any]:
        return self._represent_items(_loading.items_of(data, self.field_name))

    def _represent_items(self, items: Iterable[Any]) -> list[Any]:
        show = self.child.to_representation
        return [show(item) for item in items]


def as_serializer_error(error: ValidationError | ValueRefused) -> dict[Any, Any]:
    """The error's details by field, each a list; those that name no field under `non_field_errors`."""
    detail = get_error_detail(error) if isinstance(error, ValueRefused) else error.detail
    if isinstance(detail, Mapping):
        return {key: value if isinstance(value, list | Mapping) else [value] for key, value in detail.items()}
    return {NON_FIELD_ERRORS: detail if isinstance(detail, list) else [detail]}


def _no_data(detail: Any) -> Any:
    if isinstance(detail, list) and len(detail) == 1 and getattr(detail[0], "code", None) == "null":
        return {NON_FIELD_ERRORS: [ErrorDetail("No data provided", code="null")]}
    return detail


async def resolve(shown: Any) -> Any:
    """`shown` with the coroutines in it replaced by their results, in place, one after the other."""
    if isinstance(shown, CoroutineType):
        return await resolve(await shown)
    places: Iterable[tuple[Any, Any]] = ()
    if isinstance(shown, dict):
        places = list(shown.items())
    elif isinstance(shown, list):
        places = list(enumerate(shown))
    for key, value in places:
        if isinstance(value, dict | list | CoroutineType):
            shown[key] = await resolve(value)
    return shown
