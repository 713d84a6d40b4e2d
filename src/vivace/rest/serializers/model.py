"""`ModelSerializer`: fields, validators and saving made from a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from vivace.orm.exceptions import DatabaseError, DataError, IntegrityError, NotUpdated
from vivace.orm.models import Model
from vivace.orm.transactions import atomic
from vivace.rest import fields, model_fields, relations
from vivace.rest._models import find_field, is_parent_link, is_to_many, own_key
from vivace.rest._typing import Instance
from vivace.rest.exceptions import ErrorDetail, NotFound, ValidationError
from vivace.rest.fields.base import Field
from vivace.rest.serializers import _bulk, _nested_matching, _nested_writes, _uniqueness
from vivace.rest.serializers._uniqueness import is_unique, unique_message, unique_validator
from vivace.rest.serializers.base import NON_FIELD_ERRORS, BaseSerializer
from vivace.rest.serializers.nested import Nested, prepare
from vivace.rest.serializers.plain import Serializer
from vivace.rest.validators import UniqueTogetherValidator
from vivace.utils.suggest import did_you_mean

ALL_FIELDS = "__all__"
META_OPTIONS = (
    "model",
    "fields",
    "exclude",
    "depth",
    "read_only_fields",
    "extra_kwargs",
    "validators",
    "list_serializer_class",
    "nested_writes",
    "expandable_fields",
    "max_expand_depth",
    "ignore_unknown_names",
)

# Arguments that make no sense for a field that is read only, whatever said so.
WRITING_ARGUMENTS = [
    "required",
    "default",
    "allow_blank",
    "min_length",
    "max_length",
    "min_value",
    "max_value",
    "validators",
    "queryset",
    "allow_empty",
    "allow_null",
]


class ModelSerializer(Serializer[Instance]):
    """A serializer whose `Meta` names a model and which of its fields take part.

    `Meta.fields` is a list or "__all__"; `exclude`, `depth`, `read_only_fields`, `extra_kwargs`, `validators` are
    DRF's. A model field marked `secret` is in neither "__all__" nor `exclude`'s rest; named in `fields`, it can be
    written and is never shown.
    """

    serializer_field_mapping: ClassVar[Mapping[str, type[Field]]] = model_fields.FIELD_CLASSES
    serializer_related_field: ClassVar[type[relations.RelatedField]] = relations.PrimaryKeyRelatedField
    serializer_related_to_field: ClassVar[type[relations.RelatedField]] = relations.SlugRelatedField
    serializer_url_field: ClassVar[type[relations.RelatedField]] = relations.HyperlinkedIdentityField
    serializer_choice_field: ClassVar[type[fields.ChoiceField]] = fields.ChoiceField
    url_field_name = "url"

    # Fields

    def get_fields(self) -> dict[str, Field]:
        """The declared fields and those made from the model, in the order of `Meta.fields`."""
        model = self.get_model()
        declared = super().get_fields()
        names = self.get_field_names(declared)
        extra_kwargs, hidden = self.get_uniqueness_extra_kwargs(names, declared, self.get_extra_kwargs())
        found: dict[str, Field] = {}
        for name in names:
            if name in declared:
                found[name] = declared[name]
                continue
            extra = extra_kwargs.get(name, {})
            source = extra.get("source", name)
            cls, kwargs = self.build_field(name if source == "*" else source, model, self._depth())
            found[name] = cls(**self.include_extra_kwargs(kwargs, extra))
        found |= hidden
        if getattr(self.Meta, "nested_writes", None) is not None:  # type: ignore[attr-defined]  # get_model() looked
            self._nested = prepare(self, found)
        return found

    @property
    def nested(self) -> Mapping[str, Nested]:
        """The nested serializers that are saved with the object, by the names of their fields."""
        if getattr(self.Meta, "nested_writes", None) is None:  # type: ignore[attr-defined]
            return {}
        owner = type(self).template() if type(self).is_static() else self
        return owner._nested if owner.bound_fields else {}

    _nested: Mapping[str, Nested]

    def get_model(self) -> Any:
        """`Meta.model`. Raises TypeError for a Meta that cannot work."""
        name = type(self).__name__
        meta = getattr(self, "Meta", None)
        model = getattr(meta, "model", None)
        if model is None:
            raise TypeError(f"{name} needs a class Meta with `model`")
        if getattr(getattr(model, "_meta", None), "abstract", False):
            raise TypeError(f"{name}.Meta.model: {model.__name__} is abstract; name a model that has a table")
        for option in vars(meta):
            if not option.startswith("_") and option not in META_OPTIONS:
                hint = did_you_mean(option, META_OPTIONS, listed_as="Options")
                raise TypeError(f"{name}.Meta has no option {option!r}. {hint}")
        return model

    def _depth(self) -> int:
        depth: int = getattr(self.Meta, "depth", 0)  # type: ignore[attr-defined]  # get_model() has checked
        if not 0 <= depth <= 10:
            raise ValueError(f"{type(self).__name__}.Meta.depth must be from 0 to 10, got {depth}")
        return depth

    def get_field_names(self, declared: Mapping[str, Field]) -> list[str]:
        """The names of the fields that take part. Raises TypeError for a Meta that does not say, or contradicts."""
        meta: Any = self.Meta  # type: ignore[attr-defined]
        name = type(self).__name__
        chosen, exclude = getattr(meta, "fields", None), getattr(meta, "exclude", None)
        if chosen is not None and exclude is not None:
            raise TypeError(f"{name}.Meta has both `fields` and `exclude`; keep one")
        if chosen is None and exclude is None:
            raise TypeError(f'{name}.Meta needs `fields`: a list of names, or "__all__"; or `exclude`')
        if isinstance(chosen, str) and chosen != ALL_FIELDS:
            raise TypeError(f'{name}.Meta.fields is a list of names or "__all__", got {chosen!r}; a comma is missing?')
        if chosen is not None and chosen != ALL_FIELDS:
            # Fields inherited from a base class may be left out; the class's own would be forgotten.
            own = set(declared) - {
                key for base in type(self).__bases__ for key in getattr(base, "_declared_fields", ())
            }
            if forgotten := own - set(chosen):
                raise TypeError(f"{name}: {', '.join(sorted(forgotten))} is declared and not in Meta.fields; add it")
            return list(chosen)
        names = self.get_default_field_names(declared, meta.model)
        for excluded in exclude or ():
            if excluded not in names and not _is_secret(meta.model, excluded):
                hint = did_you_mean(excluded, names, listed_as="Fields")
                raise TypeError(f"{name}.Meta.exclude: {excluded!r} is none of the fields. {hint}")
        return [key for key in names if key not in (exclude or ())]

    def get_default_field_names(self, declared: Mapping[str, Field], model: Any) -> list[str]:
        """What "__all__" means: the key, what is declared, the model's fields, its relations; nothing secret."""
        options = model._meta
        shown = [field for field in options.concrete_fields if not (field.spec.secret or is_parent_link(field))]
        names = [
            own_key(model).name,
            *declared,
            *(field.name for field in shown if not field.is_relation),
            *(field.name for field in shown if field.is_relation),
            *(field.name for field in options.many_to_many),
        ]
        return list(dict.fromkeys(names))

    def get_extra_kwargs(self) -> dict[str, dict[str, Any]]:
        """Arguments by field name, from `Meta.extra_kwargs` and `read_only_fields`."""
        meta: Any = self.Meta  # type: ignore[attr-defined]
        kwargs = {name: dict(given) for name, given in (getattr(meta, "extra_kwargs", None) or {}).items()}
        read_only = getattr(meta, "read_only_fields", None) or ()
        if isinstance(read_only, str):
            raise TypeError(f"{type(self).__name__}.Meta.read_only_fields is a list of names, got {read_only!r}")
        for name in read_only:
            kwargs.setdefault(name, {})["read_only"] = True
        return kwargs

    def get_uniqueness_extra_kwargs(
        self, field_names: Iterable[str], declared: Mapping[str, Field], extra_kwargs: dict[str, dict[str, Any]]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Field]]:
        """`extra_kwargs` with what unique constraints need: defaults, or that a value is sent; and hidden fields."""
        meta: Any = self.Meta  # type: ignore[attr-defined]
        if getattr(meta, "validators", None) is not None:
            return extra_kwargs, {}
        columns = {field.name for field in meta.model._meta.concrete_fields}
        by_source = {}
        for name in field_names:
            source = declared[name].source if name in declared else extra_kwargs.get(name, {}).get("source")
            if (source or name) in columns:
                by_source[source or name] = name
        return _uniqueness.needed_for_uniqueness(meta.model, by_source, extra_kwargs)

    def include_extra_kwargs(self, kwargs: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments made from the model, replaced by those given; those that contradict them are dropped."""
        if extra.get("read_only", kwargs.get("read_only", False)):
            kwargs = {name: value for name, value in kwargs.items() if name not in WRITING_ARGUMENTS}
            extra = {name: value for name, value in extra.items() if name != "required"}
        if "default" in extra and kwargs.get("required") is False:
            kwargs.pop("required")
        if extra.get("required") and "default" in kwargs:
            kwargs.pop("default")
        return {**kwargs, **extra}

    # Fields from the model

    def build_field(self, name: str, model: Any, depth: int) -> tuple[type[Field], dict[str, Any]]:
        """The class and arguments of the field for one of the model's names. Raises TypeError for unknown ones."""
        field = find_field(model, name)
        if field is not None:
            if not getattr(field, "is_relation", False):
                return self.build_standard_field(name, field)
            return self.build_nested_field(name, field, depth) if depth else self.build_relational_field(name, field)
        if hasattr(model, name):
            return self.build_property_field(name, model)
        if name == self.url_field_name:
            return self.build_url_field(name, model)
        return self.build_unknown_field(name, model)

    def build_standard_field(self, name: str, field: Any) -> tuple[type[Field], dict[str, Any]]:
        """For a model field without relation."""
        cls = self.serializer_field_mapping.get(field.spec.kind, fields.ModelField)
        if field.spec.choices:
            cls = self.serializer_choice_field
        kwargs = model_fields.field_kwargs(field, cls)
        if issubclass(cls, fields.ListField) and getattr(field, "base_field", None) is not None:
            child, child_kwargs = self.build_standard_field("child", field.base_field)
            kwargs["child"] = child(**child_kwargs)
        if kwargs.get("read_only"):
            return cls, _without_choices(cls, kwargs, field)
        if field.spec.secret:
            kwargs["write_only"] = True
        self._add_validators(kwargs, cls, field)
        return cls, kwargs

    def build_relational_field(self, name: str, field: Any) -> tuple[type[Field], dict[str, Any]]:
        """For a relation that is shown as a key."""
        kwargs = model_fields.related_kwargs(field)
        if field.related_model is not None and not kwargs.get("read_only") and is_unique(field):
            kwargs["validators"] = [unique_validator(field)]
        target = model_fields.other_target(field)
        if target is not None:
            return self.serializer_related_to_field, {**kwargs, "slug_field": target}
        return self.serializer_related_field, kwargs

    def build_nested_field(self, name: str, field: Any, depth: int) -> tuple[type[Field], dict[str, Any]]:
        """For a relation that is shown as an object, because of `Meta.depth`; read only."""

        class NestedSerializer(ModelSerializer):
            Meta = type("Meta", (), {"model": field.related_model, "depth": depth - 1, "fields": ALL_FIELDS})

        kwargs: dict[str, Any] = {"read_only": True}
        if is_to_many(field):
            kwargs["many"] = True
        return NestedSerializer, kwargs

    def build_property_field(self, name: str, model: Any) -> tuple[type[Field], dict[str, Any]]:
        """For a property or method of the model; read only."""
        return fields.ReadOnlyField, {}

    def build_url_field(self, name: str, model: Any) -> tuple[type[Field], dict[str, Any]]:
        """For the object's own address."""
        return self.serializer_url_field, {"view_name": f"{model._meta.model_name}-detail"}

    def build_unknown_field(self, name: str, model: Any) -> tuple[type[Field], dict[str, Any]]:
        """Raises TypeError."""
        known = [field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)]
        known += [relation.get_accessor_name() for relation in model._meta.related_objects]
        hint = did_you_mean(name, [name for name in known if name], listed_as="Fields")
        raise TypeError(f"{type(self).__name__}: {model.__name__} has no field {name!r}. {hint}")

    # Validators

    def _add_validators(self, kwargs: dict[str, Any], cls: type[Field], field: Any) -> None:
        own = model_fields.own_validators(field)
        if is_unique(field):
            own.append(unique_validator(field))
        if own:
            # Given as `validators` they would replace those of the field's class.
            kwargs["validators"] = [*cls.default_validators, *own]

    def get_validators(self) -> list[Any]:
        """`Meta.validators`, or one for each unique set, and each `unique_for_date`, of which all fields take part."""
        meta: Any = self.Meta  # type: ignore[attr-defined]
        given = getattr(meta, "validators", None)
        if given is not None:
            return list(given)
        by_source = {
            field.source: name
            for name, field in self.bound_fields.items()
            if field.source is not None and (not field.read_only or field.default is not fields.empty)
        }
        together = _uniqueness.together_validators(meta.model, by_source)
        return [*together, *_uniqueness.date_validators(meta.model, by_source)]

    # Input

    async def to_internal_value(self, data: Any) -> Any:
        if self.nested and isinstance(data, Mapping):
            await _nested_matching.bind(self, data)
        return await super().to_internal_value(data)

    # Saving

    async def create(self, validated_data: dict[str, Any]) -> Any:
        """Inserts an object; many-to-many values and `Meta.nested_writes` too, in one transaction."""
        self._refuse_nested("create", validated_data)
        if self.nested:
            return await self._saving(_nested_writes.save(self, None, validated_data), validated_data)
        plain, many = self.split(self.get_model(), validated_data)
        return await self._saving(self._insert(plain, many), validated_data)

    async def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Updates the object; many-to-many values and `Meta.nested_writes` too, in one transaction.

        Raises NotFound when it is gone.
        """
        self._refuse_nested("update", validated_data)
        if self.nested:
            return await self._saving(_nested_writes.save(self, instance, validated_data), validated_data)
        plain, many = self.split(self.get_model(), validated_data)
        return await self._saving(self._update(instance, plain, many), validated_data)

    async def create_many(self, validated_data: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Inserts objects by few statements and in one transaction, or nothing.

        A `create()` of the project is called for each. Raises ValidationError, with the errors by index.
        """
        if not type(self).create.__module__.startswith("vivace.rest."):
            return [await self.create(dict(values)) for values in validated_data]
        return await self._save_many([(None, values) for values in validated_data])

    async def update_many(self, pairs: Sequence[tuple[Any, Mapping[str, Any]]]) -> list[Any]:
        """Updates objects, each with its values, by few statements and in one transaction, or nothing.

        An `update()` of the project is called for each. Raises ValidationError, with the errors by index.
        """
        if not type(self).update.__module__.startswith("vivace.rest."):
            async with atomic():
                return [await self.update(instance, dict(values)) for instance, values in pairs]
        return await self._save_many(pairs)

    async def _save_many(self, pairs: Sequence[tuple[Any, Mapping[str, Any]]]) -> list[Any]:
        for instance, values in pairs:
            self._refuse_nested("create" if instance is None else "update", values)
        try:
            saved: list[Any] = await self._saving(_nested_writes.save_all(self, pairs), {})
        except ValidationError as error:
            index = _bulk.repeated(self, [values for _, values in pairs])
            raise error if index is None else ValidationError({index: error.detail}) from error
        return saved

    async def _insert(self, plain: dict[str, Any], many: dict[str, Any]) -> Any:
        async with self._transaction(many):
            instance = await self.get_model()._meta.default_manager.create(**plain)
            await self._relate(instance, many)
        return instance

    async def _update(self, instance: Any, plain: dict[str, Any], many: dict[str, Any]) -> Any:
        for name, value in plain.items():
            setattr(instance, name, value)
        async with self._transaction(many):
            # A row that was deleted since it was read must not come back.
            await (instance.save() if instance._state.adding else instance.save(force_update=True))
            await self._relate(instance, many)
        return instance

    async def _relate(self, instance: Any, many: dict[str, Any]) -> None:
        for name, value in many.items():
            await getattr(instance, name).set(value)

    def split(self, model: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values of columns, and those of many-to-many relations."""
        many = {name for name in values if (field := find_field(model, name)) is not None and is_to_many(field)}
        return (
            {name: value for name, value in values.items() if name not in many},
            {name: value for name, value in values.items() if name in many},
        )

    def _transaction(self, many: Mapping[str, Any]) -> Any:
        return atomic() if many else nullcontext()

    async def _saving(self, operation: Any, values: Mapping[str, Any]) -> Any:
        try:
            return await operation
        except IntegrityError as error:
            # Somebody else was quicker: the validators had found the value free, or the related object there.
            explained = self.conflict(error) or await self._gone(values)
            if explained is None:
                raise
            raise explained from error
        except NotUpdated as error:
            raise NotFound(f"No {self.get_model()._meta.object_name} matches the given query.") from error
        except DataError as error:
            # The fields let through what the column does not hold; still the client's value, not our fault.
            message = "A value is not one that can be stored."
            raise ValidationError({NON_FIELD_ERRORS: [message]}, code="invalid") from error

    def conflict(self, error: IntegrityError) -> ValidationError | None:
        """What the client did wrong, when it was a unique field or a constraint of the model; else None."""
        columns = set(error.columns or ())
        model = self.get_model()
        by_source = {field.source: name for name, field in self.bound_fields.items() if not field.read_only}
        named = [field for field in model._meta.concrete_fields if field.column in columns]
        if len(named) == 1 and named[0].name in by_source and is_unique(named[0]):
            return ValidationError({by_source[named[0].name]: [unique_message(named[0])]}, code="unique")
        for group in _uniqueness.unique_sets(model):
            if set(group.fields) == {field.name for field in named} and all(name in by_source for name in group.fields):
                names = ", ".join(by_source[name] for name in group.fields)
                message = (group.message or UniqueTogetherValidator.message).format(field_names=names)
                return ValidationError({NON_FIELD_ERRORS: [message]}, code=group.code or "unique")
        for constraint in model._meta.constraints:
            if constraint.name == error.constraint:
                code = constraint.violation_error_code or "invalid"
                return ValidationError({NON_FIELD_ERRORS: [constraint.get_violation_error_message()]}, code=code)
        return None

    async def _gone(self, values: Mapping[str, Any]) -> ValidationError | None:
        """The error for related objects that were deleted after they were found; None when all are there."""
        errors = {}
        for name, field in self.bound_fields.items():
            chosen = values.get(field.source or name)
            chosen = chosen if isinstance(chosen, list) else [chosen]
            for item in chosen:
                if isinstance(item, Model) and not await _is_stored(item):
                    message = f'Invalid pk "{item.pk}" - object does not exist.'
                    errors[name] = [ErrorDetail(message, "does_not_exist")]
        return ValidationError(errors) if errors else None

    def _refuse_nested(self, method: str, validated_data: Mapping[str, Any]) -> None:
        for name, field in self.bound_fields.items():
            if name in self.nested:
                continue
            source = field.source_attrs
            nested = isinstance(field, BaseSerializer) and source and source[0] in validated_data
            nested = nested and isinstance(validated_data[source[0]], list | dict)
            dotted = len(source) > 1 and source[0] in validated_data and isinstance(validated_data[source[0]], dict)
            if nested or dotted:
                raise TypeError(
                    f"{type(self).__name__}.{method}() does not know how to save {name!r}, which belongs to a related "
                    f"object. Name it in Meta.nested_writes, write {method}() yourself, or set read_only=True on the "
                    "field"
                )


class HyperlinkedModelSerializer(ModelSerializer[Instance]):
    """A ModelSerializer that names objects by address: a `url` field instead of the key, links for relations."""

    serializer_related_field = relations.HyperlinkedRelatedField

    def get_default_field_names(self, declared: Mapping[str, Field], model: Any) -> list[str]:
        names = super().get_default_field_names(declared, model)
        return [self.url_field_name, *(name for name in names if name != own_key(model).name)]

    def build_relational_field(self, name: str, field: Any) -> tuple[type[Field], dict[str, Any]]:
        cls, kwargs = super().build_relational_field(name, field)
        if not issubclass(cls, relations.HyperlinkedRelatedField):
            return cls, kwargs
        return cls, {**kwargs, "view_name": f"{field.related_model._meta.model_name}-detail"}


async def _is_stored(instance: Model) -> bool:
    try:
        return bool(await type(instance)._meta.default_manager.filter(pk=instance.pk).exists())
    except DatabaseError:
        # Inside a transaction that the first error has broken, nothing can be asked.
        return True


def _is_secret(model: Any, name: str) -> bool:
    field = find_field(model, name)
    return bool(getattr(getattr(field, "spec", None), "secret", False))


def _without_choices(cls: type[Field], kwargs: dict[str, Any], field: Any) -> dict[str, Any]:
    return {**kwargs, "choices": field.spec.choices} if issubclass(cls, fields.ChoiceField) else kwargs
