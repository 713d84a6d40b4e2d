import importlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace.utils import import_alias


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `modern` with modules, and beside it an installed `classic`, whose name is to be taken over."""
    files = {
        "modern/__init__.py": "__version__ = '4.2'\n",
        "modern/routes.py": "from modern.paths import Path\nclass Route: pass\n",
        "modern/paths/__init__.py": "class Path: pass\n",
        "modern/paths/deep.py": "import modern.routes\n",
        "modern/broken.py": "import a_library_that_nobody_has\n",
        "classic/__init__.py": "",
        "classic/only_here.py": "",
        "classic_extras/__init__.py": "",
        "uses_both.py": "import classic.routes, modern.routes\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before, finders = set(sys.modules), list(sys.meta_path)
    yield tmp_path
    for name in list(import_alias._finder.targets):
        import_alias.uninstall(name)
    assert sys.meta_path == finders
    for module in set(sys.modules) - before:
        del sys.modules[module]


def run(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
    )


def load(name: str) -> object:
    return importlib.import_module(name)


def test_an_alias_gives_the_very_modules(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    for module in ("", ".routes", ".paths", ".paths.deep"):
        assert load(f"classic{module}") is load(f"modern{module}")
    load("uses_both")


def test_modules_keep_their_own_names_and_specs(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    module = importlib.import_module("classic.paths.deep")
    assert module.__name__ == "modern.paths.deep"
    assert module.__spec__ is not None
    assert module.__spec__.name == "modern.paths.deep"
    assert module.__package__ == "modern.paths"
    assert importlib.reload(module) is module


def test_every_form_of_import_works(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    names: dict[str, object] = {}
    exec(
        "from classic import routes, paths\nfrom classic.routes import Route\nimport classic.paths.deep as deep", names
    )
    assert names["routes"] is load("modern.routes")
    assert names["deep"] is load("modern.paths.deep")
    assert names["Route"] is load("modern.routes").Route  # type: ignore[attr-defined]


def test_a_name_that_only_begins_alike_is_another(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    assert load("classic_extras").__file__ == str(packages / "classic_extras/__init__.py")  # type: ignore[attr-defined]


def test_the_longest_alias_decides(packages: Path) -> None:
    import_alias.install({"classic": "modern", "classic.tracks": "modern.routes"})
    assert load("classic.tracks") is load("modern.routes")
    assert load("classic.routes") is load("modern.routes")


def test_what_the_target_lacks_is_missing_even_if_installed(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    with pytest.raises(ModuleNotFoundError) as raised:
        load("classic.only_here")
    assert raised.value.name == "classic.only_here"
    assert str(raised.value) == (
        "No module named 'classic.only_here': 'classic' is an alias of 'modern', and there is no 'modern.only_here'. "
        "Modules of modern: broken, paths, routes."
    )


def test_a_library_that_the_target_needs_is_named_itself(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    with pytest.raises(ModuleNotFoundError, match="No module named 'a_library_that_nobody_has'"):
        load("classic.broken")


def test_what_was_imported_before_is_told(packages: Path) -> None:
    load("classic.only_here")
    with pytest.raises(import_alias.AlreadyImportedError) as raised:
        import_alias.install({"classic": "modern"})
    assert str(packages / "classic/__init__.py") in str(raised.value)
    assert "Install the alias first" in str(raised.value)
    assert load("classic") is not load("modern")


def test_an_alias_may_be_installed_again(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    load("classic.routes")
    import_alias.install({"classic": "modern"})
    with pytest.raises(ValueError, match="'classic' is an alias of 'modern' already, got 'classic_extras'"):
        import_alias.install({"classic": "classic_extras"})


def test_a_target_that_does_not_exist_is_refused_at_once(packages: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'nothing', of which 'classic' was to be an alias"):
        import_alias.install({"classic": "nothing"})
    load("classic.only_here")


@pytest.mark.parametrize("aliases", [{"modern": "modern.routes"}, {"modern": "modern"}, {"a": "modern", "modern": "b"}])
def test_aliases_of_aliases_are_refused(packages: Path, aliases: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be within an alias"):
        import_alias.install(aliases)


def test_a_name_must_be_one(packages: Path) -> None:
    with pytest.raises(ValueError, match="'no-name' is not the name of a module"):
        import_alias.install({"no-name": "modern"})


def test_the_version_is_that_of_the_target(packages: Path) -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("classic")
    import_alias.install({"classic": "modern"})
    assert importlib.metadata.version("Classic") == "4.2"
    assert importlib.metadata.metadata("classic")["Summary"] == "Alias of modern"
    assert any(found.name == "classic" for found in importlib.metadata.distributions())


def test_looking_through_all_distributions_imports_nothing(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    list(importlib.metadata.entry_points(group="pytest11"))
    assert "modern" not in sys.modules


def test_a_target_without_a_version_answers_no_question(packages: Path) -> None:
    import_alias.install({"classic": "modern.paths"})
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("classic")


def test_an_alias_can_be_taken_back(packages: Path) -> None:
    import_alias.install({"classic": "modern"})
    load("classic.routes")
    import_alias.uninstall("classic")
    assert load("classic.only_here") is not None
    with pytest.raises(KeyError):
        import_alias.uninstall("classic")


def test_several_aliases_are_read_from_text() -> None:
    assert import_alias.parse("a=b, c.d=e") == {"a": "b", "c.d": "e"}


@pytest.mark.parametrize("text", ["", "a", "a=", "=b", "a=b,"])
def test_text_that_names_no_aliases_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected NAME=PACKAGE"):
        import_alias.parse(text)


def test_a_module_runs_with_an_alias(packages: Path) -> None:
    (packages / "program.py").write_text("import sys, classic.routes\nprint(classic.__name__, sys.argv[1:], __name__)")
    for form in (["-m", "program"], ["program.py"]):
        ended = run("-m", "vivace.utils.import_alias", "classic=modern", *form, "--flag", folder=packages)
        assert ended.stdout == "modern ['--flag'] __main__\n", ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage:"),
        (["classic=modern", "-m"], "usage:"),
        (["classic", "program.py"], "expected NAME=PACKAGE"),
        (["classic=nothing", "program.py"], "No module named 'nothing'"),
    ],
)
def test_a_program_that_cannot_run_is_explained(packages: Path, arguments: list[str], message: str) -> None:
    ended = run("-m", "vivace.utils.import_alias", *arguments, folder=packages)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_pytest_reads_the_aliases_from_the_environment(packages: Path) -> None:
    (packages / "test_it.py").write_text("import classic\ndef test(): assert classic.__name__ == 'modern'")
    (packages / "conftest.py").write_text("import classic.routes")
    pytest_run = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", ".")
    ended = run(*pytest_run, folder=packages, PYTHONPATH=".", VIVACE_IMPORT_ALIAS="classic=modern")
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
    ended = run(*pytest_run, folder=packages, PYTHONPATH=".", VIVACE_IMPORT_ALIAS="classic")
    assert "VIVACE_IMPORT_ALIAS: expected NAME=PACKAGE" in ended.stderr


def test_starlette_can_mean_vivace_web(tmp_path: Path) -> None:
    ended = run(
        "-c",
        "from vivace.utils import import_alias; import_alias.install({'starlette': 'vivace.web'})\n"
        "import starlette, starlette.middleware.gzip, vivace.web.middleware.gzip\n"
        "from starlette import routing, status\n"
        "from importlib.metadata import version\n"
        "assert starlette.middleware.gzip is vivace.web.middleware.gzip\n"
        "print(routing.Route.__module__.split('.')[0], starlette.__version__ == version('starlette'))\n",
        folder=tmp_path,
    )
    assert ended.stdout == "vivace True\n", ended.stderr
