"""`prefetch_related`: related objects of many instances, by one query for each relation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.related import ForeignKey, ManyToManyField, Relation
from vivace.orm.instances import ABSENT, is_partial, slot_of
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


class Prefetch:
    """A relation to prefetch, with the queryset to do it by and the attribute to put a list into."""

    def __init__(self, lookup: str, queryset: Any = None, to_attr: str | None = None) -> None:
        if to_attr is not None and not to_attr.isidentifier():
            raise ValueError(f"to_attr is the name of an attribute, got {to_attr!r}")
        self.lookup, self.queryset, self.to_attr = lookup, queryset, to_attr

    def __repr__(self) -> str:
        return f"<Prefetch: {self.lookup}>"


async def prefetch(instances: Sequence[Any], lookups: Sequence[str | Prefetch], database: Database) -> None:
    """Loads the relations that `lookups` name, level by level; shared beginnings once."""
    if not hasattr(instances[0], "_meta"):
        raise TypeError("prefetch_related() loads objects related to instances; it cannot follow values()")
    done: dict[str, list[Any]] = {}
    for lookup in lookups:
        given = lookup if isinstance(lookup, Prefetch) else Prefetch(lookup)
        level: list[Any] = list(instances)
        parts = given.lookup.split("__")
        for position, part in enumerate(parts):
            if not level:
                break
            is_last = position == len(parts) - 1
            own = given if is_last else Prefetch(part)
            path = "__".join(parts[: position + 1]) + (f" to {given.to_attr}" if is_last and given.to_attr else "")
            if path not in done:
                done[path] = await _one_level(level, part, own, database)
            level = done[path]


async def _one_level(instances: list[Any], name: str, given: Prefetch, database: Database) -> list[Any]:
    model: type[Model] = instances[0]._meta.model
    relation = _relation(model, name, given.lookup)
    if isinstance(relation, ManyToManyField):
        return await _many_to_many(instances, relation, given, database, reverse=False)
    if isinstance(relation, ForeignKey):
        return await _forward(instances, relation, given, database)
    field = relation.field
    if isinstance(field, ManyToManyField):
        return await _many_to_many(instances, field, given, database, reverse=True)
    assert isinstance(field, ForeignKey)
    return await _reverse(instances, relation, field, given, database)


def _relation(model: type[Model], name: str, lookup: str) -> ForeignKey[Any] | ManyToManyField[Any] | Relation:
    meta = model._meta
    field = meta.forward.get(name)
    if isinstance(field, ManyToManyField) or (isinstance(field, ForeignKey) and name != field.attname):
        return field
    for relation in meta.related_objects:
        if relation.accessor == name:
            return relation
    choices = [each.name for each in (*meta.foreign_keys, *meta.many_to_many)]
    choices += [str(relation.accessor) for relation in meta.related_objects]
    raise FieldError(
        f'prefetch_related("{lookup}"): {meta.object_name} has no relation "{name}". '
        f"{did_you_mean(name, choices, listed_as='Relations')}"
    )


def _base(model: type[Model], given: Prefetch, database: Database) -> Any:
    queryset = model._meta.default_manager.get_queryset() if given.queryset is None else given.queryset
    if hasattr(queryset, "get_queryset"):
        queryset = queryset.get_queryset()
    if queryset._is_sliced:
        raise TypeError(f"{given!r}: a sliced queryset cannot be prefetched; each object would need its own slice")
    return queryset if queryset._database is not None else queryset.using(database)


async def _forward(instances: list[Any], field: ForeignKey[Any], given: Prefetch, database: Database) -> list[Any]:
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
        found = await _base(field.related_model, given, database).filter(**{f"{target}__in": tuple(waiting)})
        for row in found:
            for instance in waiting[getattr(row, target)]:
                setattr(instance, slot, row)
                if field.unique and field.remote_field.accessor is not None:
                    setattr(row, field.remote_field.slot, instance)
        loaded += found
    return list({id(each): each for each in loaded}.values())


async def _reverse(
    instances: list[Any], relation: Relation, field: ForeignKey[Any], given: Prefetch, database: Database
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
    found = await queryset.filter(**{f"{other}__in": tuple(by_key)})
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
            _store(instance, name, rows, given, queryset.filter(**{other: getattr(instance, own)}))
    return list(found)


def _is_cached(instance: Any, name: str) -> bool:
    return instance._prefetched is not None and name in instance._prefetched


def _store(instance: Any, name: str, rows: list[Any], given: Prefetch, queryset: Any) -> None:
    if given.to_attr:
        setattr(instance, given.to_attr, rows)
        return
    if instance._prefetched is None:
        instance._prefetched = {}
    queryset._result = rows
    instance._prefetched[name] = queryset


async def _many_to_many(
    instances: list[Any], field: ManyToManyField[Any], given: Prefetch, database: Database, *, reverse: bool
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
    # The relation's last join is the one of this filter, so the annotation tells whose each row is.
    paired = queryset.filter(**{f"{back}__in": keys})._with(("annotate", (("_prefetch_key", ("F", back)),)))
    found = await paired
    groups: dict[Any, list[Any]] = {key: [] for key in keys}
    for row in found:
        groups[row._prefetch_key].append(row)
    for instance in instances:
        key = getattr(instance, own)
        _store(instance, name, list(groups[key]), given, queryset.filter(**{back: key}))
    return list(found)
