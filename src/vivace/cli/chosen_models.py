"""The models that a command's arguments name: `blog`, `blog.Note`, or all of the site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivace.cli.errors import CommandError
from vivace.cli.site import site_models
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.project import Vivace


def chosen_models(site: Vivace, names: Iterable[str]) -> list[type[Model]]:
    """The models of apps and models called `names`, app by app; raises CommandError with the nearest name."""
    models = site_models(site)
    found: dict[type[Model], None] = {}
    for name in names:
        label, _, model_name = name.partition(".")
        if site.apps.get(label) is None:
            raise CommandError(f'there is no app "{label}". {did_you_mean(label, site.apps.labels, listed_as="Apps")}')
        own = [model for model in models if model._meta.app_label == label]
        if model_name:
            own = [model for model in own if model._meta.model_name == model_name.lower()]
            if not own:
                known = [model._meta.label for model in models if model._meta.app_label == label]
                raise CommandError(f'there is no model "{name}". {did_you_mean(name, known, listed_as="Models")}')
        found.update(dict.fromkeys(own))
    return list(found)
