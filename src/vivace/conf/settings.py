"""`Settings`: the configuration of a site as a class with annotated, upper-case attributes.

    class Settings(vivace.conf.Settings):
        INSTALLED_APPS = ["blog"]
        DATABASE = "sqlite:///db.sqlite3"
        POSTS_PER_PAGE: int = 20

The class is a description; `Settings.load()` makes the values. Sources, each over the one before: the class, a TOML
file, a `.env` file, the environment (`VIVACE_POSTS_PER_PAGE=50`). Everything wrong is reported at once.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_type_hints

from vivace.conf.convert import ConversionError, convert, describe, show
from vivace.conf.errors import ConfigurationError, Fault, SettingsError
from vivace.conf.sources import Value, read_env_file, read_environment, read_toml
from vivace.conf.types import Secret, Url, UrlPrefix, Urls
from vivace.utils.suggest import did_you_mean

# `VIVACE_SETTINGS_FILE=/etc/mysite.toml`: names the TOML file, and is no setting itself.
_FILE_VARIABLE = "SETTINGS_FILE"
# So `vivace run --dev` tells every site, whatever its prefix: it is in debug, unless its environment says otherwise.
DEVELOPMENT_VARIABLE = "VIVACE_DEV"


class Settings:
    """The settings that Vivace itself reads, named as in Django. Subclass it; add your own with an annotation.

    An annotation without a value makes a setting required. Class keywords name the sources:
    `class Settings(Base, file="settings.toml", env_file=".env", env_prefix="MYSITE_")`. Relative paths start at
    BASE_DIR, by default the folder that holds the class's top-level package: `/srv` for `/srv/mysite/settings.py`.
    """

    BASE_DIR: Path
    DEBUG: bool = False
    SECRET_KEY: Secret = ""
    ALLOWED_HOSTS: list[str] = []
    DATABASE: Url | None = None
    DATABASES: Urls = {}
    DATABASE_ROUTERS: list[str] = []
    ATOMIC_REQUESTS: bool = False
    DEFAULT_TABLESPACE: str | None = None
    DEFAULT_INDEX_TABLESPACE: str | None = None
    INSTALLED_APPS: list[str] = []
    ROOT_URLCONF: str | None = None
    TEMPLATE_DIRS: list[Path] = [Path("templates")]
    STATIC_URL: UrlPrefix = "/static/"
    STATICFILES_DIRS: list[Path] = [Path("static")]
    STATIC_ROOT: Path = Path("staticfiles")
    API_URL: UrlPrefix = "/api/"
    REST_FRAMEWORK: dict[str, Any] = {}
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    LOGGING: dict[str, Any] = {}
    SECURE_CONTENT_TYPE_NOSNIFF: bool = True
    SECURE_REFERRER_POLICY: str | None = "same-origin"
    SECURE_CROSS_ORIGIN_OPENER_POLICY: str | None = "same-origin"
    SECURE_CSP: dict[str, Any] = {}
    SECURE_CSP_REPORT_ONLY: dict[str, Any] = {}
    SECURE_HSTS_SECONDS: int = 0
    SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = False
    SECURE_HSTS_PRELOAD: bool = False
    X_FRAME_OPTIONS: Literal["DENY", "SAMEORIGIN"] | None = "DENY"

    _file: ClassVar[str | None] = None
    _env_file: ClassVar[str | None] = ".env"
    _env_prefix: ClassVar[str] = "VIVACE_"

    def __init_subclass__(
        cls, *, file: str | None = None, env_file: str | None = None, env_prefix: str | None = None, **extra: Any
    ) -> None:
        super().__init_subclass__(**extra)
        if file is not None:
            cls._file = file
        if env_file is not None:
            cls._env_file = env_file
        if env_prefix is not None:
            cls._env_prefix = env_prefix

    def __init__(self, **values: object) -> None:
        """Settings from the class and `values` alone: no file and no environment is read. Raises SettingsError."""
        found = [Value(name, value, f"{type(self).__name__}({name}=…)") for name, value in values.items()]
        self._fill(self._class_values() + found, [])

    @classmethod
    def load(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        defaults: Mapping[str, object] | None = None,
        defaults_origin: str = "code",
    ) -> Self:
        """Settings from all sources; `defaults` come after the class and before the files.

        Raises SettingsError, which lists every fault, each with the setting, where it was found and what is allowed.
        """
        self = cls.__new__(cls)
        faults: list[Fault] = []
        environment = os.environ if environ is None else environ
        values = self._class_values()
        values += [Value(name, value, defaults_origin) for name, value in (defaults or {}).items()]
        base_dir = _base_dir(cls, values)
        values += cls._file_values(base_dir, environment, faults)
        if environment.get(DEVELOPMENT_VARIABLE):
            values.append(Value("DEBUG", True, "vivace run --dev"))
        values += [value for value in read_environment(environment, cls._env_prefix) if value.name != _FILE_VARIABLE]
        self._fill(values, faults)
        return self

    def check(self) -> Iterable[Fault]:
        """Rules between settings, run when each one alone is right. Override it; include `super().check()`."""
        return ()

    @classmethod
    def names(cls) -> list[str]:
        """The names of all settings, those of subclasses included."""
        return list(cls._annotations())

    @classmethod
    def _annotations(cls) -> dict[str, Any]:
        try:
            hints = get_type_hints(cls, include_extras=True)
        except (NameError, TypeError, SyntaxError) as error:
            raise ConfigurationError(
                f"{cls.__module__}.{cls.__qualname__}: an annotation has no meaning: {error}"
            ) from None
        return {name: hint for name, hint in hints.items() if name.isupper() and not name.startswith("_")}

    @classmethod
    def _class_values(cls) -> list[Value]:
        """What the classes say, base first. An annotation without a value takes back the value of a base."""
        values: list[Value] = []
        for base in reversed(cls.__mro__):
            origin = f"{base.__module__}.{base.__qualname__}"
            required = inspect.get_annotations(base).keys() - vars(base).keys()
            values = [value for value in values if value.name not in required]
            for name, value in vars(base).items():
                if name.isupper() and not name.startswith("_") and not inspect.isroutine(value):
                    values.append(Value(name, value, origin))
        return values

    @classmethod
    def _file_values(cls, base_dir: Path, environ: Mapping[str, str], faults: list[Fault]) -> list[Value]:
        values: list[Value] = []
        variable = cls._env_prefix + _FILE_VARIABLE
        named = environ.get(variable) or cls._file
        if named is not None:
            path = base_dir / named
            if path.is_file():
                values += read_toml(path, faults)
            else:
                origin = f"environment variable {variable}" if variable in environ else f"{cls.__name__}(file=…)"
                faults.append(Fault(named, origin, f"there is no file {path}"))
        if cls._env_file is not None and (base_dir / cls._env_file).is_file():
            values += read_env_file(base_dir / cls._env_file, cls._env_prefix, faults)
        return values

    def _fill(self, values: list[Value], faults: list[Fault]) -> None:
        """Convert the last value of each setting and set it; raise with all faults when there are any."""
        cls = type(self)
        annotations = cls._annotations()
        base_dir = _base_dir(cls, values)
        chosen = {"BASE_DIR": Value("BASE_DIR", base_dir, "default")}
        for value in values:
            if value.name in annotations:
                chosen[value.name] = value
            else:
                faults.extend(_unknown(cls, value, annotations))
        for name, annotation in annotations.items():
            if name not in chosen:
                faults.append(_missing(cls, name, annotation))
                continue
            value = chosen[name]
            try:
                converted = convert(value.value, annotation, base_dir=base_dir, is_text=value.is_text)
            except ConversionError as error:
                problem = f"found {show(value.value, annotation)}, {error}"
                faults.append(Fault(name, value.origin, problem))
            else:
                self.__dict__[name] = converted
        if not faults:
            faults.extend(self.check())
        if faults:
            raise SettingsError(f"{cls.__module__}.{cls.__qualname__}", faults)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"settings do not change after they are loaded; to set {name}, use the class, a file or the environment"
        )

    def __repr__(self) -> str:
        """All settings that differ from Vivace's defaults; secrets are masked."""
        annotations = type(self)._annotations()
        shown = (
            f"{name}={show(value, annotations[name])}"
            for name, value in vars(self).items()
            if name != "BASE_DIR" and value != vars(Settings).get(name)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def _base_dir(cls: type[Settings], values: Iterable[Value]) -> Path:
    """The last BASE_DIR given, else the folder that holds the top-level package (or module) of the class."""
    for value in reversed(list(values)):
        if value.name == "BASE_DIR" and isinstance(value.value, str | Path):
            return Path(value.value).absolute()
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if cls is Settings or file is None:
        return Path.cwd()
    path = Path(file).absolute()
    if path.name == "__init__.py":
        path = path.parent
    return path.parents[cls.__module__.count(".")]


def _missing(cls: type[Settings], name: str, annotation: Any) -> Fault:
    return Fault(
        name,
        "not set",
        f"expected {describe(annotation)}; set {cls._env_prefix}{name} in the environment or in {cls._env_file}",
    )


def _unknown(cls: type[Settings], value: Value, annotations: Mapping[str, Any]) -> Iterable[Fault]:
    """A fault for a name that is no setting.

    The prefix of the environment is shared with other programs' variables (VIVACE_HOST for the server), so there only
    a name that looks like a misspelt setting counts.
    """
    if value.is_text:
        close = get_close_matches(value.name, annotations, n=1, cutoff=0.8)
        if close:
            prefix = cls._env_prefix
            yield Fault(prefix + value.name, value.origin, f'no such setting. Did you mean "{prefix}{close[0]}"?')
        return
    problem = f"no such setting. {did_you_mean(value.name, annotations, listed_as='Settings')}"
    if value.origin == f"{cls.__module__}.{cls.__qualname__}":
        problem += f" A setting of your own needs a type: `{value.name}: {type(value.value).__name__} = …`."
    yield Fault(value.name, value.origin, problem)
