"""What the ORM raises. `ORMError` is the base; database faults are `vivace.databases.errors`, re-exported here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vivace.databases.errors import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from vivace.databases.errors import TransactionError as TransactionManagementError
from vivace.utils.exceptions import NON_FIELD_ERRORS, ValidationError
from vivace.utils.suggest import did_you_mean

__all__ = [
    "NON_FIELD_ERRORS",
    "DataError",
    "DatabaseError",
    "FieldDoesNotExist",
    "FieldError",
    "FieldFetchBlocked",
    "IntegrityError",
    "ModelDefinitionError",
    "MultipleObjectsReturned",
    "NoDatabase",
    "NotLoaded",
    "NotSupportedError",
    "NotUpdated",
    "ORMError",
    "ObjectDoesNotExist",
    "OperationalError",
    "ProgrammingError",
    "ProtectedError",
    "RestrictedError",
    "SchemaWarning",
    "SuspiciousFileOperation",
    "TransactionManagementError",
    "ValidationError",
]


class ORMError(Exception):
    """Base of the ORM's own errors."""


class ModelDefinitionError(ORMError, TypeError):
    """A model class that cannot work, told where it is defined."""


class FieldError(ORMError):
    """A query names something that does not exist or cannot be used so."""


class FieldDoesNotExist(FieldError, AttributeError):
    """A model has no field of that name."""


class ObjectDoesNotExist(ORMError):
    """`get()` found nothing. Each model has its own subclass, `Model.DoesNotExist`."""


class MultipleObjectsReturned(ORMError):
    """`get()` found more than one. Each model has its own subclass, `Model.MultipleObjectsReturned`."""


class NotLoaded(ORMError, AttributeError):
    """A field was read that the query left out, or of a related object that only its key is known of."""


class FieldFetchBlocked(NotLoaded):
    """Something that the query left out was awaited although its fetch mode is FETCH_RAISE (Django 6.1's name)."""


class NotUpdated(ORMError, DatabaseError):
    """A forced update found no row (Django 6.1's name)."""


class StaleObjectError(NotUpdated):
    """A row with a VersionField was changed or deleted by somebody else since it was read."""


class NoDatabase(ORMError):
    """No database could be chosen for a query."""


class SuspiciousFileOperation(ORMError, ValueError):
    """A file's name that leads out of where files are kept."""


class SchemaWarning(UserWarning):
    """A constraint or index that a database cannot have was left out."""


class ProtectedError(IntegrityError):
    """A row cannot be deleted because rows that point to it forbid it (`on_delete=PROTECT`)."""

    def __init__(self, message: str, protected_objects: Iterable[Any]) -> None:
        super().__init__(message)
        self.protected_objects = set(protected_objects)


class RestrictedError(IntegrityError):
    """A row cannot be deleted because rows that stay point to it (`on_delete=RESTRICT`)."""

    def __init__(self, message: str, restricted_objects: Iterable[Any]) -> None:
        super().__init__(message)
        self.restricted_objects = set(restricted_objects)


def unknown_field(model_name: str, name: str, choices: Iterable[str]) -> FieldError:
    """`Book has no field "titel". Did you mean "title"? Fields: author, id, title.`"""
    return FieldError(f'{model_name} has no field "{name}". {did_you_mean(name, choices, listed_as="Fields")}')
