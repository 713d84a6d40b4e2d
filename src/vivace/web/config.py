"""Settings from the environment and a `.env` file, one at a time (names as in `starlette.config`).

`config = Config(".env")`, then `DEBUG = config("DEBUG", cast=bool, default=False)`. The environment wins over the file.
A project of Vivace's declares its settings in one class instead, which reports everything wrong at once.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeVar, overload

from vivace.utils.env_file import parse_env
from vivace.utils.suggest import nearest

T = TypeVar("T")

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


class undefined:  # noqa: N801 (Starlette's name)
    """Says that no default is given: None is one."""


class EnvironError(Exception):
    """A variable was changed after somebody had read it, and now holds another value than the program runs with."""


class Environ(MutableMapping[str, str]):
    """The environment, or a mapping in its place, of which a variable cannot be changed once it has been read.

    Tests change it before they import the application: `environ["TESTING"] = "1"`.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._has_been_read: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self._has_been_read.add(key)
        return self._environ[key]

    def __setitem__(self, key: str, value: str) -> None:
        self._check_unread(key, "set")
        self._environ[key] = value

    def __delitem__(self, key: str) -> None:
        self._check_unread(key, "delete")
        del self._environ[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def _check_unread(self, key: str, verb: str) -> None:
        if key in self._has_been_read:
            raise EnvironError(
                f"Attempting to {verb} environ[{key!r}], but the value has already been read. "
                "Do so before the module that reads it is imported."
            )


environ = Environ()


class Config:
    """Reads settings: from `environ`, else from `env_file`, else the default; names get `env_prefix` in front.

    A missing file is a warning, because production often has none; so is a line that is not `NAME=value`.
    """

    def __init__(
        self,
        env_file: str | Path | None = None,
        environ: Mapping[str, str] = environ,
        env_prefix: str = "",
        encoding: str = "utf-8",
    ) -> None:
        self.environ = environ
        self.env_prefix = env_prefix
        self.file_values: dict[str, str] = {} if env_file is None else _read_file(env_file, encoding)

    @overload
    def __call__(self, key: str, *, default: None) -> str | None: ...

    @overload
    def __call__(self, key: str, cast: type[T], default: T = ...) -> T: ...

    @overload
    def __call__(self, key: str, cast: type[str] = ..., default: str = ...) -> str: ...

    @overload
    def __call__(self, key: str, cast: Callable[[Any], T] = ..., default: Any = ...) -> T: ...

    @overload
    def __call__(self, key: str, cast: type[str] = ..., default: T = ...) -> T | str: ...

    def __call__(self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = undefined) -> Any:
        """As `get`, with the type of the result known to type checkers."""
        return self.get(key, cast, default)

    def get(self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = undefined) -> Any:
        """The setting, through `cast` unless it is None; KeyError when there is none and no default.

        ValueError when `cast` does not take it. `cast=bool` reads true/false, 1/0, yes/no and on/off.
        """
        key = self.env_prefix + key
        if key in self.environ:
            return _cast(key, self.environ[key], cast)
        if key in self.file_values:
            return _cast(key, self.file_values[key], cast)
        if default is not undefined:
            return _cast(key, default, cast)
        similar = nearest(key, {*self.environ, *self.file_values})
        hint = f' Did you mean "{similar}"?' if similar is not None else ""
        raise KeyError(f"Config '{key}' is missing, and has no default.{hint}")


def _read_file(env_file: str | Path, encoding: str) -> dict[str, str]:
    path = Path(env_file)
    if not path.is_file():
        warnings.warn(f"Config file '{env_file}' not found.", stacklevel=3)
        return {}
    # Editors on Windows put a byte order mark before the first name.
    text = path.read_text(encoding=encoding).removeprefix("\ufeff")
    values = {}
    for line, name, value in parse_env(text):
        if name is None:  # which may hold a secret
            warnings.warn(
                f"Config file '{env_file}', line {line}: expected NAME=value, # comment or nothing.", stacklevel=3
            )
        else:
            values[name] = value
    return values


def _cast(key: str, value: Any, cast: Callable[[Any], Any] | None) -> Any:
    if cast is None or value is None:
        return value
    if cast is bool and isinstance(value, str):
        truth = _BOOLEANS.get(value.strip().casefold())
        if truth is None:
            raise ValueError(f"Config '{key}' has value '{value}'. Not a valid bool: use true or false.")
        return truth
    try:
        return cast(value)
    except (TypeError, ValueError) as error:
        name = getattr(cast, "__name__", type(cast).__name__)
        raise ValueError(f"Config '{key}' has value '{value}'. Not a valid {name}.") from error
