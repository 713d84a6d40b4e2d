"""Let an import name mean another package: after `install({"starlette": "vivace.web"})`, `import starlette.routing`
gives `vivace.web.routing`, the very module.

So what was written for the one package runs on the other, unchanged: FastAPI on `vivace.web`, Starlette's own tests.
`vivace run --toolkit vivace` does it for an application. Elsewhere, before anything imports the aliased name:

    from vivace.utils import import_alias
    import_alias.install({"starlette": "vivace.web"})

or for a whole program, such as another server or a test run:

    python -m vivace.utils.import_alias starlette=vivace.web -m uvicorn main:app
    python -m vivace.utils.import_alias starlette=vivace.web -m pytest

pytest with Vivace's plugin also reads `VIVACE_IMPORT_ALIAS=starlette=vivace.web` from the environment.

An alias is strict: what the target lacks is missing under the alias, even if a package of that name is installed.
`importlib.metadata.version("starlette")` answers with the target's `__version__`, where it has one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType

from vivace.utils.suggest import did_you_mean

ENVIRONMENT_VARIABLE = "VIVACE_IMPORT_ALIAS"
USAGE = "usage: python -m vivace.utils.import_alias NAME=PACKAGE[,NAME=PACKAGE...] (-m MODULE | FILE) [ARGUMENTS...]"


class AlreadyImportedError(ImportError):
    """The name was imported before its alias was installed: two packages would answer to it."""


def install(aliases: Mapping[str, str]) -> None:
    """From now on each key, a package or module, means its value, with all submodules; the longest key decides.

    What is installed already may be installed again. Raises ValueError for names that cannot be so,
    ModuleNotFoundError for a target that does not exist, and AlreadyImportedError when a key has been imported.
    Then nothing is installed.
    """
    wanted = {**_finder.targets, **aliases}
    for name, target in aliases.items():
        _check(name, target, wanted)
        _check_not_imported(name, target)
    _finder.targets.update(aliases)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall(name: str) -> None:
    """Take an alias back: the name means what is installed under it, if anything. KeyError for one that is none."""
    del _finder.targets[name]
    for module in list(sys.modules):
        if _is_within(module, name):
            del sys.modules[module]
    if not _finder.targets:
        sys.meta_path.remove(_finder)


def parse(text: str) -> dict[str, str]:
    """The aliases of `starlette=vivace.web,databases=vivace.databases`. ValueError says what is wrong."""
    pairs: dict[str, str] = {}
    for part in text.split(","):
        name, separator, target = (piece.strip() for piece in part.partition("="))
        if not (name and separator and target):
            raise ValueError(f"expected NAME=PACKAGE such as starlette=vivace.web, separated by commas, got {text!r}")
        pairs[name] = target
    return pairs


def install_from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Install what `VIVACE_IMPORT_ALIAS` says, if it says anything, and return that. Raises what `install` raises."""
    text = environ.get(ENVIRONMENT_VARIABLE, "")
    if not text:
        return {}
    aliases = parse(text)
    install(aliases)
    return aliases


def _check(name: str, target: str, wanted: Mapping[str, str]) -> None:
    for dotted in (name, target):
        if not all(part.isidentifier() for part in dotted.split(".")):
            raise ValueError(f"{dotted!r} is not the name of a module")
    if name in _finder.targets and _finder.targets[name] != target:
        raise ValueError(f"{name!r} is an alias of {_finder.targets[name]!r} already, got {target!r}")
    for other in wanted:
        if _is_within(target, other):
            raise ValueError(f"the target of an alias cannot be within an alias: {name}={target}, {other}=…")
    if importlib.util.find_spec(target) is None:
        raise ModuleNotFoundError(f"No module named {target!r}, of which {name!r} was to be an alias", name=target)


def _check_not_imported(name: str, target: str) -> None:
    for imported, module in sys.modules.items():
        if _is_within(imported, name) and module is not sys.modules.get(target + imported[len(name) :]):
            place = getattr(module, "__file__", None)
            raise AlreadyImportedError(
                f"{imported!r} was imported{f' from {place}' if place else ''} before {name!r} became an alias of "
                f"{target!r}. Install the alias first, before anything that imports {name!r}.",
                name=imported,
            )


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


class _Finder(DistributionFinder):
    """On `sys.meta_path`, in front of what looks for files."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        names = [name for name in self.targets if _is_within(fullname, name)]
        if not names:
            return None
        alias = max(names, key=len)
        package = self.targets[alias]
        real = package + fullname[len(alias) :]
        if importlib.util.find_spec(real) is None:
            raise ModuleNotFoundError(_not_there(fullname, real, alias, package), name=fullname)
        return ModuleSpec(fullname, _Loader(real), origin=f"alias of {real}")

    def find_distributions(
        self,
        context: DistributionFinder.Context = DistributionFinder.Context(),  # noqa: B008 - as its base class
    ) -> Iterator[Distribution]:
        """What `importlib.metadata` is told of the aliases."""
        for name, target in self.targets.items():
            asked = context.name is not None and _normalized(context.name) == _normalized(name)
            if context.name is None or (asked and _version(target) is not None):
                yield _Distribution(name, target)


class _Loader(Loader):
    """Gives the target's module; the import system then knows it under both names."""

    def __init__(self, real: str) -> None:
        self.real = real
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It has run. In between the import system has given it the alias's spec, which would make it forget its name.
        module.__spec__ = self.spec


class _Distribution(Distribution):
    """What would stand in the metadata of an aliased package. The target is imported only for whoever reads it: pytest
    looks through all distributions for plugins, before anything else may be imported.
    """

    def __init__(self, name: str, target: str) -> None:
        self._alias = name
        self._target = target

    @property
    def name(self) -> str:
        """What stands in the metadata, which need not be read for it."""
        return self._alias

    def read_text(self, filename: str) -> str | None:
        if filename == "top_level.txt":
            return f"{self._alias}\n"
        if filename != "METADATA":
            return None
        version = _version(self._target) or "0"
        return f"Metadata-Version: 2.1\nName: {self._alias}\nVersion: {version}\nSummary: Alias of {self._target}\n"

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        return Path(path)


def _version(target: str) -> str | None:
    version = getattr(importlib.import_module(target), "__version__", None)
    return version if isinstance(version, str) else None


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _not_there(fullname: str, real: str, alias: str, package: str) -> str:
    parent, _, child = real.rpartition(".")
    folders = getattr(sys.modules.get(parent), "__path__", [])
    modules = {
        path.stem
        for folder in folders
        for path in Path(folder).iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    hint = did_you_mean(child, modules, listed_as=f"Modules of {parent}")
    return f"No module named {fullname!r}: {alias!r} is an alias of {package!r}, and there is no {real!r}. {hint}"


_finder = _Finder()


def main(arguments: Sequence[str]) -> None:
    """Install aliases and run a module or a file as `python` would. SystemExit for what cannot be run so."""
    if len(arguments) < 2 or (arguments[1] == "-m" and len(arguments) < 3):
        raise SystemExit(USAGE)
    try:
        install(parse(arguments[0]))
    except (ValueError, ImportError) as error:
        raise SystemExit(f"import_alias: {error}") from None
    if arguments[1] == "-m":
        sys.argv = list(arguments[2:])
        runpy.run_module(arguments[2], run_name="__main__", alter_sys=True)
        return
    sys.argv = list(arguments[1:])
    sys.path[0] = str(Path(arguments[1]).resolve().parent)
    runpy.run_path(arguments[1], run_name="__main__")


if __name__ == "__main__":
    # This file runs as `__main__`; the aliases belong to the module that others import.
    from vivace.utils.import_alias import main as run

    run(sys.argv[1:])
