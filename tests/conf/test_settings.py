"""Settings: sources and their order, conversion, and the one error that lists every fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest

from vivace.conf import ConfigurationError, Fault, Rule, Secret, Settings, SettingsError, Url
from vivace.conf.settings import Settings as Base


class Site(Settings):
    INSTALLED_APPS = ["blog"]
    PAGE_SIZE: int = 20
    MODE: Literal["fast", "slow"] = "fast"
    TOKEN: Secret = ""
    BACKUP: Url | None = None


def load(cls: type[Base], folder: Path, **environ: str) -> Base:
    return cls.load(environ=environ, defaults={"BASE_DIR": folder}, defaults_origin="test")


def faults(cls: type[Base], folder: Path, **environ: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load(cls, folder, **environ)
    return {fault.setting: f"{fault.origin}: {fault.problem}" for fault in caught.value.faults}


def test_the_class_alone_gives_defaults_and_its_own_values(tmp_path: Path) -> None:
    settings = load(Site, tmp_path)
    assert settings.DEBUG is False
    assert settings.INSTALLED_APPS == ["blog"]
    assert settings.PAGE_SIZE == 20  # type: ignore[attr-defined]


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    class FileSite(Site, file="site.toml"):
        PAGE_SIZE = 30

    def page_size(**environ: str) -> object:
        return load(FileSite, tmp_path, **environ).PAGE_SIZE  # type: ignore[attr-defined]

    (tmp_path / "site.toml").write_text("DEBUG = true\n")
    assert page_size() == 30
    (tmp_path / "site.toml").write_text("PAGE_SIZE = 40\n")
    assert page_size() == 40
    (tmp_path / ".env").write_text("VIVACE_PAGE_SIZE=50\n")
    assert page_size() == 50
    assert page_size(VIVACE_PAGE_SIZE="60") == 60


def test_a_default_from_code_stands_between_class_and_files(tmp_path: Path) -> None:
    values = {"BASE_DIR": tmp_path, "PAGE_SIZE": 7}
    assert Site.load(environ={}, defaults=values).PAGE_SIZE == 7
    assert Site.load(environ={"VIVACE_PAGE_SIZE": "8"}, defaults=values).PAGE_SIZE == 8


def test_an_environment_variable_names_another_file(tmp_path: Path) -> None:
    (tmp_path / "production.toml").write_text('DATABASE = "postgresql://db/site"\n')
    settings = load(Site, tmp_path, VIVACE_SETTINGS_FILE="production.toml")
    assert settings.DATABASE == "postgresql://db/site"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("DEBUG", "on", True),
        ("DEBUG", "No", False),
        ("DEBUG", "1", True),
        ("PAGE_SIZE", "50", 50),
        ("MODE", "slow", "slow"),
        ("LOG_LEVEL", "info", "INFO"),
        ("X_FRAME_OPTIONS", "sameorigin", "SAMEORIGIN"),
        ("ALLOWED_HOSTS", "a.example, b.example", ["a.example", "b.example"]),
        ("ALLOWED_HOSTS", '["a.example"]', ["a.example"]),
        ("ALLOWED_HOSTS", "", []),
        ("LOGGING", '{"version": 1}', {"version": 1}),
        ("ROOT_URLCONF", "site.urls", "site.urls"),
        ("BACKUP", "postgresql://u:p@h/d", "postgresql://u:p@h/d"),
    ],
)
def test_text_from_the_environment_becomes_the_annotated_type(
    tmp_path: Path, name: str, text: str, expected: object
) -> None:
    settings = load(Site, tmp_path, **{f"VIVACE_{name}": text})
    assert getattr(settings, name) == expected


def test_relative_paths_start_at_base_dir(tmp_path: Path) -> None:
    settings = load(Site, tmp_path, VIVACE_STATICFILES_DIRS="assets,/srv/static")
    templates, static = settings.TEMPLATE_DIRS, settings.STATICFILES_DIRS
    assert templates == [tmp_path / "templates"]
    assert static == [tmp_path / "assets", Path("/srv/static")]


def test_base_dir_is_the_folder_of_the_top_level_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_site"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "settings.py").write_text("import vivace.conf\nclass Settings(vivace.conf.Settings): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from some_site.settings import Settings as SomeSettings  # type: ignore[import-not-found]

    base_dir = SomeSettings.load(environ={}).BASE_DIR
    assert base_dir == tmp_path


def test_all_faults_are_listed_at_once_with_origin_and_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# comment\nVIVACE_PAGE_SIZE=many\n")
    found = faults(Site, tmp_path, VIVACE_DEBUG="perhaps", VIVACE_MODE="quick", VIVACE_DATABASE="db.sqlite3")
    assert found["DEBUG"].startswith("environment variable VIVACE_DEBUG: found 'perhaps', expected true or false")
    assert found["PAGE_SIZE"] == ".env line 2: found 'many', expected a whole number"
    assert found["MODE"].endswith("found 'quick', expected one of fast, slow")
    assert "expected a URL such as sqlite:///db.sqlite3" in found["DATABASE"]


def test_the_error_reads_as_one_list() -> None:
    with pytest.raises(SettingsError) as caught:
        Site(DEBUG="x", PAGE_SIZE="y")
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("2 faults in the settings ")
    assert lines == [
        "  DEBUG (Site(DEBUG=…)): found 'x', expected true or false",
        "  PAGE_SIZE (Site(PAGE_SIZE=…)): found 'y', expected a whole number",
    ]


def test_a_required_setting_says_how_to_set_it(tmp_path: Path) -> None:
    class Required(Settings):
        SECRET_KEY: Secret
        API_TOKEN: Secret

    assert faults(Required, tmp_path) == {
        "SECRET_KEY": "not set: expected text; set VIVACE_SECRET_KEY in the environment or in .env",
        "API_TOKEN": "not set: expected text; set VIVACE_API_TOKEN in the environment or in .env",
    }
    assert load(Required, tmp_path, VIVACE_SECRET_KEY="x", VIVACE_API_TOKEN="y").SECRET_KEY == "x"


def test_an_unknown_key_of_a_file_names_the_nearest(tmp_path: Path) -> None:
    class FileSite(Site, file="site.toml"): ...

    (tmp_path / "site.toml").write_text('ALOWED_HOSTS = ["x"]\n')
    assert 'Did you mean "ALLOWED_HOSTS"?' in faults(FileSite, tmp_path)["ALOWED_HOSTS"]


def test_a_misspelt_environment_variable_is_a_fault_and_a_foreign_one_is_not(tmp_path: Path) -> None:
    load(Site, tmp_path, VIVACE_TEST_POSTGRES="x", VIVACE_HOST="0.0.0.0", OTHER="y")
    assert 'Did you mean "VIVACE_DEBUG"?' in faults(Site, tmp_path, VIVACE_DEBUGG="1")["VIVACE_DEBUGG"]


def test_an_attribute_without_a_type_is_explained(tmp_path: Path) -> None:
    class Untyped(Settings):
        PAGE_COUNT = 3

    assert "needs a type: `PAGE_COUNT: int = …`" in faults(Untyped, tmp_path)["PAGE_COUNT"]


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    settings = load(
        Site, tmp_path, VIVACE_TOKEN="hush-hush", VIVACE_DATABASE="postgresql://ann:hush-hush@db/site?sslmode=require"
    )
    assert settings.TOKEN == "hush-hush"  # type: ignore[attr-defined]
    assert "hush-hush" not in repr(settings)
    assert "postgresql://ann:********@db/site?sslmode=require" in repr(settings)

    class Numbered(Settings):
        PIN: Secret

    with pytest.raises(SettingsError) as caught:
        Numbered(PIN=123456)
    assert "123456" not in str(caught.value)


def test_a_rule_states_what_is_allowed(tmp_path: Path) -> None:
    class Ruled(Settings):
        PORT: Annotated[int, Rule(lambda port: 0 < port < 65536, "a port between 1 and 65535")] = 80

    assert "found '70000', expected a port between 1 and 65535" in faults(Ruled, tmp_path, VIVACE_PORT="70000")["PORT"]


def test_rules_between_settings_are_checked_with_the_rest(tmp_path: Path) -> None:
    class Ruled(Site):
        def check(self) -> list[Fault]:
            wrong = self.MODE == "slow" and not self.DEBUG
            return [*super().check(), *([Fault("MODE", "check", "slow needs DEBUG")] if wrong else [])]

    assert faults(Ruled, tmp_path, VIVACE_MODE="slow") == {"MODE": "check: slow needs DEBUG"}


@pytest.mark.parametrize("value", ["static", "/static", "static/", "/", "//", ""])
def test_a_url_prefix_starts_and_ends_with_a_slash(tmp_path: Path, value: str) -> None:
    assert "such as /static/" in faults(Site, tmp_path, VIVACE_STATIC_URL=value)["STATIC_URL"]


def test_env_file_quotes_comments_and_export(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "export VIVACE_TOKEN='a # b' \nVIVACE_ROOT_URLCONF=site.urls # the routes\n"
        'VIVACE_BACKUP="sqlite:///a\\"b"\nOTHER=1\n\n'
    )
    settings = load(Site, tmp_path)
    assert settings.TOKEN == "a # b"  # type: ignore[attr-defined]
    assert settings.ROOT_URLCONF == "site.urls"
    assert settings.BACKUP == 'sqlite:///a"b'  # type: ignore[attr-defined]


def test_a_broken_file_is_a_fault_and_not_a_traceback(tmp_path: Path) -> None:
    class FileSite(Site, file="site.toml"): ...

    assert "there is no file" in faults(FileSite, tmp_path)["site.toml"]
    (tmp_path / "site.toml").write_text("DEBUG = \n")
    (tmp_path / ".env").write_text("just words\n")
    found = faults(FileSite, tmp_path)
    assert "cannot be read" in found["site.toml"]
    assert found[".env"].startswith("line 1: expected NAME=value")


def test_settings_do_not_change_after_loading() -> None:
    with pytest.raises(AttributeError, match="do not change"):
        Site().DEBUG = True


def test_lists_of_the_class_are_not_shared_with_its_instances() -> None:
    Site().INSTALLED_APPS.append("shop")
    assert Site.INSTALLED_APPS == ["blog"]


def test_importing_a_settings_module_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(
        "import os, builtins, io\n"
        "import vivace.conf\n"
        "os.environ = None\n"
        "class Settings(vivace.conf.Settings, file='missing.toml'):\n    SECRET_KEY: vivace.conf.Secret\n"
    )
    subprocess.run([sys.executable, "-c", "import settings"], cwd=tmp_path, check=True)


def test_prefix_and_env_file_are_the_classes_own(tmp_path: Path) -> None:
    class Mine(Settings, env_prefix="MINE_", env_file="mine.env"): ...

    (tmp_path / ".env").write_text("VIVACE_DEBUG=1\n")
    (tmp_path / "mine.env").write_text("MINE_ROOT_URLCONF=mine.urls\n")
    settings = load(Mine, tmp_path, VIVACE_DEBUG="1", MINE_LOG_LEVEL="error")
    assert (settings.DEBUG, settings.ROOT_URLCONF, settings.LOG_LEVEL) == (False, "mine.urls", "ERROR")


def test_an_env_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"VIVACE_DEBUG=\xff\n")
    assert "cannot be read" in faults(Site, tmp_path)[".env"]


def test_an_annotation_without_meaning_names_the_class(tmp_path: Path) -> None:
    class Wrong(Settings):
        PAGES: "Nonsense" = 1  # type: ignore[name-defined]  # noqa: F821, UP037

    with pytest.raises(ConfigurationError, match="Wrong: an annotation has no meaning: name 'Nonsense'"):
        load(Wrong, tmp_path)


def test_the_names_of_all_settings() -> None:
    names = Site.names()
    assert {"DEBUG", "PAGE_SIZE", "TOKEN"} <= set(names)
    assert not [name for name in names if name.startswith("_")]


def test_vivaces_own_defaults_are_loaded_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base_dir = Settings.load(environ={}).BASE_DIR
    assert base_dir == tmp_path
