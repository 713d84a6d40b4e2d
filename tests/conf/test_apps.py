"""The registry of installed apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.conf import AppRegistry, ConfigurationError


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("apps_blog", "outer/apps_blog", "apps_shop"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "outer" / "__init__.py").touch()
    (tmp_path / "apps_shop" / "models.py").touch()
    (tmp_path / "single_module.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_apps_are_found_without_importing_them(packages: Path) -> None:
    registry = AppRegistry.find(["apps_blog", "apps_shop"])
    assert registry.labels == ["apps_blog", "apps_shop"]
    shop = registry.get("apps_shop")
    assert shop is not None
    assert shop.path == packages / "apps_shop"
    assert shop.migrations == packages / "apps_shop" / "migrations"
    assert shop.has_module("models")
    assert not shop.has_module("api")
    assert registry.get("nothing") is None
    assert len(registry) == 2
    assert repr(registry) == "<AppRegistry apps_blog, apps_shop>"


def test_a_name_that_is_no_package_suggests_one(packages: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'there is no package "aps_blog"\. Did you mean "apps_blog"'):
        AppRegistry.find(["aps_blog"])
    with pytest.raises(ConfigurationError, match="there is no package"):
        AppRegistry.find(["no_such_parent.blog"])
    with pytest.raises(ConfigurationError, match="there is no package"):
        AppRegistry.find(["single_module"])


def test_two_apps_with_one_label_are_refused(packages: Path) -> None:
    with pytest.raises(ConfigurationError, match='both have the label "apps_blog"'):
        AppRegistry.find(["apps_blog", "outer.apps_blog"])
