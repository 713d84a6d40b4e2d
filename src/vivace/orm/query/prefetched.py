"""One level of `prefetch_related`: the objects of one relation, fetched by key and handed to their instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.relation import Relation
from vivace.orm.instances import ABSENT, is_partial, slot_of
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

# So many keys are asked for by one statement; drivers have limits, and databases plan long lists badly.
MAX_KEYS = 20_000


class Given(Protocol):
    """What `Prefetch` says about a level."""

    lookup: str
    queryset: Any
    to_attr: str | None


async def prefetch_level(instances: list[Any], name: str, given: Given, database: Database) -> list[Any]:
    """Loads one relation of instances of one model; returns the related objects.

    A relation that has a method `prefetch(instances, given, database)` does it itself.
    """
    model: type[Model] = instances[0]._meta.model
    relation: Any = _relation(model, name, given.lookup, instances)
    if relation is None:
        return _attribute(instances, name)
    if hasattr(relation, "prefetch"):
        related: list[Any] = await relation.prefetch(instances, given, database)
        return related
    if isinstance(relation, ManyToManyField):
        return await _many_to_many(instances, relation, given, database, reverse=False)
    if isinstance(relation, ForeignKey):
        return await _forward(instances, relation, given, database)
    field = relation.field
    if isinstance(field, ManyToManyField):
        return await _many_to_many(instances, field, given, database, reverse=True)
    assert isinstance(field, ForeignKey)
    return await _reverse(instances, relation, field, given, database)


def _attribute(instances: list[Any], name: str) -> list[Any]:
    """What an earlier `to_attr` has put there."""
    found: list[Any] = []
    for instance in instances:
        value = getattr(instance, name)
        found += value if isinstance(value, list) else [value] if value is not None else []
    return found


def _relation(model: type[Model], name: str, lookup: str, instances: list[Any]) -> Any:
    meta = model._meta
    for private in meta.private_fields:
        if private.name == name:
            return private
    field = meta.forward.get(name)
    if isinstance(field, ManyToManyField) or (isinstance(field, ForeignKey) and name != field.attname):
        return field
    for relation in meta.related_objects:
        if relation.accessor == name:
            return relation
    if name in instances[0].__dict__ and name not in meta.forward:
        return None
    choices = [each.name for each in (*meta.foreign_keys, *meta.many_to_many)]
    choices += [str(relation.accessor) for relation in meta.related_objects]
    raise FieldError(
        f'prefetch_related("{lookup}"): {meta.object_name} has no relation "{name}". '
        f"{did_you_mean(name, choices, listed_as='Relations')}"
    )


def _base(model: type[Model], given: Given, database: Database) -> Any:
    queryset = model._meta.default_manager.get_queryset() if given.queryset is None else given.queryset
    return queryset if queryset._database is not None else queryset.using(database)


async def rows_of_keys(queryset: Any, lookup: str, keys: Sequence[Any], partition: str | None = None) -> list[Any]:
    """The queryset's rows of these keys; of a slice, as many for each value of `partition`."""
    low, high = queryset._low, queryset._high
    if queryset._is_sliced:
        queryset = _unsliced(queryset)
    found: list[Any] = []
    for start in range(0, len(keys), MAX_KEYS):
        rows = queryset.filter(**{f"{lookup}__in": tuple(keys[start : start + MAX_KEYS])})
        if lookup != partition and partition is not None:
            # The relation's last join is the one of this filter, so the annotation tells whose each row is.
            rows = rows._with(("annotate", ((partition, ("F", lookup)),)))
        if low or high is not None:
            bounds = (*((low,) if low else ()), *((high,) if high is not None else ()))
            rows = rows._with(("each", partition, bool(low), high is not None), bounds)
        found += await rows
    return found


def _unsliced(queryset: Any) -> Any:
    made = queryset._clone()
    made._low, made._high = 0, None
    return made


def _of_one(queryset: Any, **lookups: Any) -> Any:
    """The queryset that an instance's manager answers with: its rows, and no more than the slice."""
    rows = _unsliced(queryset)._sticky_filter(**lookups)
    rows._low, rows._high = queryset._low, queryset._high
    return rows


async def _forward(instances: list[Any], field: ForeignKey[Any], given: Given, database: Database) -> list[Any]:
    slot, target = given.to_attr or slot_of(field.name), field.target_field.attname
    loaded: list[Any] = []
    waiting: dict[Any, list[Any]] = {}
    for instance in instances:
        key = getattr(instance, field.attname)
        related = getattr(instance, slot_of(field.name))
        if key is None:
            if given.to_attr:
                setattr(instance, slot, None)
        elif related is not None and not is_partial(related) and given.queryset is None and not given.to_attr:
            loaded.append(related)
        else:
            waiting.setdefault(key, []).append(instance)
    if waiting:
        queryset = _base(field.related_model, given, database)
        if queryset._is_sliced:
            raise TypeError(f"{given!r} leads to one object each, of which there is no slice")
        found = await rows_of_keys(queryset, target, tuple(waiting))
        for row in found:
            for instance in waiting[getattr(row, target)]:
                setattr(instance, slot, row)
                if field.remote_field.one_to_one and field.remote_field.accessor is not None:
                    setattr(row, field.remote_field.slot, instance)
        loaded += found
    return list({id(each): each for each in loaded}.values())


async def _reverse(
    instances: list[Any], relation: Relation, field: ForeignKey[Any], given: Given, database: Database
) -> list[Any]:
    own, other, name = field.target_field.attname, field.attname, str(relation.accessor)
    if (
        not given.to_attr
        and given.queryset is None
        and relation.many
        and all(_is_cached(each, name) for each in instances)
    ):
        return [row for each in instances for row in each._prefetched[name]]
    by_key = {getattr(instance, own): instance for instance in instances}
    queryset = _base(field.model, given, database)
    found = await rows_of_keys(queryset, other, tuple(by_key), other)
    groups: dict[Any, list[Any]] = {key: [] for key in by_key}
    for row in found:
        key = getattr(row, other)
        groups[key].append(row)
        if getattr(row, slot_of(field.name)) is None:  # else the given queryset loaded it, with what it joins
            setattr(row, slot_of(field.name), by_key[key])
    for instance in instances:
        rows = groups[getattr(instance, own)]
        if not relation.many:
            setattr(instance, given.to_attr or relation.slot, rows[0] if rows else None if given.to_attr else ABSENT)
        else:
            store(instance, name, rows, given, _of_one(queryset, **{other: getattr(instance, own)}))
    return list(found)


def _is_cached(instance: Any, name: str) -> bool:
    return instance._prefetched is not None and name in instance._prefetched


def store(instance: Any, name: str, rows: list[Any], given: Given, queryset: Any) -> None:
    """Gives an instance its related objects: as what its manager answers with, or as the list `to_attr`."""
    if given.to_attr:
        if given.to_attr in instance._meta.forward:
            model = instance._meta.object_name
            raise ValueError(f"to_attr={given.to_attr} conflicts with a field on the {model} model.")
        setattr(instance, given.to_attr, rows)
        return
    if instance._prefetched is None:
        instance._prefetched = {}
    queryset._result = rows
    instance._prefetched[name] = queryset


async def _many_to_many(
    instances: list[Any], field: ManyToManyField[Any], given: Given, database: Database, *, reverse: bool
) -> list[Any]:
    model = field.model if reverse else field.related_model
    back = field.name if reverse else field.remote_field.name
    source = field.through_target_field if reverse else field.source_field
    name = str(field.remote_field.accessor) if reverse else field.name
    if not given.to_attr and given.queryset is None and all(_is_cached(each, name) for each in instances):
        return [row for each in instances for row in each._prefetched[name]]
    own = source.target_field.attname
    keys = tuple({getattr(instance, own): None for instance in instances})
    queryset = _base(model, given, database)
    found = await rows_of_keys(queryset, back, keys, "_prefetch_key")
    groups: dict[Any, list[Any]] = {key: [] for key in keys}
    for row in found:
        groups[row._prefetch_key].append(row)
    for instance in instances:
        key = getattr(instance, own)
        store(instance, name, list(groups[key]), given, _of_one(queryset, **{back: key}))
    return list(found)
