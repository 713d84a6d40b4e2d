"""What goes wrong when rows become text, or text rows."""

from __future__ import annotations

from vivace.orm.exceptions import ORMError


class SerializerDoesNotExist(ORMError, KeyError):
    """There is no such format, or what it needs is not installed."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class SerializationError(ORMError):
    """A value that the format cannot say."""


class DeserializationError(ORMError):
    """A text that is not what was asked for, or says what the models do not have."""
