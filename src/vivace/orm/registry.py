"""The models of this process, keyed `label.Model`.

A model's label is its `Meta.app_label`, else what `set_label` said of its module, else the package that holds
`models.py`, else the file's stem. Relations may name a model before it exists; they are joined when it arrives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import sqlalchemy

from vivace.orm.exceptions import ORMError
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint and index has a name that does not depend on the database, so migrations can speak of it."""


class Registry:
    """Models by key, the labels of modules, and what waits for a model to be defined."""

    def __init__(self) -> None:
        self._models: dict[str, type[Model]] = {}
        self._labels: dict[str, str] = {}
        self._waiting: dict[str, list[Callable[[type[Model]], None]]] = {}
        self.swaps: dict[str, str] = {}
        """By the name of a setting, such as AUTH_USER_MODEL, the label of the model that takes another's place."""
        self.default_tablespace: str | None = None
        self.default_index_tablespace: str | None = None
        self.metadata = sqlalchemy.MetaData(naming_convention=NAMING_CONVENTION)

    def models(
        self, label: str | None = None, *, include_auto_created: bool = False, include_swapped: bool = False
    ) -> list[type[Model]]:
        """The models in the order they were defined; only those of `label` if given.

        The tables made by a `ManyToManyField` are models too, left out unless `include_auto_created`; so are models in
        whose place another stands (`Meta.swappable`), unless `include_swapped`.
        """
        return [
            model
            for model in self._models.values()
            if (label is None or model._meta.app_label == label)
            and (include_auto_created or not model._meta.auto_created)
            and (include_swapped or model._meta.swapped is None)
        ]

    def get_model(self, name: str) -> type[Model]:
        """The model of `"label.Model"` (the model's part in any case). Raises LookupError with the nearest name."""
        model = self._models.get(_key(name))
        if model is None:
            known = [existing._meta.label for existing in self.models()]
            raise LookupError(f'There is no model "{name}". {did_you_mean(name, known, listed_as="Models")}')
        return model

    def set_label(self, module_name: str, label: str) -> None:
        """Models defined from now on in `module_name`, or in a module below it, get `label`."""
        if not label.isidentifier():
            raise ValueError(f"A label is an identifier such as {'blog'!r}, got {label!r}")
        self._labels[module_name] = label

    def label_of(self, module_name: str) -> str:
        """The label that models of this module get."""
        name = module_name
        while name:
            if name in self._labels:
                return self._labels[name]
            name = name.rpartition(".")[0]
        if module_name == "__main__":
            path = getattr(sys.modules["__main__"], "__file__", None)
            return _identifier(PurePath(path).stem) if path else "main"
        parts = module_name.split(".")
        if "models" in parts[1:]:
            return _identifier(parts[parts.index("models", 1) - 1])
        return _identifier(parts[-1])

    def add(self, model: type[Model]) -> None:
        """Takes in a model and joins the relations that waited for it.

        A second definition replaces the first when it is the same class again (a reload); another class of the same
        key raises ORMError.
        """
        key = model._meta.key
        existing = self._models.get(key)
        if existing is not None and not _is_redefinition(existing, model):
            raise ORMError(
                f'There are two models named "{model._meta.label}": in {existing.__module__} and in '
                f"{model.__module__}. Rename one, or give it another Meta.app_label."
            )
        if existing is not None and existing._meta.db_table in self.metadata.tables:
            self.metadata.remove(self.metadata.tables[existing._meta.db_table])
        self._models[key] = model
        for callback in self._waiting.pop(key, ()):
            callback(model)

    def when_ready(self, name: str, callback: Callable[[type[Model]], None]) -> None:
        """Calls `callback` with the model of that name, now or when it is defined."""
        model = self._models.get(_key(name))
        if model is None:
            self._waiting.setdefault(_key(name), []).append(callback)
        else:
            callback(model)

    def swap(self, setting: str, label: str) -> None:
        """Puts the model `label` in the place of the one whose `Meta.swappable` is `setting`.

        Called before models are defined: relations to the one go to the other. Raises ORMError when it comes too late.
        """
        if "." not in label:
            raise ValueError(f'{setting} is the label of a model, such as "accounts.User", got {label!r}')
        if self.swaps.get(setting) == label:
            return
        for model in self._models.values():
            is_meant = model._meta.swappable == setting and model._meta.key != _key(label)
            if is_meant and any(relation.field.model is not model for relation in model._meta.all_related_objects):
                raise ORMError(
                    f"{setting}={label!r} comes too late: other models point to {model._meta.label} already. Say it "
                    "before they are imported."
                )
        self.swaps[setting] = label

    def clear(self) -> None:
        """Forgets everything; for tests, which had better use `isolated()`."""
        self._models.clear()
        self.swaps.clear()
        self._labels.clear()
        self._waiting.clear()
        self.metadata.clear()

    @contextmanager
    def isolated(self, *, empty: bool = False) -> Iterator[Registry]:
        """Inside the block models may be defined freely; afterwards the registry is as it was.

        With `empty`, the models that are known already are not known inside.
        """
        saved: dict[str, Any] = dict(vars(self))
        relations = {model: model._meta.known_relations() for model in self._models.values() if not model._meta.proxy}
        self._models, self._labels, self.swaps = dict(self._models), dict(self._labels), dict(self.swaps)
        if empty:
            self._models.clear()
        self._waiting = {key: list(callbacks) for key, callbacks in self._waiting.items()}
        self.metadata = sqlalchemy.MetaData(naming_convention=NAMING_CONVENTION)
        try:
            yield self
        finally:
            vars(self).update(saved)
            for model, known in relations.items():
                model._meta.forget_relations_but(*known)


def _key(name: str) -> str:
    label, _, model = name.rpartition(".")
    return f"{label}.{model.lower()}"


def _identifier(text: str) -> str:
    cleaned = "".join(character if character.isalnum() else "_" for character in text)
    return cleaned if cleaned.isidentifier() else f"_{cleaned}"


def _is_redefinition(first: type[Model], second: type[Model]) -> bool:
    return first.__module__ == second.__module__ and first.__qualname__ == second.__qualname__


registry = Registry()
"""The one registry of this process."""
