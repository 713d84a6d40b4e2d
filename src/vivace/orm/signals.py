"""What models tell: `post_save` and the others, with Django's names and arguments.

Receivers may be async where the model waits anyway. `pre_init`, `post_init` and `class_prepared` are sent by
constructors, which cannot wait, so that their receivers are plain functions. `using` is the Database.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Any

from vivace.orm.registry import registry
from vivace.utils.signals import Receiver, Signal, is_async, receiver

__all__ = [
    "MigrateSignal",
    "ModelSignal",
    "Signal",
    "class_prepared",
    "m2m_changed",
    "post_delete",
    "post_init",
    "post_migrate",
    "post_save",
    "pre_delete",
    "pre_init",
    "pre_migrate",
    "pre_save",
    "receiver",
]


class ModelSignal(Signal):
    """A signal whose sender is a model, or the name of one that need not be defined yet: `sender="blog.Post"`."""

    def __init__(self, *, waits: bool = True) -> None:
        super().__init__()
        self.waits = waits
        """Whether the sender can await its receivers."""

    def connect(
        self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable = None
    ) -> None:
        """As `Signal.connect`. Raises TypeError for an async receiver of a signal that constructors send."""
        if not self.waits and is_async(receiver):
            raise TypeError(
                f"{receiver!r} is async, but this signal is sent by a constructor, which cannot wait for it"
            )
        connect = super().connect
        _with_model(sender, lambda model: connect(receiver, model, weak, dispatch_uid))

    def disconnect(
        self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable = None
    ) -> bool:
        """As `Signal.disconnect`. Raises LookupError for a name that is no model's."""
        model = registry.get_model(sender) if isinstance(sender, str) else sender
        return super().disconnect(receiver, model, dispatch_uid)


class MigrateSignal(Signal):
    """A signal whose sender is an app's label: `sender="blog"`."""

    def connect(
        self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable = None
    ) -> None:
        """As `Signal.connect`."""
        super().connect(receiver, _interned(sender), weak, dispatch_uid)

    def disconnect(
        self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable = None
    ) -> bool:
        """As `Signal.disconnect`."""
        return super().disconnect(receiver, _interned(sender), dispatch_uid)

    async def asend(self, sender: object, **named: Any) -> list[tuple[Receiver, Any]]:
        """As `Signal.asend`."""
        return await super().asend(_interned(sender), **named)


def _interned(sender: object) -> object:
    # A sender is known by its identity; labels come from settings, from files and from people.
    return sys.intern(sender) if isinstance(sender, str) else sender


def _with_model(sender: object, function: Callable[[Any], None]) -> None:
    if not isinstance(sender, str):
        function(sender)
        return
    if sender.count(".") != 1:
        raise ValueError(f'A signal\'s sender is a model or its name, "label.Model"; got {sender!r}')
    registry.when_ready(sender, function)


class_prepared = ModelSignal(waits=False)
"""A model has been defined: `sender`."""
pre_init = ModelSignal(waits=False)
"""A constructor begins: `args`, `kwargs`. Rows that are read do not go through it."""
post_init = ModelSignal(waits=False)
"""An instance has been made, by its constructor or from a row: `instance`."""
pre_save = ModelSignal()
"""`save()` begins: `instance`, `raw`, `using`, `update_fields`."""
post_save = ModelSignal()
"""`save()` has written: `instance`, `created`, `raw`, `using`, `update_fields`."""
pre_delete = ModelSignal()
"""A row is about to be deleted: `instance`, `using`, `origin` (the instance or queryset whose deletion this is)."""
post_delete = ModelSignal()
"""A row has been deleted: `instance`, `using`, `origin`."""
m2m_changed = ModelSignal()
"""A many-to-many relation changes; the sender is its `through`: `instance`, `action`, `reverse`, `model`, `pk_set`,
`using`, `raw`."""
pre_migrate = MigrateSignal()
"""`migrate` begins; the sender is an app's label, told once for each: `using`, `plan` (the steps that it will take)."""
post_migrate = MigrateSignal()
"""`migrate` has done all that it was asked: `using`, `plan` (the steps that it has taken)."""
