"""Fields that show or take another object: by key, by a unique field, by address, or as text.

Taking one asks the database, so `run_validation()` of these fields returns a coroutine; a field of many asks once for
all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Self

from vivace.rest import _forms, _loading
from vivace.rest.exceptions import ValidationError
from vivace.rest.fields.base import Field, empty
from vivace.rest.reverse import match, reverse
from vivace.utils.exceptions import ValidationError as ValueRefused

# What every database's largest integer column holds; a larger key exists nowhere and some drivers refuse to ask.
BIGGEST_KEY = 2**63 - 1

MANY_ARGUMENTS = frozenset(
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
        "allow_empty",
        "validators",
        "html_cutoff",
        "html_cutoff_text",
    ]
)


NOT_OF_THE_CHILD = ("allow_empty", "source", "validators", "html_cutoff", "html_cutoff_text")


class RelatedField(Field):
    """Base of the relation fields; `queryset` says which objects may be chosen. `many=True` makes a list of them.

    `html_cutoff` is how many of them a form offers, `html_cutoff_text` what it says of the rest.
    A subclass defines `lookup_name`, `clean_key()` and `to_representation()`, or overrides `to_internal_value()`.
    """

    queryset: Any = None
    lookup_name = "pk"
    default_error_messages: ClassVar = {"does_not_exist": "Object does not exist."}

    def __new__(cls, *args: Any, many: bool = False, **kwargs: Any) -> Any:
        return cls.many_init(*args, **kwargs) if many else super().__new__(cls)

    def __init__(
        self,
        *,
        queryset: Any = None,
        many: bool = False,
        html_cutoff: int | None = None,
        html_cutoff_text: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.html_cutoff, self.html_cutoff_text = html_cutoff, html_cutoff_text
        self.queryset = self.queryset if queryset is None else queryset
        if self.read_only and queryset is not None:
            raise TypeError(f"{type(self).__name__}: a read_only field takes no queryset, since nothing is chosen")
        if not self.read_only and self.queryset is None and type(self).get_queryset is RelatedField.get_queryset:
            raise TypeError(f"{type(self).__name__} needs queryset= to choose from, or read_only=True")

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> ManyRelatedField:
        """The list that `many=True` makes."""
        own = {name: value for name, value in kwargs.items() if name in MANY_ARGUMENTS}
        passed = {name: value for name, value in kwargs.items() if name not in NOT_OF_THE_CHILD}
        child = cls(*args, **passed)
        return ManyRelatedField(child_relation=child, **{**own, "read_only": child.read_only})

    def get_queryset(self) -> Any:
        """The objects that may be chosen. Override it to look at the request in `self.context`."""
        return self.queryset.all()

    def display_value(self, instance: Any) -> str:
        """What a form shows of an object that may be chosen."""
        return str(instance)

    async def get_choices(self, cutoff: int | None = None) -> dict[Any, str]:
        """The first `cutoff` objects that may be chosen: what is sent for each, and what a form shows of it."""
        queryset = None if self.queryset is None else self.get_queryset()
        if queryset is None:
            return {}
        rows = queryset if cutoff is None else queryset[:cutoff]
        return {self.to_representation(item): self.display_value(item) async for item in rows}

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(None if data == "" else data)

    def clean_key(self, data: Any) -> Any:
        """The value to look up. Raises ValidationError for what cannot be one."""
        return data

    async def remember(self, data: Iterable[Any]) -> None:
        """Looks up what many items name, by one query, so that `find()` need not ask for each."""
        keys = set()
        for item in data:
            if item is None or item == "" or isinstance(item, Mapping | list):
                continue
            with suppress(ValidationError, LookupError):  # find() will tell
                keys.add(self.clean_key(item))
        found = await self._fetch(keys)
        self._known = {**(self._known or {}), **{key: found.get(key) for key in keys}}

    _known: dict[Any, Any] | None = None

    async def _fetch(self, keys: Iterable[Any]) -> dict[Any, Any]:
        wanted = {key for key in keys if not isinstance(key, int) or abs(key) <= BIGGEST_KEY}
        found: dict[Any, Any] = {}
        if wanted:
            async for item in self.get_queryset().filter(**{f"{self.lookup_name}__in": wanted}):
                found[getattr(item, self.lookup_name)] = item
        return found

    async def to_internal_value(self, data: Any) -> Any:
        """The chosen object. Raises ValidationError when there is none."""
        return (await self.find([data]))[0]

    async def find(self, data: Sequence[Any]) -> list[Any]:
        """The chosen objects in order, by one query. Raises ValidationError for the first that there is none of."""
        keys = [self.clean_key(item) for item in data]
        found = dict(self._known or {})
        found |= await self._fetch([key for key in keys if key not in found])
        for key, item in zip(keys, data, strict=True):
            if found.get(key) is None:
                self.fail_missing(item)
        return [found[key] for key in keys]

    def fail_missing(self, data: Any) -> None:
        """Raises the ValidationError for a key that belongs to nothing."""
        self.fail("does_not_exist")


class PrimaryKeyRelatedField(RelatedField):
    """The other object's primary key; `pk_field` converts it, for instance to a UUID's hex form."""

    default_error_messages: ClassVar = {
        "does_not_exist": 'Invalid pk "{pk_value}" - object does not exist.',
        "incorrect_type": "Incorrect type. Expected pk value, received {data_type}.",
    }

    def __init__(self, *, pk_field: Field | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pk_field = pk_field

    needs_only_key = True

    def clean_key(self, data: Any) -> Any:
        if self.pk_field is not None:
            data = self.pk_field.to_internal_value(data)
        key_field = self.get_queryset().model._meta.pk
        if isinstance(data, bool | float | Mapping | list):
            self.fail("incorrect_type", data_type=type(data).__name__)
        try:
            return key_field.to_python(data)
        except (ValueRefused, TypeError, ValueError):
            self.fail("incorrect_type", data_type=type(data).__name__)

    def fail_missing(self, data: Any) -> None:
        self.fail("does_not_exist", pk_value=data)

    def to_representation(self, value: Any) -> Any:
        return value.pk if self.pk_field is None else self.pk_field.to_representation(value.pk)


class SlugRelatedField(RelatedField):
    """The other object's unique field `slug_field`."""

    default_error_messages: ClassVar = {
        "does_not_exist": "Object with {slug_name}={value} does not exist.",
        "invalid": "Invalid value.",
    }

    def __init__(self, slug_field: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if slug_field is None:
            raise TypeError("SlugRelatedField needs slug_field=, the name of the other model's field")
        self.slug_field = slug_field
        self.lookup_name = slug_field

    def clean_key(self, data: Any) -> Any:
        try:
            return self.get_queryset().model._meta.get_field(self.slug_field).to_python(data)
        except (ValueRefused, TypeError, ValueError):
            self.fail("invalid")

    async def find(self, data: Sequence[Any]) -> list[Any]:
        if any(isinstance(item, Mapping | list) for item in data):
            self.fail("invalid")
        return await super().find(data)

    def fail_missing(self, data: Any) -> None:
        self.fail("does_not_exist", slug_name=self.slug_field, value=data)

    def to_representation(self, value: Any) -> Any:
        return getattr(value, self.slug_field)


class StringRelatedField(RelatedField):
    """The other object's `str()`; read only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "read_only": True})

    def to_representation(self, value: Any) -> Any:
        return str(value)


class HyperlinkedRelatedField(RelatedField):
    """The address of the other object's view, `view_name`, absolute when the context has the request."""

    needs_context = True
    default_error_messages: ClassVar = {
        "no_match": "Invalid hyperlink - No URL match.",
        "does_not_exist": "Invalid hyperlink - Object does not exist.",
        "incorrect_type": "Incorrect type. Expected URL string, received {data_type}.",
    }

    def __init__(
        self,
        view_name: str | None = None,
        *,
        lookup_field: str = "pk",
        lookup_url_kwarg: str | None = None,
        **kwargs: Any,
    ) -> None:
        if view_name is None:
            raise TypeError(f"{type(self).__name__} needs view_name=, the name of the route that shows the object")
        super().__init__(**kwargs)
        self.view_name, self.lookup_field = view_name, lookup_field
        self.lookup_url_kwarg = lookup_url_kwarg or lookup_field
        self.lookup_name = lookup_field
        self.needs_only_key = lookup_field == "pk"

    def get_url(self, obj: Any) -> str | None:
        """The object's address; None for an object that is not saved."""
        key = getattr(obj, self.lookup_field)
        if key is None or key == "":
            return None
        return reverse(self.view_name, {self.lookup_url_kwarg: key}, self._request())

    def _request(self) -> Any:
        request = self.context.get("request")
        if request is None:
            raise LookupError(
                f"{type(self).__name__} {self.field_name!r} needs the request to make an address: "
                "give the serializer context={'request': request}"
            )
        return request

    def clean_key(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        key = match(self.view_name, data, self._request()).get(self.lookup_url_kwarg)
        if key is None:
            self.fail("no_match")
        try:
            field = self.get_queryset().model._meta
            target = field.pk if self.lookup_field == "pk" else field.get_field(self.lookup_field)
            return target.to_python(key)
        except (ValueRefused, TypeError, ValueError):
            self.fail("no_match")

    def to_representation(self, value: Any) -> Any:
        return self.get_url(value)


class HyperlinkedIdentityField(HyperlinkedRelatedField):
    """The address of the object itself; read only."""

    def __init__(self, view_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(view_name, **{**kwargs, "read_only": True, "source": "*"})


class ManyRelatedField(Field):
    """A list of relations, what `many=True` makes; `child_relation` shows and takes each."""

    initial: Any = ()
    default_empty_html: Any = []
    default_error_messages: ClassVar = {
        "not_a_list": 'Expected a list of items but got type "{input_type}".',
        "empty": "This list may not be empty.",
    }

    def __init__(
        self,
        child_relation: RelatedField,
        *,
        allow_empty: bool = True,
        html_cutoff: int | None = None,
        html_cutoff_text: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.html_cutoff, self.html_cutoff_text = html_cutoff, html_cutoff_text
        self.allow_empty = allow_empty
        self.child_relation: Any = child_relation.clone()
        self.child_relation.bind("", self)

    def clone(self, parent: Any = None) -> Self:
        twin = super().clone(parent)
        twin.child_relation = self.child_relation.clone(twin)
        return twin

    def get_initial(self) -> Any:
        return list(self.initial)

    def get_value(self, dictionary: Any) -> Any:
        if not _forms.is_form(dictionary):
            return dictionary.get(self.field_name, empty)
        if self.field_name not in dictionary and self._is_partial:
            return empty
        return dictionary.getlist(self.field_name)

    async def to_internal_value(self, data: Any) -> Any:
        """The chosen objects. Raises ValidationError for the first that cannot be found."""
        if isinstance(data, str | bytes | Mapping) or not isinstance(data, Sequence | set):
            self.fail("not_a_list", input_type=type(data).__name__)
        if not self.allow_empty and not data:
            self.fail("empty")
        if type(self.child_relation).to_internal_value is not RelatedField.to_internal_value:
            return [await _awaited(self.child_relation.run_validation(item)) for item in data]
        for item in data:
            if item is None or item == "":
                self.child_relation.fail("null")
        return await self.child_relation.find(list(data)) if data else []

    def to_representation(self, value: Any) -> Any:
        show = self.child_relation.to_representation
        return [show(item) for item in _loading.items_of(value, self.field_name)]


async def _awaited(value: Any) -> Any:
    return await value if hasattr(value, "send") else value
