"""`ValidationError`, in the shape of `django.core.exceptions.ValidationError`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NON_FIELD_ERRORS = "__all__"
"""The key in `error_dict` of errors that belong to no single field."""


class ValidationError(Exception):
    """One or many reasons why a value was refused.

    `message` is a text (with `%(name)s` places filled from `params`), another ValidationError, a sequence of these, or
    a mapping of field names to these. A single error has `message`, `code` and `params`; a mapping has `error_dict`;
    every one has `error_list` and `messages`.
    """

    message: str
    code: str | None
    params: Mapping[str, Any] | None
    error_list: list[ValidationError]
    error_dict: dict[str, list[ValidationError]]

    def __init__(
        self,
        message: Any,
        code: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code, params)
        if isinstance(message, ValidationError):
            self._copy(message)
        elif isinstance(message, Mapping):
            self.error_dict = {field: _as_error(reasons).error_list for field, reasons in message.items()}
            self.error_list = [error for errors in self.error_dict.values() for error in errors]
        elif isinstance(message, str):
            self.message, self.code, self.params = message, code, params
            self.error_list = [self]
        elif isinstance(message, Sequence):
            self.error_list = [error for reason in message for error in _as_error(reason).error_list]
        else:
            # Translatable and other text-like objects.
            self.message, self.code, self.params = str(message), code, params
            self.error_list = [self]

    def _copy(self, other: ValidationError) -> None:
        if hasattr(other, "error_dict"):
            self.error_dict = other.error_dict
            self.error_list = other.error_list
        elif hasattr(other, "message"):
            self.message, self.code, self.params = other.message, other.code, other.params
            self.error_list = [self]
        else:
            self.error_list = other.error_list

    @property
    def messages(self) -> list[str]:
        """Every reason as a text, in order."""
        return [error.text for error in self.error_list]

    @property
    def message_dict(self) -> dict[str, list[str]]:
        """Texts by field. Raises AttributeError for an error that names no fields, as Django's does."""
        return {field: [error.text for error in errors] for field, errors in self.error_dict.items()}

    @property
    def text(self) -> str:
        """The message of a single error with its parameters filled in."""
        return self.message % self.params if self.params else self.message

    def update_error_dict(self, error_dict: dict[str, list[ValidationError]]) -> dict[str, list[ValidationError]]:
        """Adds these errors to `error_dict`, those without a field under `NON_FIELD_ERRORS`, and returns it."""
        if hasattr(self, "error_dict"):
            for field, errors in self.error_dict.items():
                error_dict.setdefault(field, []).extend(errors)
        else:
            error_dict.setdefault(NON_FIELD_ERRORS, []).extend(self.error_list)
        return error_dict

    def __iter__(self) -> Iterator[Any]:
        if hasattr(self, "error_dict"):
            yield from self.message_dict.items()
        else:
            yield from self.messages

    def __str__(self) -> str:
        return repr(self.message_dict if hasattr(self, "error_dict") else self.messages)

    def __repr__(self) -> str:
        return f"ValidationError({self})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValidationError):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.messages)))

    def _identity(self) -> object:
        if hasattr(self, "error_dict"):
            return {field: [error._identity() for error in errors] for field, errors in self.error_dict.items()}
        if hasattr(self, "message"):
            return (self.message, self.code, dict(self.params or {}))
        return sorted((error._identity() for error in self.error_list), key=repr)


def _as_error(reason: Any) -> ValidationError:
    return reason if isinstance(reason, ValidationError) else ValidationError(reason)
