"""Serializers and views name their model, as in `ModelSerializer[Book]`; at run time that is the class itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Instance = TypeVar("Instance", default=Any)

    class Typed(Generic[Instance]):
        """Base of what may be given a model in brackets."""
else:
    from typing import TypeVar

    Instance = TypeVar("Instance")

    class Typed:
        """Base of what may be given a model in brackets."""

        def __class_getitem__(cls, _):
            return cls
