"""Find the application that `module:app` or `file.py` names, and explain why when it cannot be found."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from vivace.server.config import Config, Toolkit
from vivace.server.errors import AppLoadError, describe
from vivace.server.types import Application
from vivace.utils import import_alias
from vivace.utils.suggest import did_you_mean, with_article

# What a module's application is called when the target does not say.
USUAL_NAMES = ("app", "application")
# What the application's imports mean with a toolkit. A name and no import: the server knows no toolkit.
TOOLKITS: dict[Toolkit, dict[str, str]] = {"vivace": {"starlette": "vivace.web"}}


def load_configured(target: str, config: Config) -> Application:
    """The application that `target` names, with the options of a configuration. Raises AppLoadError."""
    return load_app(target, app_dir=config.app_dir, factory=config.factory, toolkit=config.toolkit)


def load_app(
    target: str, *, app_dir: str | Path = ".", factory: bool = False, toolkit: Toolkit | None = None
) -> Application:
    """The application that `target` names: `package.module:app`, `module:site.app`, `file.py` or `file.py:app`.

    Without `:name` it is `app` or `application`. `app_dir` goes first on `sys.path`. With `factory`, what is named is
    called without arguments and returns the application. With `toolkit` "vivace" whatever this process imports of
    `starlette` from now on is `vivace.web`. Raises AppLoadError, whose text says what to try.
    """
    if toolkit is not None:
        _use_toolkit(toolkit, target)
    location, _, attribute = target.partition(":")
    if target.endswith(".py") or ".py:" in target:
        location, _, attribute = target.rpartition(":") if ".py:" in target else (target, "", "")
        module = _import_file(location, Path(app_dir))
    else:
        module = _import_module(location, target, Path(app_dir))
    found = _attribute(module, attribute, target)
    if factory:
        found = _call_factory(found, target)
    if not callable(found):
        raise AppLoadError(
            f'"{target}" is {with_article(type(found).__name__)}, not an application '
            "(in ASGI a callable of scope, receive, send, in WSGI one of environ, start_response)."
        )
    return cast(Application, found)


def _use_toolkit(toolkit: Toolkit, target: str) -> None:
    try:
        import_alias.install(TOOLKITS[toolkit])
    except ImportError as error:
        raise AppLoadError(f'Could not import "{target}" with toolkit={toolkit}: {error}') from None


def _put_on_path(directory: Path) -> None:
    path = str(directory.resolve())
    if path not in sys.path:
        sys.path.insert(0, path)


def _import_module(name: str, target: str, app_dir: Path) -> ModuleType:
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise AppLoadError(f'"{target}" does not name an application. Use "module:app", "file.py" or "file.py:app".')
    _put_on_path(app_dir)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise AppLoadError(_no_such_module(error.name, name, target, app_dir)) from None
        raise AppLoadError(_import_failed(f'"{target}"', error)) from error
    except BaseException as error:
        raise _explained(f'"{target}"', error) from error


def _no_such_module(missing: str, name: str, target: str, app_dir: Path) -> str:
    directory = app_dir.resolve()
    if not directory.is_dir():
        return f'Could not import "{target}": app_dir {directory} is not a directory.'
    if missing != name:
        return f'Could not import "{target}": there is no module "{missing}" in {directory} or on sys.path.'
    nearby = directory.joinpath(*name.split(".")[:-1])
    modules = sorted(
        {path.stem for path in nearby.glob("*.py")} | {path.parent.name for path in nearby.glob("*/__init__.py")}
    )
    hint = did_you_mean(name.rpartition(".")[2], modules, listed_as=f"Modules in {nearby}")
    return f'Could not import "{target}": there is no module "{missing}". {hint}'


def _import_file(location: str, app_dir: Path) -> ModuleType:
    path = Path(location)
    if not path.is_absolute():
        path = app_dir / path
    path = path.resolve()
    if not path.is_file():
        others = [file.name for file in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, others, listed_as=f"Python files in {path.parent}")
        raise AppLoadError(f"There is no file {path}. {hint}")
    _put_on_path(path.parent)
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if known is not None or not path.stem.isidentifier():
        return _execute_file(path)
    try:
        module = importlib.import_module(path.stem)
    except BaseException as error:
        raise _explained(str(path), error) from error
    # A package or an installed module of the same name was found first.
    return module if getattr(module, "__file__", None) == str(path) else _execute_file(path)


def _execute_file(path: Path) -> ModuleType:
    """Import a file whose name another module already has, under a name of its own."""
    name = f"vivace_app_{path.stem}".replace("-", "_").replace(".", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AppLoadError(f"Python has no way to import {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _explained(str(path), error) from error
    return module


def _explained(what: str, error: BaseException) -> BaseException:
    """`error` as an AppLoadError, unless it says that the process should end."""
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return error
    if isinstance(error, SystemExit):
        return AppLoadError(f"Could not import {what}: it ended the program (SystemExit {error.code!r}).")
    return AppLoadError(_import_failed(what, error))


def _import_failed(what: str, error: BaseException) -> str:
    return f"Could not import {what}:\n{describe(error, hidden=(__file__, importlib.__file__))}"


def _attribute(module: ModuleType, name: str, target: str) -> Any:
    if not name:
        for usual in USUAL_NAMES:
            if hasattr(module, usual):
                return getattr(module, usual)
        callables = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        hint = did_you_mean("app", callables, listed_as="Callables there")
        raise AppLoadError(f'"{target}" has neither "app" nor "application". Name it: "{target}:NAME". {hint}')
    found: Any = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [key for key in dir(found) if not key.startswith("_")]
            hint = did_you_mean(part, names, listed_as="Names there")
            raise AppLoadError(f'"{target}": {_name_of(found)} has no "{part}". {hint}') from None
    return found


def _name_of(found: Any) -> str:
    return f"module {found.__name__}" if isinstance(found, ModuleType) else type(found).__name__


def _call_factory(factory: Callable[[], Any], target: str) -> Any:
    if not callable(factory):
        raise AppLoadError(f'"{target}" is {with_article(type(factory).__name__)}; with factory it must be a callable.')
    try:
        return factory()
    except BaseException as error:
        explained = _explained(f'"{target}"', error)
        if isinstance(explained, AppLoadError):
            explained = AppLoadError(str(explained).replace("Could not import", "The factory failed:", 1))
        raise explained from error
