"""`Model`, and the metaclass that turns a class body into one.

Fields are taken off the class: an instance holds its values as plain attributes, which Python reads fastest, and
`Book.title` is served by the metaclass as a typed column. Only relations stay on the class, as data descriptors,
because `book.author` and `book.author_id` must agree.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast, overload

from vivace.orm import inheritance, persistence, saving, signals, validation
from vivace.orm._attributes_cy import ManagerAttribute, set_fields
from vivace.orm.checks import check_model
from vivace.orm.exceptions import (
    ModelDefinitionError,
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    ValidationError,
)
from vivace.orm.expressions.columns import Column
from vivace.orm.fields.base import Field
from vivace.orm.fields.files import FileField
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.numbers import BigAutoField
from vivace.orm.fields.relation import RelatedField, Relation
from vivace.orm.fields.times import DateField, DateTimeField
from vivace.orm.fields.virtual import VirtualField
from vivace.orm.instances import (
    InstanceState,
    Origin,
    attributes_of,
    blank,
    from_values,
    is_partial,
    restore,
    share_attributes,
    snapshot,
)
from vivace.orm.manager import Manager
from vivace.orm.neighbours import neighbour_by
from vivace.orm.options import Options
from vivace.orm.registry import registry
from vivace.orm.relations.forward import ForwardRelation, ParentLink
from vivace.orm.relations.loading import load
from vivace.orm.relations.many_to_many import ManyToManyDescriptor
from vivace.orm.relations.reverse import ReverseManyDescriptor, ReverseOneDescriptor
from vivace.orm.relations.through import make_through
from vivace.orm.respective_order import add_order, give_parent_methods
from vivace.orm.schema import make_table
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.query.queryset import QuerySet

M = TypeVar("M", bound="Model")


class ModelBase(type):
    """The metaclass of models."""

    _meta: Options

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> ModelBase:
        if not any(isinstance(base, ModelBase) for base in bases):
            return super().__new__(mcs, name, bases, namespace, **options)
        parents = [cast("type[Model]", base) for base in bases if "_meta" in base.__dict__]
        declared = {key: value for key, value in namespace.items() if isinstance(value, Field | VirtualField)}
        managers = {key: value for key, value in namespace.items() if isinstance(value, Manager)}
        body = {key: value for key, value in namespace.items() if key not in declared and key not in managers}
        meta_class = body.pop("Meta", None)
        model = cast("type[Model]", super().__new__(mcs, name, bases, body, **options))
        _assemble(model, parents, declared, managers, meta_class)
        return cast("ModelBase", model)

    def _served(cls, name: str) -> Any:
        """What is reached by names that are not on the class: fields and managers."""
        meta: Options | None = cls.__dict__.get("_meta") or (None if name == "_meta" else getattr(cls, "_meta", None))
        if meta is not None:
            field = meta.by_attname.get(name)
            if field is not None:
                return Column(cast("type[Model]", cls), field.name)
            manager = meta.managers.get(name)
            if manager is not None:
                if meta.swappable is not None and meta.swapped is not None:
                    raise AttributeError(
                        f"Manager isn't available; '{meta.label}' has been swapped for '{meta.swapped}'"
                    )
                return manager
            if name in _MANAGERS:
                return getattr(meta, _MANAGERS[name])
        raise AttributeError(f'{cls.__name__} has no attribute "{name}"{_hint(meta, name)}')

    if not TYPE_CHECKING:
        # Hidden from type checkers, which would take every name for one that exists.
        __getattr__ = _served

    def __dir__(cls) -> Iterable[str]:
        meta: Options | None = getattr(cls, "_meta", None)
        extra = [] if meta is None else [*meta.by_attname, *meta.managers]
        return sorted({*super().__dir__(), *extra})

    def __setattr__(cls, name: str, value: Any) -> None:
        if isinstance(value, Field):
            raise ModelDefinitionError(f"{cls.__name__}.{name}: fields are declared in the class body")
        super().__setattr__(name, value)

    def _add_reverse(cls, relation: Relation) -> None:
        """Puts the attribute of a relation that points here on the class."""
        accessor = relation.accessor
        if accessor is None:
            return
        existing = cls.__dict__.get(accessor)
        taken = accessor in cls._meta.forward or (
            existing is not None
            and not isinstance(existing, ReverseManyDescriptor | ReverseOneDescriptor | ManyToManyDescriptor)
        )
        if taken:
            raise ModelDefinitionError(
                f'{relation.field.model._meta.label}.{relation.field.name}: its reverse name "{accessor}" is taken on '
                f"{cls._meta.label}. Give it another related_name."
            )
        if isinstance(relation.field, ManyToManyField):
            descriptor: Any = ManyToManyDescriptor(relation.field, reverse=True)
        elif relation.many:
            descriptor = ReverseManyDescriptor(relation)
        else:
            descriptor = ReverseOneDescriptor(relation)
            type.__setattr__(cls, descriptor.slot, None)
            share_attributes(cast("type[Model]", cls), [descriptor.slot])
        type.__setattr__(cls, accessor, descriptor)


_MANAGERS = {"_default_manager": "default_manager", "_base_manager": "base_manager"}


def _hint(meta: Options | None, name: str) -> str:
    if meta is None or name.startswith("__"):
        return ""
    return f". {did_you_mean(name, meta.field_names, listed_as='Fields')}"


class _Objects:
    """Types `Book.objects` as a manager of Book; the object itself comes from the metaclass."""

    if TYPE_CHECKING:

        def __get__(self, instance: None, owner: type[M]) -> Manager[M]: ...


class _ImplicitKey:
    """Types `book.id` as Any, unless the model declares its own."""

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type[Model]) -> Any: ...
        def __set__(self, instance: Any, value: Any) -> None: ...


class _PrimaryKey:
    """`book.pk` is the primary key's value under any name; `Book.pk` is its column."""

    @overload
    def __get__(self, instance: None, owner: type[Model]) -> Column[Any]: ...
    @overload
    def __get__(self, instance: Model, owner: type[Model]) -> Any: ...
    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, owner._meta.pk.name)
        return getattr(instance, owner._meta.pk.attname)

    def __set__(self, instance: Model, value: Any) -> None:
        setattr(instance, instance._meta.pk.attname, value)


class Model(metaclass=ModelBase):
    """Base of models. An instance is one row; every method that talks to the database is awaited."""

    if TYPE_CHECKING:
        objects = _Objects()
        id = _ImplicitKey()
        _meta: ClassVar[Options]
        _default_manager: ClassVar[Manager[Any]]
        _base_manager: ClassVar[Manager[Any]]

        class DoesNotExist(ObjectDoesNotExist):
            """`get()` found nothing."""

        class MultipleObjectsReturned(MultipleObjectsReturned):
            """`get()` found more than one."""

    pk = _PrimaryKey()

    # Where the row came from, and the row itself as the driver gave it; class attributes so that a new object has none.
    _origin: Origin | None = None
    _row: Any = None
    _stub_of: Any = None
    _prefetched: dict[str, Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        meta = self._meta
        if signals.pre_init.receivers:
            signals.pre_init.send(meta.model, args=args, kwargs=kwargs)
        if args:
            kwargs = _positional(meta, args, kwargs)
        set_fields(self, meta.initial_fields, meta.pk.attname, kwargs)
        if kwargs:
            self._set_others(kwargs)
        if signals.post_init.receivers:
            signals.post_init.send(meta.model, instance=self)

    def _set_others(self, kwargs: dict[str, Any]) -> None:
        for name, value in kwargs.items():
            if name == "pk" or isinstance(getattr(type(self), name, None), property | VirtualField):
                setattr(self, name, value)
                continue
            if name in {field.name for field in self._meta.many_to_many}:
                raise TypeError(
                    f"{type(self).__name__}({name}=…): a many-to-many relation is set after saving: "
                    f"await obj.{name}.set([…])"
                )
            if name in self._meta.by_attname:
                raise TypeError(f"{type(self).__name__}({name}=…): the database computes this column")
            choices = {field.name for field in self._meta.initial_fields}
            raise TypeError(
                f'{type(self).__name__} has no field "{name}". {did_you_mean(name, choices, listed_as="Fields")}'
            )

    # Reading

    @classmethod
    def from_db(cls, db: Database | None, field_names: Iterable[str], values: Iterable[Any]) -> Self:
        """An instance from the values of a row, in the order of `field_names`; what is not among them is not loaded.

        Override it to do something with every row that is read: call `super().from_db(…)` and change what it gives.
        """
        return from_values(cls, dict(zip(field_names, values, strict=True)))

    def __await__(self) -> Generator[Any, None, Self]:
        """Loads what is not loaded yet (with all its peers of the same result) and returns the object itself."""
        if type(self).__dict__.get("_is_partial"):
            yield from load(self).__await__()
        return self

    async def refresh_from_db(
        self,
        using: Database | str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: QuerySet[Any] | None = None,
    ) -> None:
        """Reads the row again; with `fields`, only these. Raises DoesNotExist when it is gone.

        `from_queryset` says where and how it is looked for, `Book.objects.select_for_update()` for instance.
        """
        await persistence.refresh(self, using=using, fields=fields, from_queryset=from_queryset)

    arefresh_from_db = refresh_from_db

    @property
    def _state(self) -> InstanceState:
        return InstanceState(self)

    def get_deferred_fields(self) -> set[str]:
        """The attributes of fields that are not loaded."""
        loaded = self.__dict__
        return {field.attname for field in self._meta.concrete_fields if field.attname not in loaded}

    def serializable_value(self, field_name: str) -> Any:
        """The value of the field's column: for `author`, the author's key."""
        field = self._meta.forward.get(field_name)
        return getattr(self, field.attname if field is not None else field_name)

    # Writing

    async def save(
        self,
        *,
        force_insert: bool | tuple[type[Model], ...] = False,
        force_update: bool = False,
        using: Database | str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Writes the row: a new one is inserted, of a loaded one only the columns that changed are updated.

        With `update_fields`, exactly these are updated. `force_update` and `update_fields` raise NotUpdated when the
        row is gone; otherwise it is inserted again, as in Django. With a VersionField, StaleObjectError tells that
        somebody else has changed the row.
        """
        how = saving.Saving(force_insert=force_insert, force_update=force_update, update_fields=update_fields)
        await saving.save(self, how, using)

    asave = save

    async def save_base(
        self,
        raw: bool = False,
        force_insert: bool | tuple[type[Model], ...] = False,
        force_update: bool = False,
        using: Database | str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """What `save()` does, whatever a subclass makes of `save()`; `raw` writes the values just as they are.

        Loading of stored data is for that: fields do not fill themselves in, and receivers of signals are told.
        """
        how = saving.Saving(force_insert=force_insert, force_update=force_update, update_fields=update_fields, raw=raw)
        await saving.save(self, how, using)

    async def _insert_unless_taken(self, database: Database) -> bool:
        """Inserts a new row, unless another has its unique values.

        Does nothing where save() is overridden, or the row would be in several tables.
        """
        if type(self).save is not Model.save or type(self).asave is not Model.asave or self._meta.links:
            return False
        how = saving.Saving(force_insert=True, ignore_conflicts=True)
        return bool(await saving.save(self, how, database))

    async def delete(
        self, using: Database | str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Deletes the row and what hangs on it by `on_delete`; returns how many rows, in all and by model.

        With `keep_parents`, the parents of a model with multi-table inheritance keep their part of the row.
        """
        return await persistence.delete(self, using=using, keep_parents=keep_parents)

    adelete = delete

    # Validation

    def clean(self) -> None:
        """Override to check several fields together; raise ValidationError."""

    def clean_fields(self, exclude: Iterable[str] | None = None) -> None:
        """Cleans every field and stores the cleaned values. Raises ValidationError with all faults by field."""
        validation.clean_fields(self, frozenset(exclude or ()))

    async def validate_unique(self, exclude: Iterable[str] | None = None, using: Database | str | None = None) -> None:
        """Asks the database for rows that this one would collide with. Raises ValidationError by field.

        About `unique`, `unique_together`, `unique_for_date` and the key; `Meta.constraints` are for
        `validate_constraints`.
        """
        await validation.validate_unique(self, frozenset(exclude or ()), using)

    avalidate_unique = validate_unique

    async def validate_constraints(
        self, exclude: Iterable[str] | None = None, using: Database | str | None = None
    ) -> None:
        """Asks the database whether the row keeps the constraints of Meta. Raises ValidationError."""
        await validation.validate_constraints(self, frozenset(exclude or ()), using)

    avalidate_constraints = validate_constraints

    async def full_clean(
        self,
        exclude: Iterable[str] | None = None,
        *,
        validate_unique: bool = True,
        validate_constraints: bool = True,
        using: Database | str | None = None,
    ) -> None:
        """`clean_fields`, `clean`, `validate_unique` and `validate_constraints`, all faults in one ValidationError."""
        await validation.full_clean(
            self, frozenset(exclude or ()), unique=validate_unique, constraints=validate_constraints, using=using
        )

    afull_clean = full_clean

    def unique_error_message(self, model_class: type[Model], unique_check: Sequence[str]) -> ValidationError:
        """What is said when another row agrees in the fields `unique_check`; override for other words."""
        return validation.unique_error(model_class, unique_check)

    def date_error_message(self, field_name: str, unique_for: str, lookup_type: str) -> ValidationError:
        """What is said when `unique_for_date` and its like are not kept; override for other words."""
        return validation.date_error(type(self)._meta.model, field_name, unique_for, lookup_type)

    # Being an object

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        if self._meta is not other._meta and self._meta.concrete_model is not other._meta.concrete_model:
            return False
        key = self.pk
        return self is other if key is None else bool(key == other.pk)

    def __hash__(self) -> int:
        key = self.pk
        if key is None:
            raise TypeError(f"{type(self).__name__} without a primary key is unhashable: save it first")
        return hash(key)

    def __str__(self) -> str:
        return f"{type(self).__name__} object ({getattr(self, self._meta.pk.attname, None)})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # The state goes apart, so that circles of prefetched objects come to an end.
        return (blank, (self._meta.model, is_partial(self)), snapshot(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)


def _positional(meta: Options, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    fields = meta.initial_fields
    if len(args) > len(fields):
        raise TypeError(f"{meta.object_name} takes at most {len(fields)} positional values, got {len(args)}")
    named = {field.attname: value for field, value in zip(fields, args, strict=False)}
    twice = [name for name in named if name in kwargs]
    if twice:
        raise TypeError(f'{meta.object_name} got "{twice[0]}" twice: by position and by name')
    return named | kwargs


def _assemble(
    model: type[Model],
    parents: list[type[Model]],
    declared: dict[str, Field[Any] | VirtualField],
    managers: dict[str, Manager[Any]],
    meta_class: type | None,
) -> None:
    meta = Options(model.__name__, model.__module__, inheritance.meta_options(parents, meta_class))
    meta.contribute(model)
    meta.auto_created, meta.plain_manager = model.__dict__.get("_auto_created"), Manager()
    type.__setattr__(model, "_meta", meta)
    fields = inheritance.gather(model, parents, declared)
    if not meta.abstract and not meta.proxy:
        fields = _with_primary_key(fields)
    virtual = {name: field for name, field in fields.items() if isinstance(field, VirtualField)}
    columns = {name: field for name, field in fields.items() if name not in virtual}
    for name, field in sorted(columns.items(), key=lambda item: item[1].creation_counter):
        _check_name(model, name, field)
        field.bind(model, name)
        meta.add_field(field)
    if meta.order_with_respect_to is not None and not meta.abstract and not meta.proxy:
        add_order(model)
    for name, field in virtual.items():
        field.contribute(model, name)
    meta.local_managers = managers
    meta.managers = inheritance.managers_of(model)
    if not meta.managers and not meta.abstract:
        meta.local_managers = {"objects": Manager()}
        meta.managers = inheritance.managers_of(model)
    if meta.swappable is None:
        _give_managers(model)
    if meta.abstract:
        # For `class Meta(Base.Meta)` in a model below.
        type.__setattr__(model, "Meta", meta_class)
        return
    check_model(meta)
    _finish(model)
    if meta.order_with_respect_to is not None:
        give_parent_methods(model)


def _give_managers(model: type[Model]) -> None:
    """Puts the managers on the class, where they are found at once; but not over anything else of their name."""
    for name, manager in model._meta.managers.items():
        found = [base.__dict__[name] for base in model.__mro__ if name in base.__dict__]
        if not found or isinstance(found[0], ManagerAttribute):
            type.__setattr__(model, name, ManagerAttribute(model, name, manager))


def _with_primary_key(fields: dict[str, Any]) -> dict[str, Any]:
    keys = [name for name, field in fields.items() if isinstance(field, Field) and field.primary_key]
    if len(keys) > 1:
        raise ModelDefinitionError(f"A model has one primary key; these fields all claim to be it: {', '.join(keys)}")
    if keys:
        return fields
    if "id" in fields:
        raise ModelDefinitionError('A field named "id" must be the primary key: give it primary_key=True')
    key: Field[Any] = BigAutoField(verbose_name="ID", primary_key=True)
    key.creation_counter = -1
    return {"id": key, **fields}


def _check_name(model: type[Model], name: str, field: Field[Any]) -> None:
    if not name.isidentifier() or "__" in name or name.endswith("_") or name.startswith("_") or name == "pk":
        raise ModelDefinitionError(
            f'"{name}" cannot name a field of {model.__name__}: names are plain words, without "__", a leading or a '
            'trailing underscore, and "pk" stands for the primary key'
        )
    if hasattr(type, name):
        raise ModelDefinitionError(f'"{name}" cannot name a field of {model.__name__}: every Python class has that')
    for base in model.__mro__[1:]:
        existing = base.__dict__.get(name)
        if existing is not None and not isinstance(existing, Field | ForwardRelation | ManagerAttribute):
            raise ModelDefinitionError(
                f'"{name}" cannot name a field of {model.__name__}: {base.__name__}.{name} exists already and would '
                "be hidden"
            )


def _finish(model: type[Model]) -> None:
    """Gives a concrete model its exceptions, descriptors and place in the registry."""
    meta = model._meta
    for name, base in (("DoesNotExist", ObjectDoesNotExist), ("MultipleObjectsReturned", MultipleObjectsReturned)):
        # `except Place.DoesNotExist` catches a Restaurant's too.
        above = tuple(parent.__dict__[name] for parent in meta.parents) or (base,)
        exception = type(name, above, {"__module__": model.__module__, "__qualname__": f"{model.__qualname__}.{name}"})
        type.__setattr__(model, name, exception)
    for field in meta.local_fields:
        if isinstance(field, ForeignKey):
            relation = (ParentLink if field.remote_field.parent_link else ForwardRelation)(field)
            type.__setattr__(model, field.name, relation)
            type.__setattr__(model, relation.slot, None)
        if field.generated:
            type.__setattr__(model, field.attname, GeneratedAttribute(field))
        elif isinstance(field, FileField):
            type.__setattr__(model, field.attname, field.descriptor())
        if field._choices is not None and f"get_{field.name}_display" not in model.__dict__:
            type.__setattr__(model, f"get_{field.name}_display", _display_of(field))
        if isinstance(field, DateField | DateTimeField) and not field.null:
            for which in ("next", "previous"):
                if f"get_{which}_by_{field.name}" not in model.__dict__:
                    neighbour = neighbour_by(field, is_next=which == "next")
                    type.__setattr__(model, f"get_{which}_by_{field.name}", neighbour)
    for many in meta.local_many_to_many:
        type.__setattr__(model, many.name, ManyToManyDescriptor(many, reverse=False))
    # The builder of tables imports models' options; handing it over here keeps that import one-way.
    meta.make_table = lambda metadata: make_table(model, metadata)  # type: ignore[method-assign]
    meta.has_own_from_db = model.from_db.__func__ is not Model.from_db.__func__  # type: ignore[attr-defined]
    share_attributes(model, attributes_of(model))
    registry.add(model)
    for field in (*meta.local_fields, *meta.local_many_to_many):
        if isinstance(field, ManyToManyField):
            make_through(field, ModelBase, Model)
        if isinstance(field, RelatedField):
            field.join()
    signals.class_prepared.send(model)


class GeneratedAttribute:
    """What a generated column is before the row is saved: nothing yet."""

    def __init__(self, field: Field[Any]) -> None:
        self.field = field

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, self.field.name)
        raise AttributeError(
            f"{owner.__name__}.{self.field.name} is computed by the database: save the object, or refresh_from_db()"
        )


def _display_of(field: Field[Any]) -> Any:
    def display(self: Model) -> str:
        value = getattr(self, field.attname)
        for option, label in field.flatchoices:
            if option == value:
                return label
        return "" if value is None else str(value)

    display.__name__ = f"get_{field.name}_display"
    display.__doc__ = f"The label of the choice in `{field.name}`."
    return display
