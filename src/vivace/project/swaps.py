"""Models in the place of others: settings such as AUTH_USER_MODEL, which a model's `Meta.swappable` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.conf import ConfigurationError

if TYPE_CHECKING:
    from vivace.conf import Settings


def swap_models(settings: Settings) -> dict[str, str]:
    """Tells the ORM the settings whose names end in `_MODEL`, before models are imported; returns them.

    Raises ConfigurationError for what is no label of a model, and where models were imported too early.
    """
    given = {name: value for name, value in vars(settings).items() if name.endswith("_MODEL") and value is not None}
    if not given:
        return {}
    from vivace.orm.exceptions import ORMError
    from vivace.orm.registry import registry

    for name, label in given.items():
        if not isinstance(label, str) or label.count(".") != 1:
            raise ConfigurationError(f'{name} is the label of a model, such as "accounts.User", got {label!r}.')
        try:
            registry.swap(name, label)
        except ORMError as error:
            raise ConfigurationError(str(error)) from error
    return given


def check_swaps(given: dict[str, str]) -> None:
    """Raises ConfigurationError for a model that stands in another's place and is not there."""
    if not given:
        return
    from vivace.orm.registry import registry

    swappable = {model._meta.swappable for model in registry.models(include_swapped=True)}
    for name in given.keys() & swappable:
        try:
            registry.get_model(given[name])
        except LookupError as error:
            raise ConfigurationError(f"{name}: {error}") from error
