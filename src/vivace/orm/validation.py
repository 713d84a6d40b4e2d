"""The checks of an instance before it is saved: its fields, its own `clean`, uniqueness and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vivace.orm.constraints import CheckConstraint, UniqueConstraint
from vivace.orm.exceptions import NON_FIELD_ERRORS, ValidationError
from vivace.orm.expressions.base import F, OrderBy
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.opclasses import OpClass
from vivace.orm.persistence import database_of
from vivace.orm.violations import Rule, broken_rules, key_fields, unique
from vivace.utils.validators import EMPTY_VALUES

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

Errors = dict[str, list[ValidationError]]


def clean_fields(instance: Model, exclude: frozenset[str]) -> None:
    """`Model.clean_fields`. Fields that are not loaded are as they were, and not looked at."""
    errors: Errors = {}
    loaded = instance.__dict__
    for field in instance._meta.concrete_fields:
        if field.name in exclude or field.generated or field.attname not in loaded:
            continue
        value = loaded[field.attname]
        if (field.blank and value in EMPTY_VALUES) or _is_computed(value):
            continue
        try:
            setattr(instance, field.attname, field.clean(value, instance))
        except ValidationError as error:
            errors[field.name] = error.error_list
    if errors:
        raise ValidationError(errors)


def _is_computed(value: Any) -> bool:
    """Whether the database will say what the value is, so that nothing is known about it yet."""
    return isinstance(value, DatabaseDefault) or hasattr(value, "freeze")


async def full_clean(
    instance: Model, exclude: frozenset[str], *, unique: bool, constraints: bool, using: Database | str | None
) -> None:
    """`Model.full_clean`."""
    errors: Errors = {}
    try:
        clean_fields(instance, exclude)
    except ValidationError as error:
        errors = error.update_error_dict(errors)
    try:
        instance.clean()
    except ValidationError as error:
        errors = error.update_error_dict(errors)
    try:
        await validate_targets(instance, exclude | (errors.keys() - {NON_FIELD_ERRORS}), using)
    except ValidationError as error:
        errors = error.update_error_dict(errors)
    for wanted, check in ((unique, instance.validate_unique), (constraints, instance.validate_constraints)):
        if wanted:
            # What is wrong already need not be asked about.
            known = exclude | (errors.keys() - {NON_FIELD_ERRORS})
            try:
                await check(exclude=known, using=using)
            except ValidationError as error:
                errors = error.update_error_dict(errors)
    if errors:
        raise ValidationError(errors)


# Relations


async def validate_targets(instance: Model, exclude: frozenset[str], using: Database | str | None) -> None:
    """One query whether the rows that foreign keys point to are there; none for a model without foreign keys."""
    rules = _decidable(instance, target_rules(instance._meta.model), exclude)
    errors: Errors = {}
    for rule in await broken_rules(instance, rules, database_of(instance, using)):
        field = rule.target
        assert field is not None
        errors[field.name] = [_no_target(instance, field)]
    for rule in rules:
        limited = rule.target
        if limited is None or not limited.limit_choices_to or limited.name in errors:
            continue
        if not await _is_choice(instance, limited, database_of(instance, using)):
            errors[limited.name] = [_no_target(instance, limited)]
    if errors:
        raise ValidationError(errors)


async def _is_choice(instance: Model, field: ForeignKey[Any], database: Database) -> bool:
    """Whether what a foreign key points to is among its `limit_choices_to`."""
    value = getattr(instance, field.attname)
    if value is None:
        return True
    limit = field.limit_choices_to
    rows: Any = field.related_model._meta.base_manager.get_queryset().using(database)
    rows = rows.filter(**{field.target_field.attname: value}).complex_filter(limit() if callable(limit) else limit)
    found: bool = await rows.exists()
    return found


def _no_target(instance: Model, field: ForeignKey[Any]) -> ValidationError:
    value = getattr(instance, field.attname)
    model, target = field.related_model._meta.verbose_name, field.target_field.name
    params = {"model": model, "pk": value, "field": target, "value": value}
    return ValidationError(field.error_messages["invalid"], "invalid", params)


@lru_cache(maxsize=1024)
def target_rules(model: type[Model]) -> tuple[Rule, ...]:
    """What the foreign keys of a model ask."""
    return tuple(
        Rule(field.model, (field.name,), ((F(field.name), "="),), target=field)
        for field in model._meta.foreign_keys
        if not field.remote_field.parent_link
    )


# Uniqueness


async def validate_unique(instance: Model, exclude: frozenset[str], using: Database | str | None) -> None:
    """`Model.validate_unique`: one query for all unique fields and groups."""
    rules = _decidable(instance, unique_rules(instance._meta.model), exclude)
    if instance._origin is not None:
        # The key of a row that exists is its own.
        keys = {field.name for field in key_fields(instance._meta.model)}
        rules = [rule for rule in rules if not set(rule.names) <= keys]
    errors: Errors = {}
    for rule in await broken_rules(instance, rules, database_of(instance, using)):
        if rule.date is not None:
            errors.setdefault(rule.date[0], []).append(instance.date_error_message(*rule.date))
            continue
        key = rule.names[0] if len(rule.names) == 1 else NON_FIELD_ERRORS
        errors.setdefault(key, []).append(instance.unique_error_message(instance._meta.model, rule.names))
    if errors:
        raise ValidationError(errors)


def _decidable(instance: Model, rules: Sequence[Rule], exclude: frozenset[str]) -> list[Rule]:
    """The rules about values that are known and wanted."""
    loaded, forward = instance.__dict__, instance._meta.forward
    unknown = exclude | {
        field.name
        for field in instance._meta.initial_fields
        if field.attname not in loaded or hasattr(loaded[field.attname], "freeze")
    }
    return [rule for rule in rules if not unknown & {forward[name].name for name in rule.fields}]


@lru_cache(maxsize=1024)
def unique_rules(model: type[Model]) -> tuple[Rule, ...]:
    """What `unique`, `primary_key`, `unique_together` and `unique_for_date` ask of a model's rows."""
    meta = model._meta
    rules = [
        unique(field.model, field.name)
        for field in meta.concrete_fields
        if field.unique or (field.primary_key and not field.shares_key)
    ]
    keys = key_fields(model)
    if len(keys) > 1:
        rules.append(unique(model, *(field.name for field in keys)))
    for owner in (model, *getattr(meta, "links", ())):
        rules += [unique(owner, *group) for group in owner._meta.unique_together]
    for field in meta.concrete_fields:
        for kind, parts in _DATE_PARTS.items():
            date = getattr(field, f"unique_for_{kind}")
            if date is not None:
                compared = tuple((F(name), "=") for name in (field.name, *(f"{date}__{part}" for part in parts)))
                rules.append(Rule(field.model, (field.name,), compared, date=(field.name, date, kind)))
    return tuple(rules)


_DATE_PARTS = {"date": ("day", "month", "year"), "month": ("month",), "year": ("year",)}


def unique_error(model: type[Model], names: Sequence[str]) -> ValidationError:
    """`Model.unique_error_message`: what is said of a row that agrees with another in these fields."""
    meta = model._meta
    labels = [str(meta.forward[name].verbose_name).capitalize() for name in names]
    params: dict[str, Any] = {
        "model": model,
        "model_class": model,
        "model_name": meta.verbose_name.capitalize(),
        "unique_check": tuple(names),
    }
    if len(names) == 1:
        field = meta.forward[names[0]]
        return ValidationError(field.error_messages["unique"], "unique", params | {"field_label": labels[0]})
    listed = f"{', '.join(labels[:-1])} and {labels[-1]}"
    message = "%(model_name)s with this %(field_labels)s already exists."
    return ValidationError(message, "unique_together", params | {"field_labels": listed})


def date_error(model: type[Model], name: str, date: str, kind: str) -> ValidationError:
    """`Model.date_error_message`: what is said of a row whose value another has on the same day, month or year."""
    meta = model._meta
    field = meta.forward[name]
    params = {
        "model": model,
        "model_name": meta.verbose_name.capitalize(),
        "lookup_type": kind,
        "field": name,
        "field_label": str(field.verbose_name).capitalize(),
        "date_field": date,
        "date_field_label": str(meta.forward[date].verbose_name).capitalize(),
    }
    return ValidationError(field.error_messages["unique_for_date"], "unique_for_date", params)


# Constraints


async def validate_constraints(instance: Model, exclude: frozenset[str], using: Database | str | None) -> None:
    """`Model.validate_constraints`: one query for all constraints of Meta."""
    rules = _decidable(instance, constraint_rules(instance._meta.model), exclude)
    errors: Errors = {}
    for rule in await broken_rules(instance, rules, database_of(instance, using)):
        constraint = rule.constraint
        assert constraint is not None
        if rule.names and constraint.violation_error_message == constraint.default_violation_error_message:
            key = rule.names[0] if len(rule.names) == 1 else NON_FIELD_ERRORS
            errors.setdefault(key, []).append(instance.unique_error_message(rule.model, rule.names))
            continue
        code = constraint.violation_error_code
        key = rule.names[0] if code == "unique" and len(rule.names) == 1 else NON_FIELD_ERRORS
        errors.setdefault(key, []).append(ValidationError(constraint.get_violation_error_message(), code))
    if errors:
        raise ValidationError(errors)


@lru_cache(maxsize=1024)
def constraint_rules(model: type[Model]) -> tuple[Rule, ...]:
    """What the constraints of a model, and of the models whose tables it extends, ask of a row."""
    rules: list[Rule] = []
    for owner in (model, *getattr(model._meta, "links", ())):
        for constraint in owner._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                rules.append(Rule(owner, (), condition=constraint.condition, constraint=constraint))
            elif isinstance(constraint, UniqueConstraint):
                expressions = constraint.expressions or tuple(F(name) for name in constraint.fields)
                rules.append(
                    Rule(
                        owner,
                        # With a condition, the message is the constraint's own, as in Django.
                        constraint.fields if constraint.condition is None else (),
                        tuple((_compared(expression), "=") for expression in expressions),
                        constraint.condition,
                        constraint.nulls_distinct is not False,
                        constraint,
                    )
                )
            else:
                rules += constraint.rules(owner)
    return tuple(rules)


def _compared(expression: Any) -> Any:
    """What of an index's expression is compared: not its order, nor its operator class."""
    while isinstance(expression, OrderBy | OpClass):
        expression = expression.expression
    return expression
