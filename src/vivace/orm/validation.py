"""The checks of an instance before it is saved: its fields, its own `clean`, uniqueness and constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.constraints import UniqueConstraint
from vivace.orm.exceptions import NON_FIELD_ERRORS, ValidationError
from vivace.orm.persistence import database_of
from vivace.orm.query.queryset import QuerySet
from vivace.utils.validators import EMPTY_VALUES

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


def clean_fields(instance: Model, exclude: frozenset[str]) -> None:
    """`Model.clean_fields`."""
    errors: dict[str, list[ValidationError]] = {}
    for field in instance._meta.concrete_fields:
        if field.name in exclude:
            continue
        value = getattr(instance, field.attname)
        if field.blank and value in EMPTY_VALUES:
            continue
        try:
            setattr(instance, field.attname, field.clean(value, instance))
        except ValidationError as error:
            errors[field.name] = error.error_list
    if errors:
        raise ValidationError(errors)


async def full_clean(instance: Model, exclude: frozenset[str], *, unique: bool, using: Database | None) -> None:
    """`Model.full_clean`."""
    errors: dict[str, list[ValidationError]] = {}
    try:
        clean_fields(instance, exclude)
    except ValidationError as error:
        errors = error.update_error_dict(errors)
    try:
        instance.clean()
    except ValidationError as error:
        errors = error.update_error_dict(errors)
    if unique:
        # What is wrong already need not be asked about.
        try:
            await validate_unique(instance, exclude | (errors.keys() - {NON_FIELD_ERRORS}), using)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
    if errors:
        raise ValidationError(errors)


def _unique_groups(instance: Model) -> list[tuple[tuple[str, ...], UniqueConstraint | None]]:
    meta = instance._meta
    groups: list[tuple[tuple[str, ...], UniqueConstraint | None]] = [
        ((field.name,), None) for field in meta.concrete_fields if field.unique or field.primary_key
    ]
    groups += [(group, None) for group in meta.unique_together]
    groups += [
        (constraint.fields, constraint)
        for constraint in meta.constraints
        if isinstance(constraint, UniqueConstraint) and constraint.condition is None
    ]
    return groups


async def validate_unique(instance: Model, exclude: frozenset[str], using: Database | None) -> None:
    """`Model.validate_unique`: one small query for each unique field or group."""
    database = database_of(instance, using)
    meta = instance._meta
    errors: dict[str, list[ValidationError]] = {}
    for group, constraint in _unique_groups(instance):
        fields: list[Any] = [meta.get_field(name) for name in group]
        values = {field.name: getattr(instance, field.attname) for field in fields}
        if exclude.intersection(group) or any(value is None for value in values.values()):
            continue
        is_key = len(fields) == 1 and fields[0].primary_key
        if is_key and instance._origin is not None:
            continue
        queryset: QuerySet[Model] = QuerySet(meta.model).using(database).filter(**values)
        if instance._origin is not None and instance.pk is not None:
            queryset = queryset.exclude(pk=instance.pk)
        if await queryset.exists():
            key, error = _unique_error(instance, group, constraint)
            errors.setdefault(key, []).append(error)
    if errors:
        raise ValidationError(errors)


def _unique_error(
    instance: Model, group: tuple[str, ...], constraint: UniqueConstraint | None
) -> tuple[str, ValidationError]:
    meta = instance._meta
    labels = [str(meta.forward[name].verbose_name).capitalize() for name in group]
    model_name = meta.verbose_name.capitalize()
    if constraint is not None and constraint.violation_error_code is not None:
        return NON_FIELD_ERRORS, ValidationError(
            constraint.violation_error_message, code=constraint.violation_error_code
        )
    if len(group) == 1:
        params = {"model_name": model_name, "field_label": labels[0]}
        return group[0], ValidationError(meta.forward[group[0]].error_messages["unique"], "unique", params)
    listed = f"{', '.join(labels[:-1])} and {labels[-1]}"
    params = {"model_name": model_name, "field_labels": listed}
    message = "%(model_name)s with this %(field_labels)s already exists."
    return NON_FIELD_ERRORS, ValidationError(message, "unique_together", params)
