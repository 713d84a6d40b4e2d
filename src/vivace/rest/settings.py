"""The defaults of views, by the names of DRF's `REST_FRAMEWORK` setting, for the site that answers at the moment.

Views read them at each request (`setting()` makes a class attribute of one), so two sites in one process have each
their own. A site gives them once, as `RESTSettings({...})`; outside of a site, DEFAULTS hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from vivace.utils.suggest import did_you_mean

DEFAULTS: Mapping[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ("vivace.rest.renderers.JSONRenderer",),
    "DEFAULT_PARSER_CLASSES": (
        "vivace.rest.parsers.JSONParser",
        "vivace.rest.parsers.FormParser",
        "vivace.rest.parsers.MultiPartParser",
    ),
    "DEFAULT_AUTHENTICATION_CLASSES": (),
    "DEFAULT_PERMISSION_CLASSES": ("vivace.rest.permissions.AllowAny",),
    "DEFAULT_THROTTLE_CLASSES": (),
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "vivace.rest.negotiation.DefaultContentNegotiation",
    "DEFAULT_METADATA_CLASS": "vivace.rest.metadata.SimpleMetadata",
    "DEFAULT_VERSIONING_CLASS": None,
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_FILTER_BACKENDS": (),
    "DEFAULT_THROTTLE_RATES": {"user": None, "anon": None},
    "THROTTLE_STORE": None,
    "NUM_PROXIES": None,
    "PAGE_SIZE": None,
    "SEARCH_PARAM": "search",
    "ORDERING_PARAM": "ordering",
    "DEFAULT_VERSION": None,
    "ALLOWED_VERSIONS": None,
    "VERSION_PARAM": "version",
    "UNAUTHENTICATED_USER": "vivace.rest.request.AnonymousUser",
    "UNAUTHENTICATED_TOKEN": None,
    "EXCEPTION_HANDLER": "vivace.rest.views.exception_handler",
    "URL_FORMAT_OVERRIDE": "format",
    "FORMAT_SUFFIX_KWARG": "format",
    "TEST_REQUEST_DEFAULT_FORMAT": "multipart",
}

# Whose values are dotted names, alone or in a list.
IMPORTED = frozenset(name for name in DEFAULTS if name.endswith(("_CLASSES", "_CLASS", "_BACKENDS"))) | {
    "UNAUTHENTICATED_USER",
    "UNAUTHENTICATED_TOKEN",
    "EXCEPTION_HANDLER",
    "THROTTLE_STORE",
}

# So a project's setting works as it stands when it comes over.
MOVED = {"rest_framework.": "vivace.rest.", "django_filters.rest_framework.": "vivace.rest.filtersets."}


class RESTSettings:
    """The settings of one site: those given, and DEFAULTS for the rest.

    Raises ValueError for a name that is no setting, which says which is near. Dotted names are imported when they are
    first asked for; a name in `rest_framework` means the one in `vivace.rest`.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        for name in values or {}:
            if name not in DEFAULTS:
                choices = did_you_mean(name, DEFAULTS, listed_as="Settings")
                raise ValueError(f'REST_FRAMEWORK: there is no setting "{name}". {choices}')
        self._values = {**DEFAULTS, **(values or {})}
        self._known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in DEFAULTS:
            raise AttributeError(f'there is no REST setting "{name}"')
        return self[name]

    def __getitem__(self, name: str) -> Any:
        try:
            return self._known[name]
        except KeyError:
            value = self._values[name]
            self._known[name] = found = imported(value, name) if name in IMPORTED else value
            return found


def imported(value: Any, setting: str) -> Any:
    """What a dotted name, or each in a list, stands for. Raises ImportError, which names the setting."""
    if isinstance(value, str):
        return _imported(value, setting)
    if isinstance(value, list | tuple):
        return tuple(imported(item, setting) for item in value)
    return value


def _imported(dotted: str, setting: str) -> Any:
    for theirs, ours in MOVED.items():
        if dotted.startswith(theirs):
            dotted = ours + dotted.removeprefix(theirs)
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImportError(f"REST_FRAMEWORK[{setting!r}]: could not import {dotted!r}: {error}") from error


_default = RESTSettings()
_current: ContextVar[RESTSettings] = ContextVar("vivace_rest_settings", default=_default)


def current() -> RESTSettings:
    """The settings of the site that answers at the moment."""
    return _current.get()


@contextmanager
def using(settings: RESTSettings | Mapping[str, Any] | None) -> Iterator[RESTSettings]:
    """Inside the block, and in tasks started there, views have these settings, with None the defaults."""
    chosen = settings if isinstance(settings, RESTSettings) else RESTSettings(settings)
    before = set_settings(chosen)
    try:
        yield chosen
    finally:
        set_settings(before)


def set_settings(settings: RESTSettings) -> RESTSettings:
    """Makes them those of this context; returns the ones before, to be set again at the end."""
    before = _current.get()
    _current.set(settings)
    return before


class _APISettings:
    """`api_settings`, as `rest_framework.settings` has it: the current site's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_current.get(), name)


api_settings = _APISettings()


class _Setting:
    """A class attribute that has the value of a setting until a class or an instance sets another."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        return _current.get()[self.name]


def setting(name: str) -> Any:
    """A class attribute with the current value of the setting `name`. Raises KeyError for what is none."""
    DEFAULTS[name]
    return _Setting(name)
